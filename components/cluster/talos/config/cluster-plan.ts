import { type Problem, SettingsError } from "../../../shared/problem";
import type { DockerClusterSettings, TalosClusterSettings } from "../../../settings/sections/cluster";
import { contractOf } from "./contract";
import { nodePlan } from "./node-plan";
import { settingsOf } from "./node-settings";
import { orderedPatches } from "./patches";
import type { ClusterPlan, MachinePatch, ReadFile, SchematicUpload } from "./types";
import { unreadable } from "./user-patch";

/**
 * What gen config needs for every node of a cluster.
 *
 * @throws SettingsError with every problem of every patch
 */
export function clusterPlan(settings: TalosClusterSettings, readFile: ReadFile): ClusterPlan {
  const planned = settings.nodes.map((_, index) => nodePlan(settings, index, readFile));
  throwProblems(planned.flatMap((one) => one.problems));

  const schematics = new Map<string, SchematicUpload>();
  for (const { upload } of planned) if (upload) schematics.set(upload.id, upload);
  return {
    nodes: planned.map(({ plan }) => plan),
    schematics: [...schematics.values()],
    warnings: [...new Set(planned.flatMap(({ plan }) => plan.warnings))],
  };
}

/**
 * Refuses patches that cannot be read. A plan waits for the contract, which only the cluster's record tells; this need
 * not, so that a preview of the first deployment says it as well.
 *
 * @throws SettingsError with every such patch
 */
export function refuseUnreadablePatches(settings: TalosClusterSettings, readFile: ReadFile): void {
  const placed = settings.nodes.flatMap((_, index) => settingsOf(settings, index).patches);
  throwProblems(
    placed.flatMap(({ path, patch }) => {
      const message = unreadable(patch, readFile);
      return message === undefined ? [] : [{ path, message }];
    }),
  );
}

/** Patches of a cluster in containers, for `talosctl cluster create`, by role. */
export interface DockerPatches {
  readonly controlPlane: readonly MachinePatch[];
  readonly worker: readonly MachinePatch[];
  readonly warnings: readonly string[];
}

/**
 * The patches of a cluster in containers, in the form of its contract.
 *
 * @throws SettingsError with every problem of every patch
 */
export function dockerPatches(settings: DockerClusterSettings, readFile: ReadFile): DockerPatches {
  const placed = settings.patches.map((patch, index) => ({ path: ["cluster", "patches", index], patch }));
  const controlPlane = orderedPatches(placed, contractOf(settings), "controlplane", readFile);
  const worker = orderedPatches(placed, contractOf(settings), "worker", readFile);
  throwProblems([...controlPlane.problems, ...worker.problems]);
  return {
    controlPlane: controlPlane.patches,
    worker: worker.patches,
    warnings: [...new Set([...controlPlane.warnings, ...worker.warnings])],
  };
}

/** A patch of the whole cluster has the same problem on every node; it is said once. */
function throwProblems(problems: readonly Problem[]): void {
  const unique = new Map(problems.map((problem) => [JSON.stringify(problem), problem]));
  if (unique.size > 0) throw new SettingsError([...unique.values()]);
}
