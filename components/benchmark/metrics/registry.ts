import { type Arm, hasSchedule, type RunRecord } from "./record";

/**
 * What is read off a run. Latencies count from when a request was due, the ones named `raw` as the client measures;
 * what is lost is the share of the same block's `none` that is missing.
 */
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
  "mean raw": { unit: "ms", better: "lower" },
  rate: { unit: "1/s", better: "higher" },
  throughput: { unit: "Gbit/s", better: "higher" },
  "rate lost": { unit: "%", better: "lower" },
  "throughput lost": { unit: "%", better: "lower" },
} as const;

export type Metric = keyof typeof metrics;

/** Of what a metric is the share that is lost. */
export const lostOf: Readonly<Partial<Record<Metric, Metric>>> = {
  "rate lost": "rate",
  "throughput lost": "throughput",
};

/** Whether a metric says something of an arm: a fixed rate has no rate to find out, and without one nothing is due. */
export function isMetricOf(metric: Metric, arm: Arm): boolean {
  if (metric.startsWith("throughput")) return arm.kind === "stream";
  if (metric.startsWith("rate")) return arm.kind !== "stream" && !hasSchedule(arm);
  return metric.endsWith(" raw") ? hasSchedule(arm) : arm.kind !== "stream";
}

/** The value of a metric in a run; undefined where the run alone has none. */
export function valueOf(metric: Metric, arm: Arm, { outcome }: RunRecord): number | undefined {
  if (outcome === undefined || lostOf[metric] !== undefined || !isMetricOf(metric, arm)) return undefined;
  if (outcome.kind === "stream") return outcome.bitsPerSecond / 1e9;
  if (metric === "rate") return outcome.actualQps;
  // Where there is no schedule there is nothing to correct, and the client's own figure is the one there is.
  const latency = hasSchedule(arm) && !metric.endsWith(" raw") ? outcome.corrected : outcome.raw;
  const [name = ""] = metric.split(" ");
  return name === "mean" ? latency?.mean : latency?.percentiles[name.slice(1)];
}
