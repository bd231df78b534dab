import { type Arm, hasSchedule, type Latency, type Outcome, plannedRequests, type Usage } from "./record";

/**
 * A new metric is one more row, if `Outcome` or `Usage` has its value: the report, comparison families, budgets and their
 * schema are derived from the rows.
 */
interface Metric {
  readonly name: string;
  readonly title: string;
  readonly unit: string;
  readonly isOf: (arm: Arm) => boolean;
  /** Requests per run below which it is not known. @default 0 */
  readonly minimumRequests?: number;
  readonly budget?: Budget;
}

/** A budget is a limit for the upper bound of the 95% interval, of the arm where that bound is highest. */
interface Budget {
  /** In the settings. @default the metric's name */
  readonly name?: string;
  readonly unit: string;
  /** As in "sidecar may add 5 ms". */
  readonly verb: "add" | "use" | "lose";
  readonly advice: string;
}

/** What is added at the headline load, at each load, or lost; `stability`: values block by block. */
export type Question = "latency" | "growth" | "throughput" | "stability";

/** Of every run; reported for every arm and scenario as the median over blocks. */
export interface RunMetric extends Metric {
  readonly better: "lower" | "higher";
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
  /** Questions whose pictures show it. @default none */
  readonly questions?: readonly Question[];
  /** Arms for which pictures and summary show it. @default all that have it */
  readonly isShownFor?: (arm: Arm) => boolean;
}

export interface CostMetric extends Metric {
  /** Undefined where a counter is missing. `idle` is the usage without load. */
  readonly read: (
    parts: readonly { readonly usage: Usage; readonly idle?: Usage }[],
    extent: "part" | "mesh",
    actualQps: number,
  ) => number | undefined;
  /** The counters of one part, for the CSV. */
  readonly counter: { readonly unit: string; readonly read: (usage: Usage) => number | undefined };
  readonly heading: string;
  /** Words of the summary after the value, by part. @default not in the summary */
  readonly summary?: Readonly<Partial<Record<"mesh" | "server proxy" | "waypoint" | "ztunnel", string>>>;
  /** `of`: all parts together, or each part that requests pass through. */
  readonly budget?: Budget & { readonly of: "mesh" | "each proxy" };
}

const isRequests = (arm: Arm) => arm.kind !== "stream";
const addRate = "add a rate to benchmark.qps";

type Statistic = 50 | 90 | 99 | 99.9 | "mean";

const read = (latency: Latency | undefined, statistic: Statistic) =>
  statistic === "mean" ? latency?.mean : latency?.percentiles[statistic];

/** From when requests were due; at saturation, where nothing is due, from when they were sent. */
function latency(statistic: Statistic, more: Partial<RunMetric> = {}): RunMetric {
  return {
    name: statistic === "mean" ? statistic : `p${statistic}`,
    title: statistic === "mean" ? "mean latency" : `${statistic}th percentile of latency`,
    unit: "ms",
    better: "lower",
    isOf: isRequests,
    budget: { unit: "ms", verb: "add", advice: addRate },
    read: (outcome, arm) =>
      outcome.kind === "requests" ? read(hasSchedule(arm) ? outcome.corrected : outcome.raw, statistic) : undefined,
    // At saturation latencies follow from the rate, which is shown instead.
    isShownFor: hasSchedule,
    ...more,
  };
}

function rawLatency(statistic: Statistic): RunMetric {
  const { name, title, unit, better } = latency(statistic);
  const names = { name: `${name} raw`, title: `${title} as the client measures it` };
  const readRaw = (outcome: Outcome) => (outcome.kind === "requests" ? read(outcome.raw, statistic) : undefined);
  return { ...names, unit, better, isOf: hasSchedule, isRaw: true, read: readRaw };
}

const rate: RunMetric = {
  name: "rate",
  title: "requests per second",
  unit: "1/s",
  better: "higher",
  questions: ["stability"],
  // A fixed rate is given, and not a result.
  isOf: (arm) => isRequests(arm) && !hasSchedule(arm),
  read: (outcome) => (outcome.kind === "requests" ? outcome.actualQps : undefined),
};

const throughput: RunMetric = {
  name: "throughput",
  title: "TCP throughput",
  unit: "Gbit/s",
  better: "higher",
  questions: ["stability"],
  isOf: (arm) => arm.kind === "stream",
  read: (outcome) => (outcome.kind === "stream" ? outcome.bitsPerSecond / 1e9 : undefined),
};

