import { curve, isKnown, type Latency } from "../metrics/record";
import { LatencyHistogram } from "../statistics/percentiles";
import { type FortioResult, OutputError, percentileOfBins } from "./load-generators";

/** The rate that fortio was asked for, and when it began. */
export interface Schedule {
  /** Requests a second of all connections together. */
  readonly qps: number;
  readonly connections: number;
  /** As asked, and not as it took. */
  readonly seconds: number;
  /** Microseconds since 1970. */
  readonly startMicros: number;
}

/** Latencies in microseconds of the requests that succeeded, twice over. */
export interface Latencies {
  /** From when a request was sent, as the client measures it. */
  readonly raw: LatencyHistogram;
  /** From when it was due; with those that waited and were not sent any more when the time was up. */
  readonly corrected: LatencyHistogram;
  /** Lines of the log: requests, failed ones too. */
  readonly requests: number;
}

interface Line {
  /** Seconds. */
  readonly latency: number;
  /** When it was sent, in nanoseconds since 1970. */
  readonly timestamp: number;
  readonly thread: number;
  readonly iter: number;
  readonly ok: boolean;
}

/**
 * When calls are due, in microseconds since 1970, by fortio's own schedule (periodic/periodic.go with -uniform, without
 * -jitter and -nocatchup): connection t of n starts t/n of a period late, and its N calls are spread so that the last one
 * is due at the end, so call i is due after i + i/(N-1) periods. Whoever reckons with i periods is a whole period off in
 * the end.
 */
export function dueTimes(schedule: Schedule): (thread: number, iter: number) => number {
  const { qps, connections, startMicros } = schedule;
  const period = (connections / qps) * 1e6;
  const calls = callsOf(schedule);
  const stretch = calls > 1 ? 1 + 1 / (calls - 1) : 1;
  return (thread, iter) => startMicros + period * (thread / connections + iter * stretch);
}

/** Calls that each connection is to make. */
function callsOf({ qps, connections, seconds }: Schedule): number {
  return Math.floor(Math.floor(qps * seconds) / connections);
}

/**
 * Latencies without coordinated omission. A connection of fortio's waits for an answer before it asks again, so that
 * in a stall it leaves out the very requests that would have waited. Here a request that was due while its connection
 * still waited counts from when it was due. One that its connection was free to send counts from when it was sent: that
 * a timer of the client's woke up late is not the server's doing.
 *
 * When its time is up fortio leaves out what is still due. What was due while its connection still waited counts as a
 * wait until that was free, which is the least that it would have been.
 *
 * @param log as `-access-log-format json` writes it, in the order in which requests end
 * @throws OutputError for what is no such log
 */
export function latenciesOf(log: Buffer, schedule: Schedule): Latencies {
  const dueAt = dueTimes(schedule);
  const last = new Map<number, { readonly iter: number; readonly freeAt: number }>();
  const raw = new LatencyHistogram();
  const corrected = new LatencyHistogram();
  let requests = 0;
  for (const { latency, timestamp, thread, iter, ok } of lines(log)) {
    const due = dueAt(thread, iter);
    const sent = timestamp / 1000;
    const micros = latency * 1e6;
    const wasBusy = (last.get(thread)?.freeAt ?? 0) > due;
    last.set(thread, { iter, freeAt: sent + micros });
    requests++;
    if (!ok) continue;
    raw.record(micros);
    corrected.record(wasBusy ? Math.max(micros, sent + micros - due) : micros);
  }
  const calls = callsOf(schedule);
  for (const [thread, { iter, freeAt }] of last) {
    for (let unsent = iter + 1; unsent < calls && dueAt(thread, unsent) < freeAt; unsent++) {
      corrected.record(freeAt - dueAt(thread, unsent));
    }
  }
  return { raw, corrected, requests };
}

/** One by one from the bytes: all together may be more than a string can hold. */
function* lines(log: Buffer): Iterable<Line> {
  for (let start = 0; start < log.length;) {
    const found = log.indexOf("\n", start);
    const end = found === -1 ? log.length : found;
    const text = log.toString("utf8", start, end);
    start = end + 1;
    if (text === "") continue;
    let line: Partial<Line>;
    try {
      line = JSON.parse(text) as Partial<Line>;
    } catch {
      throw new OutputError(`the access log has a line that is no JSON: ${text.slice(0, 80)}`);
    }
    const { latency, timestamp, thread, iter, ok } = line;
    if (latency === undefined || timestamp === undefined || thread === undefined || iter === undefined) {
      throw new OutputError(
        `the access log has a line without latency, timestamp, thread or iter: ${text.slice(0, 80)}`,
      );
    }
    yield { latency, timestamp, thread, iter, ok: ok ?? true };
  }
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
