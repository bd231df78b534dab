import { z } from "zod";
import type { StreamOutcome } from "../metrics/record";

/** What is read of a run of fortio. */
export interface FortioResult {
  readonly actualQps: number;
  /** As many as it used: fewer than asked for where there are not two requests for each. */
  readonly connections: number;
  readonly requests: number;
  /**
   * Requests that failed: those answered with an error, or, where more, connections opened anew. fortio's fast client
   * counts a timeout under the code of the answer before it, and only the broken connection tells.
   */
  readonly failed: number;
  /** Answers by code. */
  readonly codes: Readonly<Record<string, number>>;
  /** Mean bytes of an answer's body; HTTP only. */
  readonly answerBytes?: number;
  /** Milliseconds. */
  readonly mean: number;
  /** Microseconds since 1970. */
  readonly startMicros: number;
  readonly bins: readonly Bin[];
}

/** Latencies in milliseconds, above `start` up to and with `end`. */
export interface Bin {
  readonly start: number;
  readonly end: number;
  readonly count: number;
}

const sizes = z.object({ Count: z.number(), Sum: z.number() });

const fortioSchema = z.object({
  StartTime: z.string(),
  ActualQPS: z.number(),
  NumThreads: z.number(),
  DurationHistogram: z.object({
    Count: z.number(),
    Avg: z.number(),
    Data: z.array(z.object({ Start: z.number(), End: z.number(), Count: z.number() })).nullable(),
  }),
  ErrorsDurationHistogram: z.object({ Count: z.number() }),
  RetCodes: z.record(z.string(), z.number()),
  SocketCount: z.number().optional(),
  DisableKeepAlive: z.boolean().optional(),
  Sizes: sizes.optional(),
  HeaderSizes: sizes.optional(),
});

/**
 * Reads what `fortio load -json -` prints. Durations are in nanoseconds there, and the histogram in seconds.
 *
 * @throws OutputError
 */
export function parseFortio(text: string): FortioResult {
  const found = parseOutput("fortio", text, fortioSchema);
  const { DurationHistogram: histogram } = found;
  if (histogram.Count === 0) throw new ReportedError("fortio made no request");
  const reopened = found.DisableKeepAlive === true ? 0 : (found.SocketCount ?? 0) - found.NumThreads;
  return {
    actualQps: found.ActualQPS,
    connections: found.NumThreads,
    requests: histogram.Count,
    failed: Math.max(found.ErrorsDurationHistogram.Count, reopened, 0),
    codes: found.RetCodes,
    ...(found.Sizes && { answerBytes: (found.Sizes.Sum - (found.HeaderSizes?.Sum ?? 0)) / found.Sizes.Count }),
    mean: histogram.Avg * 1000,
    startMicros: microsOf(found.StartTime),
    bins: (histogram.Data ?? []).map(({ Start, End, Count }) => ({
      start: Start * 1000,
      end: End * 1000,
      count: Count,
    })),
  };
}

/** Microseconds since 1970 of a time as Go writes it, with up to nine digits of a second: a Date has only three. */
export function microsOf(time: string): number {
  const [, digits = ""] = /\.(\d+)/.exec(time) ?? [];
  const seconds = Date.parse(time.replace(/\.\d+/, "")) / 1000;
  if (Number.isNaN(seconds)) throw new OutputError(`fortio printed StartTime "${time}", which is no time`);
  return seconds * 1e6 + Math.round(Number(`0.${digits || "0"}`) * 1e6);
}

/**
 * A percentile of a histogram, evenly within the bin it falls into, as fortio reckons it.
 *
 * @throws RangeError without requests
 */
export function percentileOfBins(bins: readonly Bin[], percent: number): number {
  const wanted = (percent / 100) * bins.reduce((sum, { count }) => sum + count, 0);
  let before = 0;
  for (const { start, end, count } of bins) {
    if (before + count >= wanted) return start + ((wanted - before) / count) * (end - start);
    before += count;
  }
  const last = bins.at(-1);
  if (!last) throw new RangeError("no values");
  return last.end;
}

/** What is read of a run of iperf3. */
export interface Iperf3Result extends Omit<StreamOutcome, "kind"> {
  readonly streams: number;
  /** Whether the server sends. */
  readonly reverse: boolean;
}

const sum = z.object({
  bits_per_second: z.number(),
  bytes: z.number(),
  retransmits: z.number().optional(),
});

const iperf3Schema = z.union([
  z.object({ error: z.string() }),
  z.object({
    error: z.undefined().optional(),
    start: z.object({ test_start: z.object({ num_streams: z.number(), reverse: z.number() }) }),
    end: z.object({
      streams: z.array(z.object({ sender: z.object({ mean_rtt: z.number().optional() }) })),
      sum_sent: sum,
      sum_received: sum,
    }),
  }),
]);

/** Failures that come from without: an earlier client is not gone yet, or this one was told to end. */
const interrupted = /server is busy|^interrupt /;

/**
 * Reads what `iperf3 -J` prints. A failure stands in the JSON, and the exit code may be 0 all the same.
 *
 * @throws OutputError
 */
export function parseIperf3(text: string): Iperf3Result {
  const found = parseOutput("iperf3", text, iperf3Schema);
  if (found.error !== undefined) {
    throw new (interrupted.test(found.error) ? OutputError : ReportedError)(`iperf3: ${found.error}`);
  }
  const { start, end } = found;
  if (end.sum_received.bytes === 0) throw new ReportedError("iperf3: nothing arrived");
  const reverse = start.test_start.reverse === 1;
  const rtts = end.streams.flatMap(({ sender }) => (sender.mean_rtt ? [sender.mean_rtt / 1000] : []));
  return {
    bitsPerSecond: end.sum_received.bits_per_second,
    streams: start.test_start.num_streams,
    reverse,
    ...(!reverse && { retransmits: end.sum_sent.retransmits }),
    ...(rtts.length > 0 && { meanRtt: rtts.reduce((total, rtt) => total + rtt, 0) / rtts.length }),
  };
}

/** What a load generator printed is no result; the message says what it is instead. */
export class OutputError extends Error {
  override readonly name = "OutputError";
}

/** A load generator says itself that it failed: that is what came of what it was to measure. */
export class ReportedError extends OutputError {}

/** The result that a program printed as JSON, or an error that says how its output differs from one. */
export function parseOutput<T>(program: string, text: string, schema: z.ZodType<T>): T {
  if (text.trim() === "") throw new OutputError(`${program} printed nothing`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new OutputError(`${program} printed ${text.length} characters that are no whole JSON: was it ended?`);
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new OutputError(
    `${program} printed JSON without what is read of it: ${issue?.path.join(".")}: ${issue?.message}`,
  );
}
