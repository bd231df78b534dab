import assert from "node:assert/strict";
import { dueTimes, latenciesOf, type Schedule } from "../../../components/benchmark/measure/access-log";
import { OutputError } from "../../../components/benchmark/measure/output-error";
import { parseFortio } from "../../../components/benchmark/measure/fortio";
import { recorded } from "../fixtures";

const startMicros = Date.parse("2026-01-01T00:00:00Z") * 1000;

interface Entry {
  readonly thread: number;
  readonly iter: number;
  /** Microseconds from the start of the run. */
  readonly sent: number;
  /** Microseconds. */
  readonly took: number;
}

/** A run of fortio's in virtual time: each connection asks when it is due, or as soon as it is free. */
function virtualRun({ qps, connections, seconds }: Schedule, answer: (sent: number) => number, lateness = 0): Entry[] {
  const period = (connections / qps) * 1e6;
  const calls = Math.floor(Math.floor(qps * seconds) / connections);
  return Array.from({ length: connections }, (_, thread) => thread).flatMap((thread) => {
    let free = 0;
    return Array.from({ length: calls }, (_, iter): Entry => {
      const due = period * (thread / connections + iter + (calls > 1 ? iter / (calls - 1) : 0));
      const sent = free > due ? free : due + lateness;
      const took = answer(sent);
      free = sent + took;
      return { thread, iter, sent, took };
    });
  });
}

function logOf(entries: readonly Entry[]): string {
  const lines = [...entries]
    .sort((a, b) => a.sent + a.took - b.sent - b.took)
    .map(({ thread, iter, sent, took }) => {
      const timestamp = `${BigInt(startMicros) * 1000n + BigInt(Math.round(sent * 1000))}`;
      const latency = (took / 1e6).toFixed(6);
      return `{"latency":${latency},"timestamp":${timestamp},"thread":${thread},"iter":${iter},"ok":true,"details":"200"}`;
    });
  return `${lines.join("\n")}\n`;
}

/** Answers in `service`, but not for a `stall` in the middle of every `period`; all in microseconds. */
function stalling(service: number, stall: number, period: number): (sent: number) => number {
  return (sent) => {
    const into = (sent + period / 2) % period;
    return (into < stall ? stall - into : 0) + service;
  };
}

describe("latencies without coordinated omission", () => {
  // 100 ms in every 10 s: 1% of the requests wait, the luckiest of them not at all and the others up to 100 ms.
  const schedule: Schedule = { qps: 1000, connections: 10, seconds: 60, startMicros };
  const service = 20;
  const [stall, period] = [100_000, 10_000_000];
  const { raw, corrected } = latenciesOf(logOf(virtualRun(schedule, stalling(service, stall, period))), schedule);

  for (const percent of [99.3, 99.5, 99.9]) {
    it(`of a server that stalls 100 ms every 10 s are what waiting users see, at p${percent}`, () => {
      const analytic = stall - (1 - percent / 100) * period + service;
      const found = corrected.percentile(percent);
      assert.ok(Math.abs(found - analytic) <= 0.05 * analytic, `${found} us and not ${analytic} us`);
    });
  }

  it("are far from what the client itself measures, which misses nearly all that wait", () => {
    assert.ok(raw.percentile(99.5) < 2 * service, `${raw.percentile(99.5)} us`);
    assert.ok(corrected.percentile(99.5) > 100 * raw.percentile(99.5));
    assert.equal(raw.count, corrected.count);
  });

  it("stay as measured where nothing stalls, to the end of the run", () => {
    const steady = latenciesOf(logOf(virtualRun(schedule, () => 700)), schedule);
    assert.deepEqual([steady.raw.percentile(100), steady.corrected.percentile(100)], [700, 700]);
  });

  it("do not blame the server for a client whose timers wake up late", () => {
    const late = latenciesOf(logOf(virtualRun(schedule, () => 700, 1500)), schedule);
    assert.equal(late.corrected.percentile(100), 700);
  });

  it("grow without end where the rate is more than the server can do", () => {
    const slow: Schedule = { qps: 100, connections: 1, seconds: 10, startMicros };
    const { corrected: behind } = latenciesOf(logOf(virtualRun(slow, () => 20_000)), slow);
    // 1,000 requests of 20 ms are done after 20 s; the last was due at 10 s.
    assert.ok(Math.abs(behind.max - 10_000_000) < 40_000, `${behind.max} us`);
  });

  it("of a real log without stalls are hardly above the raw ones", () => {
    const { startMicros: began, requests } = parseFortio(recorded("fortio/http-ok.json"));
    const log = latenciesOf(recorded("fortio/http-ok.access.log"), {
      qps: 100,
      connections: 4,
      seconds: 2,
      startMicros: began,
    });
    assert.equal(log.requests, requests);
    assert.equal(log.corrected.percentile(99), log.raw.percentile(99));
  });

  it("reckon with fortio's own schedule: a real run sent each request a moment after it was due, to the end", () => {
    const { startMicros: began } = parseFortio(recorded("fortio/http-ok.json"));
    const dueAt = dueTimes({ qps: 100, connections: 4, seconds: 2, startMicros: began });
    const late = recorded("fortio/http-ok.access.log")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { thread: number; iter: number; timestamp: number })
      .map(({ thread, iter, timestamp }) => timestamp / 1000 - dueAt(thread, iter));
    assert.equal(late.length, 200);
    // A period is 40 ms; a schedule without its stretch would be as much off in the end.
    const last = late.slice(-4);
    assert.ok(Math.min(...late) > -1, `${Math.min(...late)} us before it was due`);
    assert.ok(Math.max(...last) < 10_000, `the last ones ${last.join(", ")} us late`);
    assert.ok(late.filter((micros) => micros < 5000).length >= 190, "timers are late now and then, and not always");
  });

  it("leave out requests that failed, and count them", () => {
    const log =
      '{"latency":0.001,"timestamp":1767225600000000000,"thread":0,"iter":0,"ok":true,"details":"200"}\n' +
      '{"latency":0.9,"timestamp":1767225600100000000,"thread":0,"iter":1,"ok":false,"details":"503"}\n';
    const latencies = latenciesOf(log, { qps: 10, connections: 1, seconds: 1, startMicros });
    assert.deepEqual([latencies.requests, latencies.raw.count, latencies.raw.max], [2, 1, 1000]);
  });

  it("are refused where the log is cut off within a line or is another file", () => {
    assert.throws(() => latenciesOf('{"latency":0.001,"times', schedule), OutputError);
    assert.throws(() => latenciesOf('{"latency":0.001}\n', schedule), /without latency, timestamp, thread or iter/);
  });
});
