import { type BenchmarkSettings, type BudgetMetric, budgetMetrics } from "../../settings/sections/benchmark";
import { type Arm, armTitle, hasSchedule, isKnown, type Scenario } from "../metrics/record";
import { isMetricOf } from "../metrics/registry";
import { plannedRequests } from "../plan/plan";
import { blocksForIntervals, type Estimate, number } from "../statistics/intervals";
import { type Cost, lostRuns, proxiesOf } from "./figures";
import type { Report } from "./report";

/** What a budget says of a scenario. */
export interface BudgetVerdict extends Bound {
  /** As in the settings: `p99`, `sidecar.p99`. */
  readonly name: string;
  readonly scenario: Scenario;
  readonly metric: BudgetMetric;
  readonly unit: string;
  readonly max: number;
  readonly verdict: "within" | "exceeded" | "not measured";
  readonly onExceed: "fail" | "warn";
}

const latency = { unit: "ms", may: "add" } as const;
const words: Readonly<Record<BudgetMetric, { readonly unit: string; readonly may: string }>> = {
  ...{ p50: latency, p90: latency, p99: latency, "p99.9": latency },
  cpu: { unit: "vCPU per 1,000 requests a second", may: "take" },
  memory: { unit: "MiB", may: "take" },
  throughput: { unit: "% of the TCP rate", may: "lose" },
};

/** What budgets of a scenario and metric are judged on: the arm where the upper bound is highest, or one that gives none. */
interface Bound {
  /** Title of the arm, for memory behind the part. */
  readonly where?: string;
  /** Absent where it could not be measured. */
  readonly upper?: number;
  /** Why it could not. */
  readonly why?: string;
}

/** By scenario and metric; plain data, as the next deployment may have nothing else to judge by. */
export type Bounds = Readonly<Partial<Record<Scenario, Readonly<Partial<Record<BudgetMetric, Bound>>>>>>;

/**
 * Share of its runs that an arm may lose in a scenario and still be judged. What is lost is rarely lost by chance: of a
 * scenario that does not get its rate in the slow blocks only the fast ones would be left to judge.
 */
const mayBeLost = 0.1;

type Judged = Pick<Report, "plan" | "figures" | "costs" | "runs">;

export function boundsOf(report: Judged): Bounds {
  const ofScenario = (scenario: Scenario) =>
    Object.fromEntries(budgetMetrics.map((metric) => [metric, boundOf(metric, scenario, report)]));
  return Object.fromEntries(judgedOf(report.plan.scenarios).map((scenario) => [scenario, ofScenario(scenario)]));
}

/**
 * Judges budgets on the upper bound of the interval, so that a budget holds by what was measured and not by luck; one
 * that an arm of the plan gives no bound for is not kept.
 */
export function judgeBudgets(
  scenarios: readonly Scenario[],
  budgets: BenchmarkSettings["budgets"],
  known: Bounds,
): BudgetVerdict[] {
  const others = judgedOf(scenarios);
  return Object.entries(budgets).flatMap(([name, { max, onExceed }]) => {
    const only = others.find((scenario) => name.startsWith(`${scenario}.`));
    const metric = budgetMetrics.find((each) => name === (only ? `${only}.${each}` : each));
    if (metric === undefined) return [];
    return (only ? [only] : others).map((scenario): BudgetVerdict => {
      const bound = known[scenario]?.[metric] ?? {};
      const verdict = bound.upper === undefined ? "not measured" : bound.upper > max ? "exceeded" : "within";
      return { name, scenario, metric, unit: words[metric].unit, max, ...bound, verdict, onExceed };
    });
  });
}

/** A line for each budget, kept or not. */
export function budgetLines(budgets: readonly BudgetVerdict[]): string[] {
  return budgets.map((budget) => {
    const { name, scenario, verdict, upper, max, unit } = budget;
    const found = upper === undefined ? reasonOf(budget) : `: ${number(upper)} of ${number(max)} ${unit}`;
    return `budget ${name}, ${scenario}: ${verdict}${found}`;
  });
}

/** What to say where these are not kept. */
export function budgetMessage(failed: readonly BudgetVerdict[]): string {
  const lines = failed.map((budget) => {
    const { name, scenario, metric, upper, max, unit, where = "" } = budget;
    const found =
      upper === undefined
        ? `${scenario} is not known to keep it${reasonOf(budget)}`
        : `${scenario} may ${words[metric].may} ${number(max)} ${unit}; upper bound ${number(upper)} (${where})`;
    return `talos-mesh:benchmark.budgets.${name}: ${found}`;
  });
  return `${lines.join("\n")}\nnext: look at the report; raise the budget, or set onExceed: warn`;
}

function reasonOf({ where, why }: Bound): string {
  const parts = [where, why].filter((part) => part !== undefined);
  return parts.length > 0 ? `: ${parts.join(": ")}` : "";
}

function judgedOf(scenarios: readonly Scenario[]): Scenario[] {
  return scenarios.filter((scenario) => scenario !== "none" && scenario !== "control");
}

function boundOf(metric: BudgetMetric, scenario: Scenario, report: Judged): Bound {
  const bounds = report.plan.arms
    .filter((arm) => isJudgedOn(metric, arm))
    .flatMap((arm) => boundsOfArm(metric, scenario, arm, report));
  const [worst] = [...bounds].sort((a, b) => (b.upper ?? 0) - (a.upper ?? 0));
  const unknown = bounds.find(({ upper }) => upper === undefined);
  return unknown ?? worst ?? { why: "the plan has no arm that it is measured in" };
}

/** Whether the plan asks for so much that an arm has to give the metric. */
function isJudgedOn(metric: BudgetMetric, arm: Arm): boolean {
  if (metric === "cpu" || metric === "memory") return hasSchedule(arm);
  return isMetricOf(metric, arm) && (metric !== "p99.9" || isKnown(99.9, plannedRequests(arm) ?? Infinity));
}

function boundsOfArm(
  metric: BudgetMetric,
  scenario: Scenario,
  arm: Arm,
  { plan, figures, costs, runs }: Judged,
): Bound[] {
  const lost = lostRuns(plan, runs, arm.id, scenario);
  const bound = (estimate: Estimate | undefined, where = armTitle(arm)): Bound => {
    if (lost > mayBeLost * plan.blocks) return { where, why: `${lost} of ${plan.blocks} runs do not count` };
    if (estimate?.interval) return { where, upper: estimate.interval.high };
    return {
      where,
      why: `known of ${estimate?.blocks ?? 0} of ${plan.blocks} blocks, and it takes ${blocksForIntervals}`,
    };
  };
  const costOf = (component: Cost["component"]) =>
    costs.find((cost) => cost.arm === arm.id && cost.scenario === scenario && cost.component === component);
  if (metric === "cpu") return [bound(costOf("mesh")?.cpu)];
  if (metric === "memory") {
    return proxiesOf(scenario).map((part) => bound(costOf(part)?.memory, `${part}, ${armTitle(arm)}`));
  }
  const wanted = metric === "throughput" ? "throughput lost" : metric;
  const figure = figures.find((each) => each.arm === arm.id && each.scenario === scenario && each.metric === wanted);
  return [bound(metric === "throughput" ? figure?.estimate : figure?.difference)];
}
