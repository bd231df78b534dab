import type { RunRecord } from "../measure/record";
import { type Arm, armTitle, hasSchedule } from "../plan/arm";
import type { BenchmarkPlan, Scenario } from "../plan/plan";
import { compare, type Difference, estimate, type Estimate, pairedDifferences } from "../statistics/compare";

/** What is read off a run; latencies count from when a request was due, the ones named `raw` as the client measures. */
export const metrics = {
  p50: { unit: "ms", better: "lower" },
  p90: { unit: "ms", better: "lower" },
  p99: { unit: "ms", better: "lower" },
  "p99.9": { unit: "ms", better: "lower" },
  mean: { unit: "ms", better: "lower" },
  "p50 raw": { unit: "ms", better: "lower" },
  "p90 raw": { unit: "ms", better: "lower" },
  "p99 raw": { unit: "ms", better: "lower" },
  "p99.9 raw": { unit: "ms", better: "lower" },
  rate: { unit: "1/s", better: "higher" },
  throughput: { unit: "Gbit/s", better: "higher" },
  "throughput lost": { unit: "%", better: "lower" },
} as const;
export type Metric = keyof typeof metrics;

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

/** The comparisons of one metric are one family: whoever looks at its table looks at all of them. */
function figuresOfMetric(metric: Metric, plan: BenchmarkPlan, records: readonly RunRecord[]): Figure[] {
  const cells = plan.arms.flatMap((arm) =>
    plan.scenarios.map((scenario) => ({ arm, scenario, values: valuesOf(metric, arm, scenario, records) })),
  );
  const family = new Map(
    cells
      .filter(({ scenario }) => scenario !== "none")
      .map(({ arm, scenario, values }) => {
        const base = cells.find((cell) => cell.arm === arm && cell.scenario === "none");
        return [`${arm.id} ${scenario}`, pairedDifferences(base?.values ?? new Map(), values)] as const;
      }),
  );
  const differences = compare(family, `${plan.seed} ${metric}`);
  return cells.flatMap(({ arm, scenario, values }): Figure[] => {
    // What is lost is a difference, and may be below nothing.
    const floor = metric === "throughput lost" ? undefined : 0;
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
  const own = records.filter((record) => record.arm === arm.id && record.scenario === scenario);
  return new Map(
    own
      .flatMap((record): [number, number][] => {
        const value = metric === "throughput lost" ? throughputLost(record, records) : valueOf(metric, arm, record);
        return value === undefined ? [] : [[record.block, value]];
      })
      .sort(([a], [b]) => a - b),
  );
}

/** The value of a metric in a run; undefined where the run has none. */
export function valueOf(metric: Metric, arm: Arm, { outcome }: RunRecord): number | undefined {
  if (outcome?.kind === "stream") return metric === "throughput" ? outcome.bitsPerSecond / 1e9 : undefined;
  if (outcome === undefined) return undefined;
  if (metric === "rate") return hasSchedule(arm) ? undefined : outcome.actualQps;
  if (metric === "mean") return outcome.raw.mean;
  const [, percent, raw] = /^p([\d.]+)( raw)?$/.exec(metric) ?? [];
  // Where there is no schedule there is nothing to correct, and the client's own figure is the one there is.
  if (percent === undefined || (raw !== undefined && outcome.corrected === undefined)) return undefined;
  return (raw === undefined ? (outcome.corrected ?? outcome.raw) : outcome.raw).percentiles[percent];
}

/** Share of the rate of `none` in the same block that is missing, in percent. */
function throughputLost(record: RunRecord, records: readonly RunRecord[]): number | undefined {
  if (record.outcome?.kind !== "stream" || record.scenario === "none") return undefined;
  const base = records.find(
    ({ arm, scenario, block }) => arm === record.arm && block === record.block && scenario === "none",
  )?.outcome;
  if (base?.kind !== "stream") return undefined;
  return 100 * (1 - record.outcome.bitsPerSecond / base.bitsPerSecond);
}
