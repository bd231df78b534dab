import type { Scenario } from "../plan/plan";
import type { LatencyHistogram } from "../statistics/latency-histogram";
import { type FortioResult, percentileOfBins } from "./fortio";
import type { Iperf3Result } from "./iperf3";

/** Milliseconds. */
export interface Latency {
  readonly count: number;
  readonly mean: number;
  readonly max: number;
  /** By percentage, as in `"99.9"`; only those with enough requests behind them. */
  readonly percentiles: Readonly<Record<string, number>>;
}

/** What a run of requests gave. */
export interface RequestOutcome {
  readonly kind: "requests";
  readonly actualQps: number;
  readonly requests: number;
  readonly failed: number;
  readonly codes: Readonly<Record<string, number>>;
  /** As the client measures it. */
  readonly raw: Latency;
  /** From when a request was due; absent at saturation, which has no schedule. */
  readonly corrected?: Latency;
}

export interface StreamOutcome extends Pick<Iperf3Result, "bitsPerSecond" | "retransmits" | "meanRtt"> {
  readonly kind: "stream";
}

/** Parts that take processor time and memory while a run is measured. */
export const components = [
  "client",
  "server",
  "client proxy",
  "server proxy",
  "ztunnel",
  "waypoint",
  "istiod",
] as const;
export type Component = (typeof components)[number];

export interface Usage {
  /** Processors' worth of time, on average; absent where the counters did not move on between two looks. */
  readonly cores?: number;
  /** Bytes of the working set at the end. */
  readonly memory: number;
  /** Containers it is summed over. */
  readonly containers: number;
}

export type Usages = Readonly<Partial<Record<Component, Usage>>>;

/** One measurement as it is kept: an entry of the journal and of the report. */
export interface RunRecord {
  /** Of the planned run. */
  readonly id: string;
  readonly block: number;
  /** Id of the arm. */
  readonly arm: string;
  readonly scenario: Scenario;
  readonly startedAt: string;
  /** Seconds it took in all, with warm-up. */
  readonly took: number;
  /** Absent where nothing could be read. */
  readonly outcome?: RequestOutcome | StreamOutcome;
  readonly usage: Usages;
  /** Shares of their processors that the host of the two nodes gave to others meanwhile; absent on a host itself. */
  readonly stolen?: { readonly client?: number; readonly server?: number };
  /** Why it does not count; empty for a valid run. */
  readonly problems: readonly string[];
  /** What spoilt it has nothing to do with what was asked: the run is made once more. Absent where that is not so. */
  readonly disturbed?: true;
}

/** Where a latency curve has its points. */
export const curve = [1, 5, 10, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 99.95, 99.99] as const;

/** A far percentile of few requests is the luck of one of them: 99.9 takes 10,000, and so on. */
export function isKnown(percent: number, count: number): boolean {
  return percent <= 99 || (1 - percent / 100) * count >= 10 - 1e-6;
}

/** @param histogram of microseconds, with at least one */
export function latencyOfHistogram(histogram: LatencyHistogram): Latency {
  return latency(
    histogram.count,
    histogram.mean / 1000,
    histogram.max / 1000,
    (percent) => histogram.percentile(percent) / 1000,
  );
}

export function latencyOfFortio({ bins, mean, requests }: FortioResult): Latency {
  return latency(requests, mean, bins.at(-1)?.end ?? NaN, (percent) => percentileOfBins(bins, percent));
}

function latency(count: number, mean: number, max: number, percentile: (percent: number) => number): Latency {
  const known = curve.filter((percent) => isKnown(percent, count));
  return {
    count,
    mean,
    max,
    percentiles: Object.fromEntries(known.map((percent) => [String(percent), percentile(percent)])),
  };
}
