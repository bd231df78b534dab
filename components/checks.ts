import { machineConfigProblems } from "./cluster/talos/config/node-plan";
import { projectFiles } from "./cluster/talos/config/user-patches";
import { unknownValues } from "./mesh/values/chart-folder";
import type { Problem } from "./shared/problem";
import type { Settings } from "./settings/schema";

/** What layers have to refuse of valid settings, which settings do not know by themselves. */
export function problemsOfLayers(valid: Partial<Settings>, projectRoot: string): Problem[] {
  const { cluster } = valid;
  return [
    ...(cluster?.kind === "talos" || cluster?.kind === "docker"
      ? machineConfigProblems(cluster, projectFiles(projectRoot))
      : []),
    ...unknownValues(valid, projectRoot),
  ];
}
