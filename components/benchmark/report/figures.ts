import type { RunRecord } from "../measure/record";
import { type Arm, armTitle } from "../plan/arm";
import type { BenchmarkPlan, Scenario } from "../plan/plan";
import { compare, type Difference, estimate, type Estimate, pairedDifferences } from "../statistics/compare";
import { byFamily } from "./family";
import { lostOf, type Metric, metrics, valueOf } from "./metrics";

/** A metric of an arm in a scenario, over the blocks whose runs are valid. */
export interface Figure {
  readonly arm: string;
  readonly title: string;
  readonly scenario: Scenario;
  readonly metric: Metric;
  readonly unit: string;
  readonly estimate: Estimate;
  /** Block and value, in the order of the blocks. */
  readonly values: readonly (readonly [block: number, value: number])[];
  /** To `none`, within the blocks. */
  readonly difference?: Difference;
}

/** Every figure that valid runs give, in the order of the plan. */
export function figuresOf(plan: BenchmarkPlan, records: readonly RunRecord[]): Figure[] {
  const valid = records.filter(({ problems, outcome }) => outcome && problems.length === 0);
  return (Object.keys(metrics) as Metric[]).flatMap((metric) => figuresOfMetric(metric, plan, valid));
}

function figuresOfMetric(metric: Metric, plan: BenchmarkPlan, records: readonly RunRecord[]): Figure[] {
  const cells = plan.arms.flatMap((arm) =>
    plan.scenarios.map((scenario) => ({ arm, scenario, values: valuesOf(metric, arm, scenario, records) })),
  );
  const compared = cells
    .filter(({ scenario }) => scenario !== "none")
    .map((cell) => {
      const base = cells.find(({ arm, scenario }) => arm === cell.arm && scenario === "none");
      return { ...cell, metric, differences: pairedDifferences(base?.values ?? new Map(), cell.values) };
    });
  const differences = new Map(
    [...byFamily(plan, compared).values()].flatMap((family) => {
      const named = family.map(({ arm, scenario, differences }) => [`${arm.id} ${scenario}`, differences] as const);
      return [...compare(new Map(named), `${plan.seed} ${metric}`)];
    }),
  );
  return cells.flatMap(({ arm, scenario, values }): Figure[] => {
    // What is lost is a difference, and may be below nothing.
    const floor = lostOf[metric] ? undefined : 0;
    const known = estimate([...values.values()], `${plan.seed} ${metric} ${arm.id} ${scenario}`, { floor });
    if (!known) return [];
    return [
      {
        ...{ arm: arm.id, title: armTitle(arm), scenario, metric, unit: metrics[metric].unit },
        estimate: known,
        values: [...values],
        difference: differences.get(`${arm.id} ${scenario}`),
      },
    ];
  });
}

function valuesOf(metric: Metric, arm: Arm, scenario: Scenario, records: readonly RunRecord[]): Map<number, number> {
  const rate = lostOf[metric];
  const own = records.filter((record) => record.arm === arm.id && record.scenario === scenario);
  return new Map(
    own
      .flatMap((record): [number, number][] => {
        const value = rate ? shareLost(rate, arm, record, records) : valueOf(metric, arm, record);
        return value === undefined ? [] : [[record.block, value]];
      })
      .sort(([a], [b]) => a - b),
  );
}

/** Share of the rate of `none` in the same block that is missing, in percent. */
function shareLost(rate: Metric, arm: Arm, record: RunRecord, records: readonly RunRecord[]): number | undefined {
  if (record.scenario === "none") return undefined;
  const base = records.find(
    ({ arm, scenario, block }) => arm === record.arm && block === record.block && scenario === "none",
  );
  const [all, left] = [base && valueOf(rate, arm, base), valueOf(rate, arm, record)];
  return all === undefined || left === undefined ? undefined : 100 * (1 - left / all);
}
