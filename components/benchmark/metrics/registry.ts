import { type Arm, hasSchedule, type Outcome, plannedRequests, type Usage } from "./record";

/**
 * The metrics of the benchmark, one descriptor each. Everything that depends on which metrics there are is derived from
 * them: tables, CSV, JSON, charts and summary of the report, comparison families, the comparison with a baseline, and the
 * budgets of the settings with their schema. A new metric is one more row.
 */
interface Metric {
  /** In tables, in report.json and in the CSV. */
  readonly name: string;
  /** Its name in words. */
  readonly title: string;
  readonly unit: string;
  /** Whether runs of an arm have it. */
  readonly isOf: (arm: Arm) => boolean;
  /** Requests per run below which it is not known. @default 0 */
  readonly minimumRequests?: number;
  /** @default no budget can be set */
  readonly budget?: Budget;
}

/** A budget is a limit for the upper bound of the 95% interval, of the arm where that bound is highest. */
interface Budget {
  /** In the settings. @default the metric's name */
  readonly name?: string;
  readonly unit: string;
  /** As in "sidecar may add 5 ms". */
  readonly verb: "add" | "use" | "lose";
  /** What to change in a plan that has no arm with this metric. */
  readonly advice: string;
}

/** A value of every run, reported for every arm and scenario as the median over blocks. */
export interface RunMetric extends Metric {
  readonly better: "lower" | "higher";
  /** Undefined where the run has none. */
  readonly read: (outcome: Outcome, arm: Arm) => number | undefined;
  /**
   * Name of a metric: reported is the share of that one, in percent, that a scenario loses compared with `none` in the same
   * block. @default what `read` gives is reported, and compared with `none` by paired differences
   */
  readonly lostOf?: string;
  /** A variant without correction for coordinated omission. Where metrics are listed, the corrected one is enough. */
  readonly isRaw?: boolean;
  /**
   * Words of the summary for its effect, as in "adds 2.0 ms at p99". Comparisons of the summary are chosen in advance, and
   * are a comparison family of their own. @default not in the summary
   */
  readonly summary?: { readonly unit: string; readonly more: string; readonly less: string };
  /** `effect`: compared with none; `load`: by rate and by connections; `blocks`: block by block. @default none */
  readonly charts?: readonly ("effect" | "load" | "blocks")[];
  /** Arms for which charts and summary show it. @default all that have it */
  readonly isShownFor?: (arm: Arm) => boolean;
}

/** What a part of the mesh uses under load, and what all parts use together. */
export interface CostMetric extends Metric {
  /** Undefined where a counter is missing. `of` is `mesh` for all parts together. */
  readonly read: (parts: readonly PartUsage[], of: "part" | "mesh", actualQps: number) => number | undefined;
  /** What was read from one part's counters, for the CSV. */
  readonly counter: { readonly unit: string; readonly read: (usage: Usage) => number | undefined };
  /** Heading of its column. */
  readonly heading: string;
  /** Words of the summary after the value, by part. @default not in the summary */
  readonly summary?: Readonly<Partial<Record<"mesh" | "server proxy" | "waypoint" | "ztunnel", string>>>;
  readonly hasChart?: boolean;
  readonly budget?: Budget & {
    /** All parts together, or each part that requests pass through. */
    readonly of: "mesh" | "each proxy";
  };
}

export interface PartUsage {
  readonly usage: Usage;
  /** Usage without load. */
  readonly idle?: Usage;
}

export interface Registry {
  readonly runs: readonly RunMetric[];
  readonly costs: readonly CostMetric[];
}

const isRequests = (arm: Arm) => arm.kind !== "stream";

/** From when requests were due; at saturation, where nothing is due, from when they were sent. */
function latencyOf(outcome: Outcome, arm: Arm) {
  if (outcome.kind !== "requests") return undefined;
  return hasSchedule(arm) ? outcome.corrected : outcome.raw;
}

const rawLatencyOf = (outcome: Outcome) => (outcome.kind === "requests" ? outcome.raw : undefined);

type More = Pick<RunMetric, "minimumRequests" | "charts" | "summary">;

function percentile(percent: number, more: More = {}): RunMetric {
  const requests = more.minimumRequests;
  const advice =
    requests === undefined ? "add a rate to benchmark.qps" : `plan ${requests} requests per run by qps and duration`;
  return {
    ...{ name: `p${percent}`, title: `${percent}th percentile of latency`, unit: "ms", better: "lower" },
    ...{ isOf: isRequests, read: (outcome, arm) => latencyOf(outcome, arm)?.percentiles[String(percent)] },
    budget: { unit: "ms", verb: "add", advice },
    // At saturation a latency follows from the rate, which is shown instead.
    isShownFor: hasSchedule,
    ...more,
  };
}

function rawPercentile(percent: number, more: More = {}): RunMetric {
  return {
    ...{
      name: `p${percent} raw`,
      title: `${percent}th percentile of latency as the client measures it`,
      unit: "ms",
      better: "lower",
    },
    ...{ isOf: hasSchedule, read: (outcome) => rawLatencyOf(outcome)?.percentiles[String(percent)], isRaw: true },
    ...more,
  };
}

