import { type Problem, SettingsError } from "../../../settings/errors";
import type { TalosClusterSettings } from "../../../settings/sections/cluster";
import { nodePlan } from "./node-plan";
import type { ClusterPlan, ReadFile, SchematicUpload } from "./types";

/**
 * What gen config needs for every node of a cluster.
 *
 * @throws SettingsError with every problem of every patch
 */
export function clusterPlan(settings: TalosClusterSettings, readFile: ReadFile): ClusterPlan {
  const planned = settings.nodes.map((_, index) => nodePlan(settings, index, readFile));
  // A patch of the whole cluster has the same problem on every node.
  const problems = new Map<string, Problem>();
  for (const problem of planned.flatMap((one) => one.problems)) problems.set(JSON.stringify(problem), problem);
  if (problems.size > 0) throw new SettingsError([...problems.values()]);

  const schematics = new Map<string, SchematicUpload>();
  for (const { upload } of planned) if (upload) schematics.set(upload.id, upload);
  return {
    nodes: planned.map(({ plan }) => plan),
    schematics: [...schematics.values()],
    warnings: [...new Set(planned.flatMap(({ plan }) => plan.warnings))],
  };
}
