import assert from "node:assert/strict";
import { dueTimes, latenciesOf, type Schedule } from "../../../components/benchmark/measure/latency";
import { OutputError, parseFortio } from "../../../components/benchmark/measure/load-generators";
import { limits } from "../../../components/benchmark/measure/validity";
import { percentile } from "../../../components/benchmark/statistics/intervals";
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

/**
 * A run of fortio in virtual time: each connection sends a request when it is due, or as soon as it is free, until the time
 * is up; at least two, and also the last one where it gets that far (runOne in periodic/periodic.go).
 */
function virtualRun({ qps, connections, seconds }: Schedule, answer: (sent: number) => number, lateness = 0): Entry[] {
  const period = (connections / qps) * 1e6;
  const calls = Math.floor(Math.floor(qps * seconds) / connections);
  return Array.from({ length: connections }, (_, thread) => thread).flatMap((thread) => {
    const made: Entry[] = [];
    let free = 0;
    for (let iter = 0; iter < calls; iter++) {
      const due = period * (thread / connections + iter + (calls > 1 ? iter / (calls - 1) : 0));
      const sent = free > due ? free : due + lateness;
      if (sent > seconds * 1e6 && iter >= 2 && iter !== calls - 1) break;
      const took = answer(sent);
      free = sent + took;
      made.push({ thread, iter, sent, took });
    }
    return made;
  });
}

function logOf(entries: readonly Entry[]): Buffer {
  const lines = [...entries]
    .sort((a, b) => a.sent + a.took - b.sent - b.took)
    .map(({ thread, iter, sent, took }) => {
      const timestamp = `${BigInt(startMicros) * 1000n + BigInt(Math.round(sent * 1000))}`;
      const latency = (took / 1e6).toFixed(6);
      return `{"latency":${latency},"timestamp":${timestamp},"thread":${thread},"iter":${iter},"ok":true,"details":"200"}`;
    });
  return Buffer.from(`${lines.join("\n")}\n`);
}

/** Responds in `service`, except during a `stall` in the middle of every `period`; all in microseconds. */
function stalling(service: number, stall: number, period: number): (sent: number) => number {
  return (sent) => {
    const into = (sent + period / 2) % period;
    return (into < stall ? stall - into : 0) + service;
  };
}