const rate: RunMetric = {
  ...{ name: "rate", title: "requests per second", unit: "1/s", better: "higher", charts: ["blocks"] },
  // A fixed rate is given, and not a result.
  isOf: (arm) => isRequests(arm) && !hasSchedule(arm),
  read: (outcome) => (outcome.kind === "requests" ? outcome.actualQps : undefined),
};

const throughput: RunMetric = {
  ...{ name: "throughput", title: "TCP throughput", unit: "Gbit/s", better: "higher", charts: ["blocks"] },
  isOf: (arm) => arm.kind === "stream",
  read: (outcome) => (outcome.kind === "stream" ? outcome.bitsPerSecond / 1e9 : undefined),
};

const perThousand = "vCPU per 1,000 requests a second";
const mebibyte = 2 ** 20;
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

const costs = [
  {
    name: "cpu",
    ...{ title: "CPU of the whole mesh", unit: perThousand, heading: "vCPU per 1,000/s", hasChart: true },
    isOf: hasSchedule,
    read: (parts, _of, actualQps) => {
      const cores = parts.flatMap(({ usage, idle }) =>
        usage.cores === undefined || idle?.cores === undefined ? [] : [usage.cores - idle.cores],
      );
      return cores.length < parts.length ? undefined : sum(cores) / (actualQps / 1000);
    },
    counter: { unit: "vCPU", read: ({ cores }) => cores },
    summary: { mesh: `${perThousand} for the whole mesh` },
    budget: { unit: perThousand, verb: "use", of: "mesh", advice: "add a rate to benchmark.qps" },
  },
  {
    name: "memory",
    ...{ title: "memory of one sidecar, waypoint or ztunnel", unit: "MiB", heading: "MiB" },
    isOf: hasSchedule,
    read: (parts, of) => {
      const containers = sum(parts.map(({ usage }) => usage.containers));
      const bytes = sum(parts.map(({ usage }) => usage.memory));
      return containers === 0 ? undefined : bytes / mebibyte / (of === "mesh" ? 1 : containers);
    },
    counter: { unit: "B", read: ({ memory }) => memory },
    summary: { "server proxy": "MiB per proxy", waypoint: "MiB per waypoint", ztunnel: "MiB per ztunnel" },
    budget: { unit: "MiB", verb: "use", of: "each proxy", advice: "add a rate to benchmark.qps" },
  },
] as const satisfies readonly CostMetric[];

/** Names of the cost metrics, which are fields of a cost in report.json. */
export type CostName = (typeof costs)[number]["name"];

export const metrics: Registry = {
  runs: [
    percentile(50, { charts: ["effect"] }),
    percentile(90),
    percentile(99, {
      charts: ["effect", "load", "blocks"],
      summary: { unit: "ms at p99", more: "adds", less: "takes away" },
    }),
    percentile(99.9, { charts: ["effect"], minimumRequests: 10_000 }),
    {
      ...{ name: "mean", title: "mean latency", unit: "ms", better: "lower", isOf: isRequests },
      read: (outcome, arm) => latencyOf(outcome, arm)?.mean,
    },
    ...[rawPercentile(50), rawPercentile(90), rawPercentile(99), rawPercentile(99.9, { minimumRequests: 10_000 })],
    {
      ...{ name: "mean raw", title: "mean latency as the client measures it", unit: "ms", better: "lower" },
      ...{ isOf: hasSchedule, read: (outcome) => rawLatencyOf(outcome)?.mean, isRaw: true },
    },
    ...[rate, throughput],
    {
      ...rate,
      ...{ name: "rate lost", title: "share of the rate lost", unit: "%", better: "lower", lostOf: "rate" },
      charts: ["effect"],
      summary: { unit: "% of the rate", more: "loses", less: "gains" },
    },
    {
      ...throughput,
      ...{ name: "throughput lost", title: "share of the TCP throughput lost", unit: "%", better: "lower" },
      ...{ lostOf: "throughput", charts: ["effect"] },
      budget: { name: "throughput", unit: "% of the TCP rate", verb: "lose", advice: "set benchmark.tcpStreams: [1]" },
    },
  ],
  costs,
};

/** A metric that a budget can be set for. */
export interface Budgeted<M extends RunMetric | CostMetric = RunMetric | CostMetric> {
  /** In the settings. */
  readonly name: string;
  readonly metric: M;
  readonly budget: NonNullable<M["budget"]>;
}

export function budgetedMetrics({ runs, costs }: Registry = metrics): Budgeted[] {
  return [...runs, ...costs].flatMap((metric) =>
    metric.budget ? [{ name: metric.budget.name ?? metric.name, metric, budget: metric.budget }] : [],
  );
}

/** Arms by which a budget is judged: those whose runs are planned to have the metric. */
export function judgedArms<A extends Arm>({ isOf, minimumRequests = 0 }: Metric, arms: readonly A[]): A[] {
  return arms.filter((arm) => isOf(arm) && (plannedRequests(arm) ?? Infinity) >= minimumRequests);
}

/** For the schema of the settings. */
export function describeBudgets(): string {
  const limits = budgetedMetrics().map(({ name, metric, budget }) => `\`${name}\`: ${metric.title}, ${budget.unit}`);
  return (
    `Limits for the upper bound of the 95% interval. Latencies are what a scenario adds to none. ${limits.join("; ")}. ` +
    "`sidecar.p99` is for one scenario."
  );
}
