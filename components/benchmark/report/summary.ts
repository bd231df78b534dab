import { type Arm, armTitle, hasSchedule, type Scenario } from "../metrics/record";
import type { Metric } from "../metrics/registry";
import { blocksNote, headlineArm } from "../plan/plan";
import { blocksForIntervals, type Estimate, withInterval } from "../statistics/intervals";
import type { Difference } from "../statistics/significance";
import { type Cost, type Figure, lostRuns, runsByScenario } from "./figures";
import type { Report } from "./report";

type Told = Pick<Report, "plan" | "scenarios" | "figures" | "costs" | "runs">;

/** What a manager reads: for each scenario what it adds to none, or loses of its rate, and at what cost. */
export function sentences(told: Told): string[] {
  const { plan, costs } = told;
  const first = headlineArm(plan);
  // The first of any plan is one of requests.
  const arm = first ?? plan.arms[0];
  if (!arm) return [];
  const where = first ? `at ${first.qps} requests a second over ${first.connections} connections` : armTitle(arm);
  return plan.scenarios
    .filter((scenario) => scenario !== "none")
    .map((scenario) => {
      const found = effectOf(told, arm, scenario);
      if (!found) return `${scenario}: ${missing(told, arm, scenario)} (${where}).`;
      const { difference } = found;
      const parts = [effect(found), ...resources(costs, arm.id, scenario)];
      const what = scenario === "control" ? "control, which is none once more," : scenario;
      const wrong = scenario === "control" && difference.significant;
      const warning = wrong
        ? " More than chance where nothing differs: do not trust smaller differences than that."
        : "";
      return `${what} ${parts.join(", ")} (${where}; ${difference.blocks} of ${plan.blocks} blocks).${warning}`;
    });
}

interface Effect {
  /** What tells it from chance. */
  readonly difference: Difference;
  /** What is said of it. */
  readonly shown: Pick<Estimate, "median" | "interval">;
  readonly unit: string;
  readonly verbs: { readonly more: string; readonly less: string };
}

/** Latency where there is a schedule, else the rate that there is less of. */
function effectOf({ figures }: Told, arm: Arm, scenario: Scenario): Effect | undefined {
  const figure = (metric: Metric): Figure | undefined =>
    figures.find((each) => each.arm === arm.id && each.scenario === scenario && each.metric === metric);
  if (hasSchedule(arm)) {
    const difference = figure("p99")?.difference;
    return (
      difference && { difference, shown: difference, unit: "ms at p99", verbs: { more: "adds", less: "takes away" } }
    );
  }
  const [difference, shown] = [figure("rate")?.difference, figure("rate lost")?.estimate];
  return difference && shown && { difference, shown, unit: "% of the rate", verbs: { more: "loses", less: "gains" } };
}

function missing({ plan, scenarios, runs }: Told, arm: Arm, scenario: Scenario): string {
  const unmeasured = scenarios.find(
    (each) => each.state === "not measured" && [scenario, "none"].includes(each.scenario),
  );
  if (unmeasured) return `not measured, as of ${unmeasured.scenario} it was found: ${unmeasured.reason ?? "no reason"}`;
  const lost = ([scenario, "none"] as const)
    .map((each) => [each, lostRuns(plan, runs, arm.id, each)] as const)
    .filter(([, count]) => count > 0)
    .map(([each, count]) => `${count} of ${plan.blocks} runs of ${each}`);
  return `no result, as ${lost.join(" and ")} do not count`;
}

function effect({ difference: { significant, blocksNeeded = 0 }, shown, unit, verbs }: Effect): string {
  if (!shown.interval || blocksNeeded > 0) {
    const needed = Math.max(blocksForIntervals, blocksNeeded);
    return `differs from none by ${withInterval(shown)} ${unit}, from too few blocks to tell that from chance: it takes ${needed}`;
  }
  if (!significant) return `shows no difference from none beyond chance (${withInterval(shown)} ${unit})`;
  const isLess = shown.median < 0;
  return `${isLess ? verbs.less : verbs.more} ${withInterval(isLess ? flipped(shown) : shown)} ${unit}`;
}

function flipped({ median, interval }: Effect["shown"]): Effect["shown"] {
  return { median: -median, interval: interval && { low: -interval.high, high: -interval.low } };
}

function resources(costs: readonly Cost[], arm: string, scenario: Scenario): string[] {
  const of = (component: Cost["component"]) =>
    costs.find((cost) => cost.arm === arm && cost.scenario === scenario && cost.component === component);
  const vcpu = (estimate: Estimate | undefined) =>
    estimate ? [`${withInterval(estimate)} vCPU per 1,000 requests a second in all of the mesh`] : [];
  const memory = (["server proxy", "waypoint", "ztunnel"] as const).flatMap((component) => {
    const found = of(component)?.memory;
    return found ? [`${withInterval(found)} MiB a ${component.replace("server ", "")}`] : [];
  });
  return [...vcpu(of("mesh")?.cpu), ...memory];
}

/** What a reader has to know before any figure: it stands above all else. */
export function warningsOf(report: Report): string[] {
  const { complete, plan } = report;
  const scenarios = runsByScenario(report);
  const counted = (of: "lost" | "again", words: string) => {
    const places = scenarios.filter((each) => each[of] > 0);
    const sum = places.reduce((all, each) => all + each[of], 0);
    const where = places.map((each) => `${each.scenario} ${each[of]}`).join(", ");
    return sum > 0 ? [`${sum} of ${plan.runs} runs ${words}, for the reasons below: ${where}.`] : [];
  };
  const blind = scenarios.every(({ clientShares }) => clientShares.length === 0);
  return [
    ...(complete ? [] : ["Not every planned run was made."]),
    ...counted("lost", "do not count"),
    ...counted("again", "were made again"),
    ...(blind && scenarios.some(({ atFixedRate }) => atFixedRate > 0)
      ? ["No run has counters of the load generator, so that nothing tells whether it was too busy to measure."]
      : []),
    ...[blocksNote(plan)].flatMap((note) => (note === undefined ? [] : [`${note}.`])),
  ];
}