describe("latencies corrected for coordinated omission", () => {
  // 100 ms in every 10 s: 1% of the requests wait, for 0 to 100 ms.
  const schedule: Schedule = { qps: 1000, connections: 10, seconds: 60, startMicros };
  const service = 20;
  const [stall, period] = [100_000, 10_000_000];
  const { raw, corrected } = latenciesOf(logOf(virtualRun(schedule, stalling(service, stall, period))), schedule);

  for (const percent of [99.3, 99.5, 99.9]) {
    it(`include the waiting time where a server stalls 100 ms every 10 s, at p${percent}`, () => {
      const analytic = stall - (1 - percent / 100) * period + service;
      const found = percentile(corrected, percent);
      assert.ok(Math.abs(found - analytic) <= 0.05 * analytic, `${found} us instead of ${analytic} us`);
    });
  }

  it("are far above the raw ones, which omit nearly all waiting requests", () => {
    assert.ok(percentile(raw, 99.5) < 2 * service, `${percentile(raw, 99.5)} us`);
    assert.ok(percentile(corrected, 99.5) > 100 * percentile(raw, 99.5));
    assert.equal(raw.length, corrected.length);
  });

  it("equal the raw ones where nothing stalls, to the end of the run", () => {
    const steady = latenciesOf(logOf(virtualRun(schedule, () => 700)), schedule);
    assert.deepEqual([percentile(steady.raw, 100), percentile(steady.corrected, 100)], [700, 700]);
  });

  it("exclude the delay of late timers of the client", () => {
    const late = latenciesOf(logOf(virtualRun(schedule, () => 700, 1500)), schedule);
    assert.equal(percentile(late.corrected, 100), 700);
  });

  describe("with a server that stalls until after the end", () => {
    // From 59.5 s to 60.1 s: each connection waits once, and fortio omits the other 49 requests.
    const [begin, end] = [59_500_000, 60_100_000];
    const entries = virtualRun(schedule, (sent) => (sent >= begin && sent < end ? end - sent : 0) + service);
    const latencies = latenciesOf(logOf(entries), schedule);

    for (const percent of [99.3, 99.5, 99.9]) {
      it(`include requests that were never sent, at p${percent}`, () => {
        const total = schedule.seconds * 1e6;
        const analytic = end - begin - (1 - percent / 100) * total + service;
        const found = percentile(latencies.corrected, percent);
        assert.ok(Math.abs(found - analytic) <= 0.05 * analytic, `${found} us instead of ${analytic} us`);
      });
    }

    it("belong to a run that made enough requests to be valid", () => {
      const planned = schedule.qps * schedule.seconds;
      assert.equal(latencies.requests, entries.length);
      assert.ok(entries.length < planned && entries.length >= limits.made * planned, `${entries.length} of ${planned}`);
      assert.ok(latencies.corrected.length > planned - schedule.connections, `${latencies.corrected.length}`);
    });
  });

  it("exclude requests omitted because a timer fired after the end", () => {
    const few: Schedule = { qps: 1000, connections: 10, seconds: 1, startMicros };
    const entries = virtualRun(few, () => 700, 1500);
    const late = latenciesOf(logOf(entries), few);
    assert.ok(entries.length < 1000, `${entries.length}`);
    assert.deepEqual([late.corrected.length, percentile(late.corrected, 100)], [entries.length, 700]);
  });

  it("grow to the length of the backlog where the rate is too high for the server", () => {
    const slow: Schedule = { qps: 100, connections: 1, seconds: 10, startMicros };
    const { corrected: behind, requests } = latenciesOf(logOf(virtualRun(slow, () => 20_000)), slow);
    // Of 1,000 requests of 20 ms half are done after 10 s; the last of them was due at 5 s.
    assert.ok(
      Math.abs(requests - 500) < 3 && Math.abs((behind.at(-1) ?? 0) - 5_000_000) < 60_000,
      `${behind.at(-1)} us`,
    );
    assert.ok(behind.length >= 999, `${behind.length}`);
  });

  it("equal the raw ones at p99 for a real log without stalls", () => {
    const { startMicros: began, requests } = parseFortio(recorded("fortio/http-ok.json"));
    const log = latenciesOf(Buffer.from(recorded("fortio/http-ok.access.log")), {
      qps: 100,
      connections: 4,
      seconds: 2,
      startMicros: began,
    });
    assert.equal(log.requests, requests);
    assert.equal(percentile(log.corrected, 99), percentile(log.raw, 99));
  });

  it("use fortio's schedule: in a real run each request was sent shortly after it was due, to the end", () => {
    const { startMicros: began } = parseFortio(recorded("fortio/http-ok.json"));
    const dueAt = dueTimes({ qps: 100, connections: 4, seconds: 2, startMicros: began });
    const late = recorded("fortio/http-ok.access.log")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { thread: number; iter: number; timestamp: number })
      .map(({ thread, iter, timestamp }) => timestamp / 1000 - dueAt(thread, iter));
    assert.equal(late.length, 200);
    // A period is 40 ms, by which a schedule without the stretch would be off at the end.
    const last = late.slice(-4);
    assert.ok(Math.min(...late) > -1, `${Math.min(...late)} us before it was due`);
    assert.ok(Math.max(...last) < 10_000, `the last ones ${last.join(", ")} us late`);
    assert.ok(late.filter((micros) => micros < 5000).length >= 190, "timers are late occasionally");
  });

  it("leave out failed requests, and count them", () => {
    const log =
      '{"latency":0.001,"timestamp":1767225600000000000,"thread":0,"iter":0,"ok":true,"details":"200"}\n' +
      '{"latency":0.9,"timestamp":1767225600100000000,"thread":0,"iter":1,"ok":false,"details":"503"}\n';
    const latencies = latenciesOf(Buffer.from(log), { qps: 10, connections: 1, seconds: 1, startMicros });
    assert.deepEqual([latencies.requests, latencies.raw.length, latencies.raw.at(-1)], [2, 1, 1000]);
  });

  it("are refused for a log that is cut off within a line, and for another file", () => {
    assert.throws(() => latenciesOf(Buffer.from('{"latency":0.001,"times'), schedule), OutputError);
    const other = Buffer.from('{"latency":0.001}\n');
    assert.throws(() => latenciesOf(other, schedule), /without latency, timestamp, thread or iter/);
  });
});
