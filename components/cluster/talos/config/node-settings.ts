import type { TalosClusterSettings } from "../../../settings/sections/cluster";
import type { SettingPath } from "../../../shared/problem";
import type { PlacedPatch } from "./patches";
import type { TalosNodeSettings } from "./types";

type Group = NonNullable<TalosClusterSettings["worker"]>;
type Patch = Group["patches"][number];

/** A node's settings with those of its group, and every patch that holds for it, in the order they are applied. */
export interface NodeSettings {
  readonly node: TalosNodeSettings;
  readonly patches: readonly PlacedPatch[];
}

function placed(patches: readonly Patch[] | undefined, ...path: SettingPath): PlacedPatch[] {
  return (patches ?? []).map((patch, index) => ({ path: ["cluster", ...path, "patches", index], patch }));
}

/**
 * What holds for a node. A field the node sets stands instead of its group's; `certSANs`, `documents` and patches of
 * both hold, the group's first, unless the node overrides them.
 */
export function settingsOf(settings: TalosClusterSettings, index: number): NodeSettings {
  const node = settings.nodes[index];
  if (!node) throw new RangeError(`there is no node ${index}`);
  const role = node.controlPlane ? "controlPlane" : "worker";
  const group = settings[role];
  const ofGroup = Object.entries(group ?? {}).filter(([key]) => isUnset(node[key as keyof Group]));
  return {
    node: {
      ...node,
      ...Object.fromEntries(ofGroup),
      certSANs: [...(node.overrideMachineCertSANs ? [] : (group?.certSANs ?? [])), ...node.certSANs],
      documents: [...(group?.documents ?? []), ...node.documents],
    },
    patches: [
      ...placed(settings.patches),
      ...(node.overridePatches ? [] : placed(group?.patches, role)),
      ...placed(node.patches, "nodes", index),
    ],
  };
}

/** Defaults are empty lists, empty maps and false. */
function isUnset(value: unknown): boolean {
  if (value === undefined || value === false) return true;
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}
