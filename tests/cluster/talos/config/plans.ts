import { readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";
import assert from "node:assert/strict";
import { machineConfigProblems, nodePlan } from "../../../../components/cluster/talos/config/node-plan";
import { readPatches } from "../../../../components/cluster/talos/config/user-patches";
import { formatPath } from "../../../../components/shared/problem";
import { clusterSettings, type TalosClusterSettings } from "../../../../components/cluster/kinds";

export const root = path.resolve(__dirname, "../../../..");

/** Today's versions, and those at which the form of configs changed before. */
export const releases = {
  "v1.7": { talosVersion: "v1.7.4", kubernetesVersion: "v1.29.1" },
  "v1.12": { talosVersion: "v1.12.4", kubernetesVersion: "v1.35.1" },
  "v1.13": { talosVersion: "v1.13.9", kubernetesVersion: "v1.36.3" },
  "v1.14": { talosVersion: "v1.14.0", kubernetesVersion: "v1.36.3" },
} as const;

export type NodePlan = ReturnType<typeof nodePlan>;

export type Release = keyof typeof releases;

/** Settings of a Talos cluster, parsed like those of a stack file. */
export function talosSettings(raw: Record<string, unknown>): TalosClusterSettings {
  const settings = clusterSettings.parse(raw);
  if (settings.kind !== "talos") throw new Error("expected kind talos");
  return settings;
}

/** The cluster of a stack file, with other values for some fields. */
export function stackCluster(file: string, over: Record<string, unknown> = {}): TalosClusterSettings {
  const { config } = parse(readFileSync(path.join(root, file), "utf8")) as { config: Record<string, object> };
  return talosSettings({ ...config["talos-mesh:cluster"], ...over });
}

/** The article's three nodes at a release, with its patch as the blog has it unless another is given. */
export function articleCluster(release: Release, over: Record<string, unknown> = {}): TalosClusterSettings {
  return stackCluster("Pulumi.article.yaml", { ...releases[release], ...over });
}

export function noFiles(file: string): string {
  throw Object.assign(new Error(`ENOENT: no such file or directory, open '${file}'`), { code: "ENOENT" });
}

/** The plans of all nodes. */
export function planOf(settings: TalosClusterSettings, files: Record<string, string> = {}): readonly NodePlan[] {
  const readFile = (file: string) => files[file] ?? noFiles(file);
  assert.deepEqual([...machineConfigProblems(settings, readFile)], []);
  const patches = readPatches(settings, readFile);
  return settings.nodes.map((_, index) => nodePlan(settings, index, patches));
}

export function first<Item>([item]: readonly Item[]): Item {
  assert.ok(item !== undefined, "the list is empty");
  return item;
}

/** The patches of a node as data, in their order. */
export function patchesOf(node: NodePlan): unknown[] {
  return node.patches.map(({ content }) => parse(content) as unknown);
}

/** Everything that is wrong with the machine configs of the article's cluster at a release, with other settings. */
export function problemsOf(release: Release, over: Record<string, unknown>): string[] {
  const problems = machineConfigProblems(articleCluster(release, over), noFiles);
  return [...problems].map(({ path: at, message }) => `${formatPath(at)}: ${message}`);
}
