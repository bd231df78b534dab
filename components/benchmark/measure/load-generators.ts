import { z } from "zod";
import { parseJson } from "../../shared/json";

/** The output of a load generator is not a result: it is cut off, empty, or of another program. */
export class OutputError extends Error {
  override readonly name: string = "OutputError";
}

/** The load generator itself reports that the measurement failed, which is a result of the run. */
export class ReportedError extends OutputError {
  override readonly name = "ReportedError";
}

function parseOutput<T>(program: string, text: string, schema: z.ZodType<T>): T {
  if (text.trim() === "") throw new OutputError(`${program} printed nothing`);
  const value = parseJson(text);
  if (value === undefined) {
    throw new OutputError(`${program} printed ${text.length} characters that are not complete JSON: was it killed?`);
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new OutputError(`${program} printed unexpected JSON: ${issue?.path.join(".")}: ${issue?.message}`);
}

const sizes = z.object({ Count: z.number(), Sum: z.number() });

const fortioJson = z.object({
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

export type FortioResult = ReturnType<typeof parseFortio>;

/** Reads the output of `fortio load -json -`, whose histogram is in seconds. */
export function parseFortio(text: string) {
  const found = parseOutput("fortio", text, fortioJson);
  const { DurationHistogram: histogram } = found;
  if (histogram.Count === 0) throw new ReportedError("fortio made no request");
  // fortio's fast client counts a timeout under the code of the previous response; only the new connection shows it.
  const reconnections = found.DisableKeepAlive === true ? 0 : (found.SocketCount ?? 0) - found.NumThreads;
  return {
    actualQps: found.ActualQPS,
    /** Fewer than requested where there are not two requests for each. */
    connections: found.NumThreads,
    requests: histogram.Count,
    failed: Math.max(found.ErrorsDurationHistogram.Count, reconnections, 0),
    codes: found.RetCodes,
    /** Mean size of a response body; HTTP only. */
    answerBytes: found.Sizes && (found.Sizes.Sum - (found.HeaderSizes?.Sum ?? 0)) / found.Sizes.Count,
    /** Milliseconds. */
    mean: histogram.Avg * 1000,
    startMicros: microsOf(found.StartTime),
    /** Number of latencies above `start` up to and including `end`, in milliseconds. */
    bins: (histogram.Data ?? []).map((bin) => ({ start: bin.Start * 1000, end: bin.End * 1000, count: bin.Count })),
  };
}

/** Microseconds since 1970 of a time in Go's format, whose seconds have up to nine decimals; a Date keeps three. */
export function microsOf(time: string): number {
  const [, digits = ""] = /\.(\d+)/.exec(time) ?? [];
  const seconds = Date.parse(time.replace(/\.\d+/, "")) / 1000;
  if (Number.isNaN(seconds)) throw new OutputError(`fortio printed StartTime "${time}", which is not a time`);
  return seconds * 1e6 + Math.round(Number(`0.${digits || "0"}`) * 1e6);
}

/** A percentile of a histogram, interpolated linearly within its bin, as fortio does. */
export function percentileOfBins(bins: Readonly<FortioResult["bins"]>, percent: number): number {
  const rank = (percent / 100) * bins.reduce((sum, { count }) => sum + count, 0);
  let before = 0;
  for (const { start, end, count } of bins) {
    if (before + count >= rank) return start + ((rank - before) / count) * (end - start);
    before += count;
  }
  const last = bins.at(-1);
  if (!last) throw new RangeError("no values");
  return last.end;
}

const total = z.object({ bits_per_second: z.number(), bytes: z.number(), retransmits: z.number().optional() });

const iperf3Json = z.union([
  z.object({ error: z.string() }),
  z.object({
    error: z.undefined().optional(),
    start: z.object({ test_start: z.object({ num_streams: z.number(), reverse: z.number() }) }),
    end: z.object({
      streams: z.array(z.object({ sender: z.object({ mean_rtt: z.number().optional() }) })),
      sum_sent: total,
      sum_received: total,
    }),
  }),
]);

/** Failures with an outside cause: the server still has an earlier client, or this one was interrupted. */
const interrupted = /server is busy|^interrupt /;

export type Iperf3Result = ReturnType<typeof parseIperf3>;

/** Reads the output of `iperf3 -J`. A failure is in the JSON, and the exit code may be 0 all the same. */
export function parseIperf3(text: string) {
  const found = parseOutput("iperf3", text, iperf3Json);
  if (found.error !== undefined) {
    throw new (interrupted.test(found.error) ? OutputError : ReportedError)(`iperf3: ${found.error}`);
  }
  const { start, end } = found;
  if (end.sum_received.bytes === 0) throw new ReportedError("iperf3: the server received nothing");
  const reverse = start.test_start.reverse === 1;
  const rtts = end.streams.flatMap(({ sender }) => (sender.mean_rtt ? [sender.mean_rtt / 1000] : []));
  return {
    bitsPerSecond: end.sum_received.bits_per_second,
    streams: start.test_start.num_streams,
    reverse,
    ...(!reverse && { retransmits: end.sum_sent.retransmits }),
    ...(rtts.length > 0 && { meanRtt: rtts.reduce((sum, rtt) => sum + rtt, 0) / rtts.length }),
  };
}
