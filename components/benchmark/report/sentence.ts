import { blocksForIntervals } from "../../settings/sections/benchmark";
import type { BenchmarkPlan, Scenario } from "../plan/plan";
import type { Difference, Estimate } from "../statistics/compare";
import type { Cost } from "./cost";
import { headlineArm } from "./family";
import type { Figure } from "./figures";
import { withInterval } from "./format";

/** What a manager reads: for each scenario what it adds to none, and at what cost. */
export function sentences(plan: BenchmarkPlan, figures: readonly Figure[], costs: readonly Cost[]): string[] {
  const arm = headlineArm(plan);
  if (!arm) return [];
  return plan.scenarios
    .filter((scenario) => scenario !== "none")
    .map((scenario) => {
      const figure = figures.find((each) => each.arm === arm.id && each.scenario === scenario && each.metric === "p99");
      const where = `at ${arm.qps} requests a second over ${arm.connections} connections`;
      if (!figure?.difference) return `${scenario}: not measured.`;
      const parts = [latency(figure.difference), ...resources(costs, arm.id, scenario)];
      const what = scenario === "control" ? "control, which is none once more," : scenario;
      const wrong = scenario === "control" && figure.difference.significant;
      const warning = wrong
        ? " More than chance where nothing differs: do not trust smaller differences than that."
        : "";
      return `${what} ${parts.join(", ")} (${where}; ${figure.difference.blocks} of ${plan.blocks} blocks).${warning}`;
    });
}

function latency(difference: Difference): string {
  const { interval, blocksNeeded = 0 } = difference;
  if (!interval || blocksNeeded > 0) {
    const needed = Math.max(blocksForIntervals, blocksNeeded);
    return `differs from none by ${withInterval(difference)} ms at p99, from too few blocks to tell that from chance: it takes ${needed}`;
  }
  if (!difference.significant) {
    return `shows no difference from none beyond chance at p99 (${withInterval(difference)} ms)`;
  }
  const amount = difference.median < 0 ? flipped(difference) : difference;
  return `${difference.median < 0 ? "takes away" : "adds"} ${withInterval(amount)} ms at p99`;
}

function flipped({ median, interval, ...rest }: Difference): Difference {
  return { ...rest, median: -median, interval: interval && { low: -interval.high, high: -interval.low } };
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
