import { benchmarkScenarios } from "../../model/benchmark-scenarios";
import type { Settings } from "../../settings/schema";
import type { BenchmarkSettings } from "../../settings/sections/benchmark";
import { formatSeconds } from "../../shared/duration";
import type { Problem } from "../../shared/problem";
import { hasSchedule, scenarioNames } from "../metrics/record";
import { budgetedMetrics, judgedArms } from "../metrics/registry";
import { type BenchmarkPlan, benchmarkPlan, blocksNote, estimatedSeconds } from "./plan";
import { resolveBenchmark } from "./settings";

function planOf(benchmark: BenchmarkSettings, mesh: Settings["mesh"]): BenchmarkPlan {
  return benchmarkPlan(resolveBenchmark({ ...benchmark, scenarios: [...benchmarkScenarios(benchmark, mesh)] }));
}

export function benchmarkProblems({ benchmark, mesh }: Partial<Pick<Settings, "benchmark" | "mesh">>): Problem[] {
  if (!benchmark || !mesh) return [];
  const plan = planOf(benchmark, mesh);
  return [
    ...planProblems(plan).map((message) => ({ path: ["benchmark"], message })),
    ...unmeasuredBudgets(plan, benchmark.budgets),
  ];
}

/** Arms that fortio would not run as planned: it makes at least two requests per connection, and else uses fewer connections. */
export function planProblems({ arms }: Pick<BenchmarkPlan, "arms">): string[] {
  return arms.filter(hasSchedule).flatMap(({ id, qps, seconds, connections }) => {
    const requests = Math.floor(qps * seconds);
    if (requests >= 2 * connections) return [];
    return [
      `${id} has ${requests} requests in ${seconds} s, fewer than two for each connection; ` +
        "raise qps or duration, or lower connections",
    ];
  });
}

/** Budgets for metrics that no arm of the plan measures, which could never be kept. */
function unmeasuredBudgets({ arms }: BenchmarkPlan, budgets: BenchmarkSettings["budgets"]): Problem[] {
  return budgetedMetrics().flatMap(({ name, metric, budget }) => {
    if (judgedArms(metric, arms).length > 0) return [];
    const keys = [name, ...scenarioNames.map((scenario) => `${scenario}.${name}`)].filter((key) =>
      Object.hasOwn(budgets, key),
    );
    const message = `found a budget for ${name}, which no arm of the plan measures; ${budget.advice}`;
    return keys.map((key) => ({ path: ["benchmark", "budgets", key], message }));
  });
}

/** For a preview. */
export function benchmarkNotes({ benchmark, mesh }: Pick<Settings, "benchmark" | "mesh">): string[] {
  if (!benchmark) return [];
  const plan = planOf(benchmark, mesh);
  const note = blocksNote(plan);
  return [
    `The benchmark takes ${formatSeconds(estimatedSeconds(plan.runs))} or more: ${plan.runs.length} runs, ` +
      "made when its plan, the mesh's version or runId changes.",
    ...(note === undefined ? [] : [note]),
  ];
}
