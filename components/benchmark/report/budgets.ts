import type { BenchmarkSettings } from "../../settings/sections/benchmark";
import { type Arm, armTitle, proxiesOf, type Scenario } from "../metrics/record";
import { type Budgeted, budgetedMetrics, judgedArms } from "../metrics/registry";
import { blocksForIntervals, type Estimate, formatNumber } from "../statistics/intervals";
import { effectOf, findCost, findFigure, lostRuns, type Results } from "./figures";
import { own } from "../../shared/own";

export interface BudgetVerdict extends Bound {
  /** As in the settings: `p99`, `sidecar.p99`. */
  readonly name: string;
  readonly scenario: Scenario;
  readonly metric: string;
  readonly unit: string;
  readonly max: number;
  readonly verdict: "within" | "exceeded" | "not measured";
  readonly onExceed: "fail" | "warn";
}

/** The bound that a budget is compared with: the highest of all arms; where one arm has none, the reason. */
interface Bound {
  /** Title of the arm; for memory, after the part. */
  readonly where?: string;
  readonly upper?: number;
  readonly why?: string;
}

/** By scenario and budget. Kept in the state of the stack, so that other budgets can be judged without the runs. */
export type Bounds = Readonly<Partial<Record<Scenario, Readonly<Record<string, Bound>>>>>;

/**
 * Share of an arm's runs that may be invalid in a scenario. Runs are rarely invalid by chance: a scenario that misses its
 * rate in slow blocks would be judged by the fast ones.
 */
const mayBeInvalid = 0.1;

export function boundsOf(results: Results): Bounds {
  const boundsIn = (scenario: Scenario) =>
    Object.fromEntries(budgetedMetrics().map((each) => [each.name, boundOf(each, scenario, results)]));
  return Object.fromEntries(judgedScenarios(results.plan.scenarios).map((each) => [each, boundsIn(each)]));
}

/** Judges budgets by the upper bound of the interval. A budget without a bound is not kept. */
export function judgeBudgets(
  scenarios: readonly Scenario[],
  budgets: BenchmarkSettings["budgets"],
  bounds: Bounds,
): BudgetVerdict[] {
  const judged = judgedScenarios(scenarios);
  return Object.entries(budgets).flatMap(([name, { max, onExceed }]) => {
    const only = judged.find((scenario) => name.startsWith(`${scenario}.`));
    const budgeted = budgetedMetrics().find((each) => name === (only ? `${only}.${each.name}` : each.name));
    if (budgeted === undefined) return [];
    return (only ? [only] : judged).map((scenario): BudgetVerdict => {
      const bound = own(bounds[scenario] ?? {}, budgeted.name) ?? {};
      const verdict = bound.upper === undefined ? "not measured" : bound.upper > max ? "exceeded" : "within";
      const { unit } = budgeted.budget;
      return { name, scenario, metric: budgeted.name, unit, max, ...bound, verdict, onExceed };
    });
  });
}

/** Budgets whose excess fails the deployment; one that was not measured is not kept either. */
export function failures({ budgets }: { readonly budgets: readonly BudgetVerdict[] }): BudgetVerdict[] {
  return budgets.filter(({ verdict, onExceed }) => verdict !== "within" && onExceed === "fail");
}

export function budgetLines(budgets: readonly BudgetVerdict[]): string[] {
  return budgets.map((budget) => {
    const { name, scenario, verdict, upper, max, unit } = budget;
    const found = upper === undefined ? reasonOf(budget) : `: ${formatNumber(upper)} of ${formatNumber(max)} ${unit}`;
    return `budget ${name}, ${scenario}: ${verdict}${found}`;
  });
}

export function budgetMessage(failed: readonly BudgetVerdict[]): string {
  const lines = failed.map((budget) => {
    const { name, scenario, metric, upper, max, unit, where = "" } = budget;
    const verb = budgetedMetrics().find((each) => each.name === metric)?.budget.verb ?? "use";
    const found =
      upper === undefined
        ? `not measured for ${scenario}, and so not kept${reasonOf(budget)}`
        : `${scenario} may ${verb} ${formatNumber(max)} ${unit}; upper bound ${formatNumber(upper)} (${where})`;
    return `talos-mesh:benchmark.budgets.${name}: ${found}`;
  });
  return `${lines.join("\n")}\nnext: see the report; raise the budget, or set onExceed: warn`;
}

function reasonOf({ where, why }: Bound): string {
  return [where, why].map((part) => (part === undefined ? "" : `: ${part}`)).join("");
}

export function judgedScenarios(scenarios: readonly Scenario[]): Scenario[] {
  return scenarios.filter((scenario) => scenario !== "none" && scenario !== "control");
}

function boundOf(budgeted: Budgeted, scenario: Scenario, results: Results): Bound {
  const bounds = judgedArms(budgeted.metric, results.plan.arms).flatMap((arm) =>
    boundsOfArm(budgeted, scenario, arm, results),
  );
  const unknown = bounds.find(({ upper }) => upper === undefined);
  const [highest] = [...bounds].sort((a, b) => (b.upper ?? 0) - (a.upper ?? 0));
  return unknown ?? highest ?? { why: "no arm of the plan measures it" };
}

function boundsOfArm({ metric }: Budgeted, scenario: Scenario, arm: Arm, results: Results): Bound[] {
  const { plan, figures, costs, runs } = results;
  const invalid = lostRuns(plan, runs, arm.id, scenario);
  const bound = (estimate: Estimate | undefined, where = armTitle(arm)): Bound => {
    if (invalid > mayBeInvalid * plan.blocks) return { where, why: `${invalid} of ${plan.blocks} runs are invalid` };
    if (estimate?.interval) return { where, upper: estimate.interval.high };
    const blocks = estimate?.blocks ?? 0;
    return { where, why: `known for ${blocks} of ${plan.blocks} blocks; an interval needs ${blocksForIntervals}` };
  };
  if ("counter" in metric) {
    if (metric.budget?.of === "mesh") return [bound(findCost(costs, [arm.id, scenario], "mesh", metric))];
    return proxiesOf(scenario).map((part) =>
      bound(findCost(costs, [arm.id, scenario], part, metric), `${part}, ${armTitle(arm)}`),
    );
  }
  return [bound(effectOf(metric, findFigure(figures, [arm.id, scenario], metric.name)))];
}
