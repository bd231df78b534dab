import { hasAmbient, hasSidecars } from "./data-planes";
import type { ScenarioName } from "../benchmark/metrics/record";
import type { BenchmarkSettings } from "../settings/sections/benchmark";
import type { MeshSettings } from "../settings/sections/mesh";

export const ambientScenarios: readonly ScenarioName[] = ["ambient", "waypoint"];

/** How the names of the namespaces begin that a benchmark makes and removes. */
export const benchmarkNamespace = "bench-";

/** What a benchmark measures: what its settings name, else `none` and every data plane that the mesh has. */
export function benchmarkScenarios(
  { scenarios }: Pick<BenchmarkSettings, "scenarios">,
  mesh: Pick<MeshSettings, "dataPlane" | "namespaces">,
): readonly ScenarioName[] {
  return (
    scenarios ?? [
      "none",
      ...(hasSidecars(mesh) ? ["sidecar" as const] : []),
      ...(hasAmbient(mesh) ? ["ambient" as const] : []),
    ]
  );
}
