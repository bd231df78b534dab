import { hasSchedule, type RequestArm } from "../plan/arm";
import type { BenchmarkPlan, Scenario } from "../plan/plan";
import { blocksToTell } from "../statistics/compare";
import { isMetricOf, lostOf, type Metric, metrics } from "./metrics";

type Planned = Pick<BenchmarkPlan, "arms" | "scenarios" | "blocks">;

/** The arm that one figure is given for: HTTP between nodes, at the highest fixed rate. */
export function headlineArm({ arms }: Pick<BenchmarkPlan, "arms">): RequestArm | undefined {
  return arms
    .filter(hasSchedule)
    .filter(({ kind, placement, keepAlive }) => kind === "http" && placement === "other-node" && keepAlive)
    .sort((a, b) => b.qps - a.qps)[0];
}

/** Names of families: a metric, or this; and what stands behind those of the control. */
const headline = "headline";
const ofControl = " of the control";

/** A comparison with `none`. */
interface Comparison {
  readonly metric: Metric;
  readonly arm: { readonly id: string };
  readonly scenario: Scenario;
}

/**
 * Comparisons that are adjusted together. The plan decides, before anything is measured: what the benchmark is made for
 * (p99 of the headline's arm, each scenario against none) is a family of its own, so that the dozens of others do not
 * cost it its power; of the others each metric is one, as whoever looks at its table looks at all of them. The control
 * is to find what is wrong with the measurement, and not to weaken what is measured: it stands apart.
 */
export function byFamily<T extends Comparison>(plan: Planned, comparisons: readonly T[]): Map<string, T[]> {
  const first = headlineArm(plan)?.id;
  const families = new Map<string, T[]>();
  for (const comparison of comparisons) {
    const { metric, arm, scenario } = comparison;
    const name = metric === "p99" && arm.id === first ? headline : metric;
    const family = scenario === "control" ? `${name}${ofControl}` : name;
    families.set(family, [...(families.get(family) ?? []), comparison]);
  }
  return families;
}

/** What is to be known before hours are spent: which differences so few blocks cannot tell from chance, whatever they are. */
export function blocksNote(plan: Planned): string | undefined {
  // Raw latencies are of no more arms than the others, and what is lost is compared with none already.
  const compared = (Object.keys(metrics) as Metric[]).filter((each) => !each.endsWith(" raw") && !lostOf[each]);
  const planned = compared.flatMap((metric) =>
    plan.arms
      .filter((arm) => isMetricOf(metric, arm))
      .flatMap((arm) =>
        plan.scenarios.filter((each) => each !== "none").map((scenario) => ({ metric, arm, scenario })),
      ),
  );
  const needed = [...byFamily(plan, planned)].map(([name, { length }]) => [name, blocksToTell(length)] as const);
  const blind = needed.filter(([, blocks]) => blocks > plan.blocks);
  if (blind.length === 0) return undefined;
  const most = Math.max(...blind.map(([, blocks]) => blocks));
  const names = new Set(blind.map(([name]) => name.replace(ofControl, "")));
  const headlineToo = headlineArm(plan) !== undefined && !names.has(headline);
  return (
    `talos-mesh:benchmark.blocks: ${plan.blocks} are too few to tell any difference to none from chance at ` +
    `${[...names].join(", ")}; ${most} are enough for all${headlineToo ? ", and for the headline these are" : ""}`
  );
}
