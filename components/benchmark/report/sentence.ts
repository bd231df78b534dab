import { hasSchedule, type RequestArm } from "../plan/arm";
import type { BenchmarkPlan, Scenario } from "../plan/plan";
import type { Difference, Estimate } from "../statistics/compare";
import type { Cost } from "./cost";
import type { Figure } from "./figures";
import { withInterval } from "./format";

/** The arm that one figure is given for: HTTP between nodes, at the highest fixed rate. */
export function headlineArm(plan: BenchmarkPlan): RequestArm | undefined {
  return plan.arms
    .filter(hasSchedule)
    .filter(({ kind, placement, keepAlive }) => kind === "http" && placement === "other-node" && keepAlive)
    .sort((a, b) => b.qps - a.qps)[0];
}

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
      const { blocks } = figure.difference;
      return `${what} ${parts.join(", ")} (${where}; ${blocks} ${blocks === 1 ? "block" : "blocks"}).`;
    });
}

function latency(difference: Difference): string {
  if (!difference.interval) {
    return `differs from none by ${withInterval(difference)} ms at p99, from too few blocks to say how sure that is`;
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
    estimate ? [`${withInterval(estimate)} vCPU per 1,000 requests a second`] : [];
  const memory = (["server proxy", "waypoint", "ztunnel"] as const).flatMap((component) => {
    const found = of(component)?.memory;
    return found ? [`${withInterval(found)} MiB a ${component.replace("server ", "")}`] : [];
  });
  return [...vcpu(of("mesh")?.cpu), ...memory];
}
