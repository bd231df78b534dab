import type { SettingPath } from "../../shared/problem";

interface Patched {
  readonly patches: readonly unknown[];
}

/** What of a cluster's settings decides which patches a node has. */
export interface PatchedCluster extends Patched {
  readonly controlPlane?: Patched | undefined;
  readonly worker?: Patched | undefined;
  readonly nodes: readonly (Patched & { readonly controlPlane: boolean; readonly overridePatches: boolean })[];
}

export function groupOf({ controlPlane }: { readonly controlPlane: boolean }): "controlPlane" | "worker" {
  return controlPlane ? "controlPlane" : "worker";
}

/** The patches of a node in the order in which they apply: lists, each with its place below `cluster`. */
export function patchLists(
  cluster: PatchedCluster,
  index: number,
): readonly (readonly [at: SettingPath, list: readonly unknown[]])[] {
  const node = cluster.nodes[index];
  if (!node) throw new RangeError(`there is no node ${index}`);
  const group = groupOf(node);
  return [
    [[], cluster.patches],
    [[group], node.overridePatches ? [] : (cluster[group]?.patches ?? [])],
    [["nodes", index], node.patches],
  ];
}
