import { type BenchmarkSettings, type BudgetMetric, budgetMetrics } from "../../settings/sections/benchmark";
import type { Scenario } from "../plan/plan";
import type { Estimate } from "../statistics/compare";
import type { Cost } from "./cost";
import type { Figure } from "./figures";

/** What a budget says of a scenario. */
export interface BudgetVerdict {
  /** As in the settings: `p99`, `sidecar.p99`. */
  readonly name: string;
  readonly scenario: Scenario;
  readonly metric: BudgetMetric;
  readonly unit: string;
  readonly max: number;
  /** The upper bound that was judged: the highest of all arms. */
  readonly upper?: number;
  /** Title of its arm. */
  readonly where?: string;
  readonly verdict: "within" | "exceeded" | "not measured";
  readonly onExceed: "fail" | "warn";
}

const units: Readonly<Record<BudgetMetric, string>> = {
  ...{ p50: "ms", p90: "ms", p99: "ms", "p99.9": "ms" },
  ...{ cpu: "vCPU per 1,000 requests a second", memory: "MiB", throughput: "% of the TCP rate" },
};

interface Bound {
  readonly upper: number;
  /** Title of the arm. */
  readonly where: string;
}

/** What budgets are judged on: the upper bound of the arm where it is highest, by scenario and metric. */
export type Bounds = Readonly<Partial<Record<Scenario, Readonly<Partial<Record<BudgetMetric, Bound>>>>>>;

export function boundsOf(
  scenarios: readonly Scenario[],
  measured: { readonly figures: readonly Figure[]; readonly costs: readonly Cost[] },
): Bounds {
  return Object.fromEntries(
    scenarios.map((scenario) => [
      scenario,
      Object.fromEntries(
        budgetMetrics.flatMap((metric) => {
          const [worst] = bounds(metric, scenario, measured).sort((a, b) => b.upper - a.upper);
          return worst ? [[metric, worst]] : [];
        }),
      ),
    ]),
  );
}

/**
 * Judges budgets on the upper bound of the interval, so that a budget holds by what was measured and not by luck; a
 * budget without an interval to judge is not kept.
 */
export function judgeBudgets(
  scenarios: readonly Scenario[],
  budgets: BenchmarkSettings["budgets"],
  known: Bounds,
): BudgetVerdict[] {
  const others = scenarios.filter((scenario) => scenario !== "none" && scenario !== "control");
  return Object.entries(budgets).flatMap(([name, { max, onExceed }]) => {
    const only = others.find((scenario) => name.startsWith(`${scenario}.`));
    const metric = budgetMetrics.find((each) => name === (only ? `${only}.${each}` : each));
    if (metric === undefined) return [];
    return (only ? [only] : others).map((scenario): BudgetVerdict => {
      const worst = known[scenario]?.[metric];
      const verdict = worst === undefined ? "not measured" : worst.upper > max ? "exceeded" : "within";
      return { name, scenario, metric, unit: units[metric], max, ...worst, verdict, onExceed };
    });
  });
}

function bounds(
  metric: BudgetMetric,
  scenario: Scenario,
  { figures, costs }: { readonly figures: readonly Figure[]; readonly costs: readonly Cost[] },
): Bound[] {
  const upper = (estimate: Estimate | undefined, where: string): Bound[] =>
    estimate?.interval ? [{ upper: estimate.interval.high, where }] : [];
  if (metric === "cpu" || metric === "memory") {
    return costs
      .filter((cost) => cost.scenario === scenario && (metric === "cpu") === (cost.component === "mesh"))
      .flatMap(({ cpu, memory, title, component }) =>
        upper(metric === "cpu" ? cpu : memory, metric === "cpu" ? title : `${component}, ${title}`),
      );
  }
  const wanted = metric === "throughput" ? "throughput lost" : metric;
  return figures
    .filter((figure) => figure.scenario === scenario && figure.metric === wanted)
    .flatMap(({ estimate, difference, title }) => upper(metric === "throughput" ? estimate : difference, title));
}
