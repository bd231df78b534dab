import { benchmarkProblems } from "./benchmark/notes";
import { unknownValues } from "./mesh/values/chart-folder";
import type { Problem } from "./shared/problem";
import type { Settings } from "./settings/schema";

/** What layers have to refuse of valid settings, which settings do not know by themselves. */
export function problemsOfLayers(valid: Partial<Settings>, projectRoot: string): Problem[] {
  return [...unknownValues(valid, projectRoot), ...benchmarkProblems(valid)];
}
