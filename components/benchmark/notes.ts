import { benchmarkScenarios } from "../settings/benchmark-scenarios";
import type { Settings } from "../settings/schema";
import { benchmarkPlan, estimatedSeconds } from "./plan/plan";
import { resolveBenchmark } from "./plan/resolve";
import { blocksNote } from "./report/family";
import { span } from "./report/format";

/** What a preview has to say of a benchmark: how long a deployment takes with it, and what it will not be able to tell. */
export function benchmarkNotes({ benchmark, mesh }: Pick<Settings, "benchmark" | "mesh">): string[] {
  if (!benchmark) return [];
  const plan = benchmarkPlan(resolveBenchmark({ ...benchmark, scenarios: [...benchmarkScenarios(benchmark, mesh)] }));
  const takes = `The benchmark takes about ${span(estimatedSeconds(plan.runs))}: ${plan.runs.length} runs, made when its plan, the mesh's version or runId changes.`;
  const blind = blocksNote(plan);
  return [takes, ...(blind === undefined ? [] : [`Benchmark: ${blind}`])];
}
