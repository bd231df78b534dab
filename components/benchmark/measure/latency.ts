import { parseJson } from "../../shared/json";
import { curve, isKnown, type Latency, type RequestArm, requestsPerConnection } from "../metrics/record";
import { percentile } from "../statistics/intervals";
import { type FortioResult, OutputError, percentileOfBins } from "./load-generators";

export interface Schedule extends Pick<RequestArm, "qps" | "connections" | "seconds"> {
  /** Microseconds since 1970. */
  readonly startMicros: number;
}

/** Latencies of successful requests in whole microseconds, ascending. */
interface Latencies {
  readonly raw: Float64Array;
  /** From when a request was due. Includes requests that were due but not sent before the end. */
  readonly corrected: Float64Array;
  /** Lines of the log: all requests, failed ones included. */
  readonly requests: number;
}

/** `latency` in seconds, `timestamp` of sending in nanoseconds, number of the connection and of the request on it. */
type Line = Readonly<Record<"latency" | "timestamp" | "thread" | "iter", number>> & { readonly ok: boolean };

/**
 * When requests are due, in microseconds since 1970.
 *
 * Source: fortio's periodic/periodic.go, with -uniform and without -jitter and -nocatchup. Connection t of n starts t/n of
 * a period late. Its N requests are spread so that the last one is due at the end: request i is due after i + i/(N-1)
 * periods, a whole period later at the end than i periods would be.
 */
export function dueTimes(schedule: Schedule): (thread: number, iter: number) => number {
  const { qps, connections, startMicros } = schedule;
  const period = (connections / qps) * 1e6;
  const requests = requestsPerConnection(schedule);
  const stretch = requests > 1 ? 1 + 1 / (requests - 1) : 1;
  return (thread, iter) => startMicros + period * (thread / connections + iter * stretch);
}

/**
 * Latencies corrected for coordinated omission. A connection of fortio's sends its next request after the response to the
 * last one, so that during a stall it omits the requests that would have waited.
 *
 * - A request that was due while its connection was still waiting counts from when it was due.
 * - A request that its connection was free to send counts from when it was sent: a late timer of the client is not the
 *   server's latency.
 * - Requests still due when the time is up are never sent. Those that were due while their connection was waiting count as
 *   a wait until it was free, the least they could have taken.
 *
 * @param log in the format of `-access-log-format json`, in the order in which requests end
 * @throws OutputError for anything else
 */
export function latenciesOf(log: Buffer, schedule: Schedule): Latencies {
  const dueAt = dueTimes(schedule);
  const last = new Map<number, { readonly iter: number; readonly freeAt: number }>();
  const raw: number[] = [];
  const corrected: number[] = [];
  let requests = 0;
  for (const { latency, timestamp, thread, iter, ok } of lines(log)) {
    const due = dueAt(thread, iter);
    const sent = timestamp / 1000;
    const micros = latency * 1e6;
    const wasBusy = (last.get(thread)?.freeAt ?? 0) > due;
    last.set(thread, { iter, freeAt: sent + micros });
    requests++;
    if (!ok) continue;
    raw.push(micros);
    corrected.push(wasBusy ? Math.max(micros, sent + micros - due) : micros);
  }
  const planned = requestsPerConnection(schedule);
  for (const [thread, { iter, freeAt }] of last) {
    for (let unsent = iter + 1; unsent < planned && dueAt(thread, unsent) < freeAt; unsent++) {
      corrected.push(freeAt - dueAt(thread, unsent));
    }
  }
  const sorted = (micros: readonly number[]) => Float64Array.from(micros, Math.round).sort();
  return { raw: sorted(raw), corrected: sorted(corrected), requests };
}

/** Reads line by line from the buffer, because a whole log can be longer than a string may be. */
function* lines(log: Buffer): Iterable<Line> {
  for (let start = 0; start < log.length;) {
    const newline = log.indexOf("\n", start);
    const end = newline === -1 ? log.length : newline;
    const text = log.toString("utf8", start, end);
    start = end + 1;
    if (text === "") continue;
    const line = parseJson(text) as Partial<Line> | undefined;
    if (!line) throw new OutputError(`the access log has a line that is not JSON: ${text.slice(0, 80)}`);
    const { latency, timestamp, thread, iter, ok } = line;
    if (latency === undefined || timestamp === undefined || thread === undefined || iter === undefined) {
      throw new OutputError(
        `the access log has a line without latency, timestamp, thread or iter: ${text.slice(0, 80)}`,
      );
    }
    yield { latency, timestamp, thread, iter, ok: ok ?? true };
  }
}

/** @param micros ascending, not empty */
export function latencyOfMicros(micros: Float64Array): Latency {
  const mean = micros.reduce((sum, each) => sum + each, 0) / micros.length;
  const max = micros.at(-1) ?? NaN;
  return latency(micros.length, mean / 1000, max / 1000, (percent) => percentile(micros, percent) / 1000);
}

/** From fortio's own histogram, where there is no access log. */
export function latencyOfFortio({ bins, mean, requests }: FortioResult): Latency {
  return latency(requests, mean, bins.at(-1)?.end ?? NaN, (percent) => percentileOfBins(bins, percent));
}

function latency(count: number, mean: number, max: number, percentile: (percent: number) => number): Latency {
  const known = curve.filter((percent) => isKnown(percent, count));
  const percentiles = Object.fromEntries(known.map((percent) => [String(percent), percentile(percent)]));
  return { count, mean, max, percentiles };
}
