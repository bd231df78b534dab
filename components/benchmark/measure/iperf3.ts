import { z } from "zod";
import { OutputError, parseOutput, ReportedError } from "./output-error";

/** What is read of a run of iperf3. */
export interface Iperf3Result {
  /** What arrived, without the seconds left out at the start. */
  readonly bitsPerSecond: number;
  readonly streams: number;
  /** Whether the server sends. */
  readonly reverse: boolean;
  /** As far as the first proxy only: behind it is another connection. Absent where the other side sends. */
  readonly retransmits?: number;
  /** Milliseconds, as far as the first proxy only. */
  readonly meanRtt?: number;
}

const sum = z.object({
  bits_per_second: z.number(),
  bytes: z.number(),
  retransmits: z.number().optional(),
});

const schema = z.union([
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
  const found = parseOutput("iperf3", text, schema);
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
