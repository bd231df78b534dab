import { type Arm, armTitle, type Scenario } from "../metrics/record";
import { type CostMetric, isShown, metrics } from "../metrics/registry";
import { type BenchmarkPlan, blocksNote, headlineArm } from "../plan/plan";
import { blocksForIntervals, formatEstimate } from "../statistics/intervals";
import { countRuns, effectOf, findCost, findFigure, lostRuns, type Results } from "./figures";

interface Summarised extends Results {
  readonly scenarios: readonly { readonly scenario: Scenario; readonly state: string; readonly reason?: string }[];
}

/** The arm that summary and page are about, with its load in words. */
export function summaryArm(plan: Pick<BenchmarkPlan, "arms">): { readonly arm: Arm; readonly where: string } {
  const arm = headlineArm(plan);
  if (arm) return { arm, where: `at ${arm.qps} requests a second over ${arm.connections} connections` };
  // The first arm of every plan makes requests.
  const [first] = plan.arms;
  if (!first) throw new Error("the plan has no arms");
  return { arm: first, where: armTitle(first) };
}

/** One sentence per scenario, about the headline arm: what it adds to none, or what it loses of the rate, and its cost. */
export function summaryOf(results: Summarised): string[] {
  const { plan } = results;
  const { arm, where } = summaryArm(plan);
  return plan.scenarios
    .filter((scenario) => scenario !== "none")
    .map((scenario) => {
      const effects = effectsOf(results, arm, scenario);
      const [first] = effects;
      if (!first) return `${scenario}: ${reasonOf(results, arm, scenario)} (${where}).`;
      const costs = metrics.costs.flatMap((metric) => summaryCosts(results, metric, arm, scenario));
      const parts = [
        ...effects.map(describeEffect),
        ...costs.map(({ found, words }) => `${formatEstimate(found)} ${words}`),
      ];
      const subject = scenario === "control" ? "control, a second none," : scenario;
      const differs = scenario === "control" && effects.some(({ difference }) => difference.significant);
      const warning = differs
        ? " This difference is significant although nothing differs: do not trust smaller ones."
        : "";
      return `${subject} ${parts.join(", ")} (${where}; ${first.difference.blocks} of ${plan.blocks} blocks).${warning}`;
    });
}

/** For each metric of the summary the paired difference, which decides on significance, and what is shown. */
function effectsOf({ figures }: Results, arm: Arm, scenario: Scenario) {
  const figureOf = (metric: string) => findFigure(figures, [arm.id, scenario], metric);
  return metrics.runs.flatMap((metric) => {
    const { name, lostOf, summary: words } = metric;
    if (!words || !isShown(metric, arm)) return [];
    const difference = figureOf(lostOf ?? name)?.difference;
    const shown = effectOf(metric, figureOf(name));
    return difference && shown ? [{ difference, shown, words }] : [];
  });
}

function describeEffect({
  difference: { significant, blocksNeeded = 0 },
  shown,
  words,
}: ReturnType<typeof effectsOf>[number]): string {
  const { unit, more, less } = words;
  if (!shown.interval || blocksNeeded > 0) {
    const needed = Math.max(blocksForIntervals, blocksNeeded);
    return `differs from none by ${formatEstimate(shown)} ${unit}, with too few blocks to exclude chance (${needed} are needed)`;
  }
  if (!significant) return `shows no significant difference from none (${formatEstimate(shown)} ${unit})`;
  const { median, interval } = shown;
  if (median >= 0) return `${more} ${formatEstimate(shown)} ${unit}`;
  const lost = { median: -median, interval: { low: -interval.high, high: -interval.low } };
  return `${less} ${formatEstimate(lost)} ${unit}`;
}

/** The costs that the summary has words for: of the whole mesh, or of one proxy. */
export function summaryCosts({ costs }: Pick<Results, "costs">, metric: CostMetric, arm: Arm, scenario: Scenario) {
  return Object.entries(metric.summary ?? {}).flatMap(([component, words]) => {
    const found = findCost(costs, [arm.id, scenario], component, metric);
    return found ? [{ found, words }] : [];
  });
}

function reasonOf({ plan, scenarios, runs }: Summarised, arm: Arm, scenario: Scenario): string {
  const unmeasured = scenarios.find(
    (each) => each.state === "not measured" && [scenario, "none"].includes(each.scenario),
  );
  if (unmeasured) return `not measured, because of ${unmeasured.scenario}: ${unmeasured.reason ?? "no reason known"}`;
  const invalid = ([scenario, "none"] as const)
    .map((each) => [each, lostRuns(plan, runs, arm.id, each)] as const)
    .filter(([, count]) => count > 0)
    .map(([each, count]) => `${count} of ${plan.blocks} runs of ${each}`);
  return `no result, because ${invalid.join(" and ")} are invalid`;
}

/** What a reader has to know before any figure; first in every output. */
export function warningsOf(report: Parameters<typeof countRuns>[0] & { readonly complete: boolean }): string[] {
  const { complete, plan } = report;
  const counts = countRuns(report);
  const counted = (kind: "invalid" | "repeated", words: string) => {
    const affected = counts.filter((each) => each[kind] > 0);
    const total = affected.reduce((sum, each) => sum + each[kind], 0);
    const where = affected.map((each) => `${each.scenario} ${each[kind]}`).join(", ");
    return total > 0 ? [`${total} of ${plan.runs} runs ${words}, for the reasons below: ${where}.`] : [];
  };
  const withoutCounters = counts.every(({ clientShares }) => clientShares.length === 0);
  const note = blocksNote(plan);
  return [
    ...(complete ? [] : ["Not all planned runs have been made."]),
    ...counted("invalid", "are invalid"),
    ...counted("repeated", "were repeated"),
    ...(withoutCounters && counts.some(({ atFixedRate }) => atFixedRate > 0)
      ? ["No run has counters of the load generator, so it is not known whether it was too busy to measure."]
      : []),
    ...(note === undefined ? [] : [`${note}.`]),
  ];
}
