import { benchmarkScenarios } from "../../model/benchmark-scenarios";
import type { Problem } from "../../shared/problem";
import type { Settings } from "../../settings/schema";
import { formatSeconds } from "../../shared/duration";
import { hasSchedule } from "../metrics/record";
import { type BenchmarkPlan, benchmarkPlan, blocksNote, estimatedSeconds } from "./plan";
import { resolveBenchmark } from "./settings";

type Benchmarked = Pick<Settings, "benchmark" | "mesh">;

function planOf({ benchmark, mesh }: Partial<Benchmarked>) {
  if (!benchmark || !mesh) return undefined;
  return benchmarkPlan(resolveBenchmark({ ...benchmark, scenarios: [...benchmarkScenarios(benchmark, mesh)] }));
}

/** What of a benchmark cannot be measured as it is asked for. */
export function benchmarkProblems(settings: Partial<Benchmarked>): Problem[] {
  const plan = planOf(settings);
  return plan ? planProblems(plan).map((message) => ({ path: ["benchmark"], message })) : [];
}

/** What a preview has to say of a benchmark: how long a deployment takes with it, and what it will not be able to tell. */
export function benchmarkNotes(settings: Benchmarked): string[] {
  const plan = planOf(settings);
  if (!plan) return [];
  const takes = `The benchmark takes ${formatSeconds(estimatedSeconds(plan.runs))} or more: ${plan.runs.length} runs, made when its plan, the mesh's version or runId changes.`;
  const blind = blocksNote(plan);
  return [takes, ...(blind === undefined ? [] : [blind])];
}

/** What cannot be measured as it stands there, in words: fortio gives every connection two requests at least, and uses fewer. */
export function planProblems({ arms }: Pick<BenchmarkPlan, "arms">): string[] {
  return arms.filter(hasSchedule).flatMap(({ id, qps, seconds, connections }) => {
    const requests = Math.floor(qps * seconds);
    if (requests >= 2 * connections) return [];
    return [
      `${id} has ${requests} requests in ${seconds} s, which are no two for each of its connections; ` +
        "raise qps or duration, or lower connections",
    ];
  });
}
