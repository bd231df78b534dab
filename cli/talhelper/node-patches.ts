import type { z } from "zod";
import { compareMinor } from "../../components/settings/versions";
import type { ImportContext, Render } from "./machine-fields";
import { isJoined, type MergedNode, type Sourced } from "./node-configs";
import { fileReference, substitute } from "./read-talconfig";
import type { NodeConfigs, Patch, Talconfig, TalconfigNode } from "./talconfig";

/** Talos' own label of a control plane, from contract 1.8 on. */
const balancerLabel = "node.kubernetes.io/exclude-from-external-load-balancers";

/**
 * The patches of a node in talhelper's order: those of its group, its own, those of the cluster, and last its extra
 * manifests. What talhelper replaces in the config before it applies patches comes first: disks, and all labels.
 * Source: talhelper, pkg/generate/config.go and pkg/talos/nodeconfig.go.
 */
export function nodePatches(
  talconfig: Talconfig,
  node: TalconfigNode,
  { role, at, configs, atOf }: MergedNode,
  render: Render,
  context: ImportContext,
): Sourced<Patch>[] {
  const group: NodeConfigs = talconfig[role] ?? {};
  const list = (from: Sourced<Patch>["from"], patches: readonly Patch[] = [], path: string) =>
    patches.map((patch, index) => ({ from, value: renderPatch(patch, `${path}[${index}]`, render, context) }));
  const manifests = (from: Sourced<Patch>["from"], files: readonly string[] = [], path: string) =>
    files.map((file, index) => {
      const name = file.replace(/^@/, "").trim();
      return { from, value: fromFile(name, `${path}[${index}]`, render, context, false) };
    });
  const replaced = (key: keyof NodeConfigs, machine: Patch | undefined) => {
    const from = atOf(key).startsWith(role) ? ("group" as const) : ("node" as const);
    return { from, value: machine && { machine } };
  };
  const { machineDisks = [], nodeLabels = { [balancerLabel]: "" } } = configs;
  const hasLabel = role === "controlPlane" && compareMinor(talconfig.talosVersion, "1.8") >= 0;
  const withoutLabel = hasLabel && !Object.hasOwn(nodeLabels, balancerLabel);
  const all: readonly Sourced<Patch | undefined>[] = [
    replaced("nodeLabels", withoutLabel ? { nodeLabels: { [balancerLabel]: { $patch: "delete" } } } : undefined),
    replaced("machineDisks", machineDisks.length > 0 ? { disks: machineDisks as z.core.util.JSONType } : undefined),
    ...(isJoined(node.patches, node.overridePatches) ? list("group", group.patches, `${role}.patches`) : []),
    ...list("node", node.patches, `${at}.patches`),
    ...list("cluster", talconfig.patches, "patches"),
    ...manifests("node", node.extraManifests, `${at}.extraManifests`),
    ...(isJoined(node.extraManifests, node.overrideExtraManifests)
      ? manifests("group", group.extraManifests, `${role}.extraManifests`)
      : []),
  ];
  return all.flatMap(({ from, value }) => (value === undefined ? [] : [{ from, value }]));
}

function renderPatch(patch: Patch, at: string, render: Render, context: ImportContext): Patch | undefined {
  const miss = (why: string) => context.notes.miss(at, why);
  if (typeof patch !== "string") {
    const text = JSON.stringify(patch);
    return text.includes("{{") ? render(text, miss) : patch;
  }
  const file = fileReference(patch);
  return file === undefined ? render(patch, miss) : fromFile(file, at, render, context, true);
}

/** A reference to the file, or its content where talhelper changes it. Undefined where it is empty, or cannot be read. */
function fromFile(
  file: string,
  at: string,
  render: Render,
  { readText, fromProject, environment, notes }: ImportContext,
  hasVariables: boolean,
): string | undefined {
  const text = readText(file);
  if (text === undefined || text.trim() === "") return undefined;
  const rendered = render(text, (why) => notes.miss(at, `${file} has ${why}`));
  if (rendered === undefined) return undefined;
  const content = hasVariables ? substitute(rendered, environment, notes) : rendered;
  if (content === text) return `@${fromProject(file)}`;
  notes.remark(at, "its content is in the stack file, because talhelper fills its variables and templates");
  return content;
}