/** The share of a rate that a scenario loses. */
function lost(metric: RunMetric, title: string, more: Partial<RunMetric>): RunMetric {
  const { name: lostOf } = metric;
  const name = `${lostOf} lost`;
  return { ...metric, name, title, unit: "%", better: "lower", lostOf, questions: ["throughput"], ...more };
}

const perThousand = "vCPU per 1,000 requests a second";
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

const costs = [
  {
    name: "cpu",
    title: "CPU of the whole mesh",
    unit: perThousand,
    heading: "vCPU per 1,000/s",
    isOf: hasSchedule,
    read: (parts, _of, actualQps) => {
      const cores = parts.flatMap(({ usage, idle }) =>
        usage.cores === undefined || idle?.cores === undefined ? [] : [usage.cores - idle.cores],
      );
      return cores.length < parts.length ? undefined : sum(cores) / (actualQps / 1000);
    },
    counter: { unit: "vCPU", read: ({ cores }) => cores },
    summary: { mesh: `${perThousand} for the whole mesh` },
    budget: { unit: perThousand, verb: "use", of: "mesh", advice: addRate },
  },
  {
    name: "memory",
    title: "memory of one sidecar, waypoint or ztunnel",
    unit: "MiB",
    heading: "MiB",
    isOf: hasSchedule,
    read: (parts, extent) => {
      const containers = sum(parts.map(({ usage }) => usage.containers));
      const mebibytes = sum(parts.map(({ usage }) => usage.memory)) / 2 ** 20;
      return containers === 0 ? undefined : mebibytes / (extent === "mesh" ? 1 : containers);
    },
    counter: { unit: "B", read: ({ memory }) => memory },
    summary: { "server proxy": "MiB per proxy", waypoint: "MiB per waypoint", ztunnel: "MiB per ztunnel" },
    budget: { unit: "MiB", verb: "use", of: "each proxy", advice: addRate },
  },
] as const satisfies readonly CostMetric[];

export type CostName = (typeof costs)[number]["name"];

export const metrics: { readonly runs: readonly RunMetric[]; readonly costs: readonly CostMetric[] } = {
  runs: [
    latency(50, { questions: ["latency"] }),
    latency(90),
    latency(99, {
      questions: ["latency", "growth", "stability"],
      summary: { unit: "ms at p99", more: "adds", less: "takes away" },
    }),
    latency(99.9, {
      questions: ["latency"],
      minimumRequests: 10_000,
      budget: { unit: "ms", verb: "add", advice: "plan 10,000 requests per run by qps and duration" },
    }),
    latency("mean", { budget: undefined }),
    ...([50, 90, 99, 99.9, "mean"] as const).map(rawLatency),
    rate,
    throughput,
    lost(rate, "share of the rate lost", { summary: { unit: "% of the rate", more: "loses", less: "gains" } }),
    lost(throughput, "share of the TCP throughput lost", {
      budget: { name: "throughput", unit: "% of the TCP rate", verb: "lose", advice: "set benchmark.tcpStreams: [1]" },
    }),
  ],
  costs,
};

export function isShown({ isOf, isShownFor = isOf }: Pick<RunMetric, "isOf" | "isShownFor">, arm: Arm): boolean {
  return isShownFor(arm);
}

export type Budgeted = ReturnType<typeof budgetedMetrics>[number];

export function budgetedMetrics() {
  return [...metrics.runs, ...metrics.costs].flatMap((metric) => {
    const { name, budget } = metric;
    return budget ? [{ name: budget.name ?? name, metric, budget }] : [];
  });
}

/** Arms whose runs are planned to have the metric. */
export function judgedArms({ isOf, minimumRequests = 0 }: Metric, arms: readonly Arm[]): Arm[] {
  return arms.filter((arm) => isOf(arm) && (plannedRequests(arm) ?? Infinity) >= minimumRequests);
}

export function describeBudgets(): string {
  const limits = budgetedMetrics().map(({ name, metric, budget }) => `\`${name}\`: ${metric.title}, ${budget.unit}`);
  return (
    `Limits for the upper bound of the 95% interval. Latencies are what a scenario adds to none. ${limits.join("; ")}. ` +
    "`sidecar.p99` is for one scenario."
  );
}
