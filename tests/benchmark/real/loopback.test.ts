import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { latenciesOf } from "../../../components/benchmark/measure/latency";
import { parseFortio, parseIperf3 } from "../../../components/benchmark/measure/load-generators";
import type { RequestArm, StreamArm } from "../../../components/benchmark/metrics/record";
import { fortioArgs, iperf3Args } from "../../../components/benchmark/run/commands";
import { median, medianInterval, percentile } from "../../../components/benchmark/statistics/intervals";
import { Random } from "../../../components/shared/random";
import { compare } from "../../../components/benchmark/statistics/significance";
import { skip } from "../../support/skip";
import { startEnvoy, type Listener } from "./envoy";
import {
  envoyOrSkip,
  fortioOrSkip,
  freePort,
  outputOf,
  programOrSkip,
  startFortio,
  startServer,
  stopServer,
} from "./tools";

/** Blocks: more of them on a busy machine, until two equal listeners differ by no more than the tests allow. */
const blocks = { least: 9, most: 27 };
/** Milliseconds. */
const allowed = 0.05;
const busy = "the machine is busy: two equal listeners differ by over 50 us";
/** Percentile that is compared: a delay shifts all of them, and a busy machine affects the lowest least. */
const quick = 10;

const arm: RequestArm = {
  ...{ kind: "http", id: "loopback", placement: "other-node", seconds: 0.5, warmUpSeconds: 0 },
  ...{ connections: 4, qps: 200, payloadSize: 1024, keepAlive: true },
};

/** A run through a listener; milliseconds. */
interface Found {
  readonly name: string;
  /** From fortio's log. */
  readonly measured: number;
  /** From Envoy's log: its delay, and the time until the response was sent. */
  readonly held: number;
  readonly seen: number;
}

describe("a delay in a real Envoy, measured by a real fortio", function () {
  this.timeout(180_000);
  let folder: string;
  let fortio: string;
  let listeners: readonly Listener[];
  const servers: ChildProcess[] = [];
  const found: Found[][] = [];

  before(async function () {
    const envoy = await envoyOrSkip(this);
    fortio = await fortioOrSkip(this);
    this.timeout(180_000);
    folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-envoy-"));
    const names = { plain: 0, again: 0, one: 1, two: 2, five: 5 };
    listeners = await Promise.all(
      Object.entries(names).map(async ([name, delay]) => ({
        // Every listener has a delay: a CPU that went to sleep meanwhile costs 0.1 ms, equally in all of them.
        ...{ name, delay: 1 + delay, port: await freePort(), log: path.join(folder, `${name}.log`) },
      })),
    );
    const port = await freePort();
    servers.push(await startFortio(fortio, port));
    servers.push(await startEnvoy(envoy, folder, listeners, port));
    const random = new Random("loopback");
    for (const listener of listeners) await measure(listener);
    for (let block = 0; block < blocks.least || (block < blocks.most && noise() > 2 * allowed); block++) {
      const block: Found[] = [];
      for (const listener of random.shuffled(listeners)) block.push(await measure(listener));
      found.push(block);
    }
  });
  after(async () => {
    for (const server of servers.reverse()) await stopServer(server);
    if (folder !== undefined) rmSync(folder, { recursive: true });
  });

  async function measure({ name, port, log }: Listener): Promise<Found> {
    const access = path.join(folder, "access.log");
    rmSync(access, { force: true });
    const before = existsSync(log) ? statSync(log).size : 0;
    const logging = ["-access-log-file", access, "-access-log-format", "json"];
    const args = fortioArgs(arm, arm.seconds, { target: "fortio" }, "127.0.0.1", logging);
    const url = `http://127.0.0.1:${port}/?size=1024`;
    const result = parseFortio(await outputOf(fortio, [...args.slice(0, -1), url]));
    const { qps, connections, seconds } = arm;
    const { raw } = latenciesOf(readFileSync(access), {
      qps,
      connections,
      seconds,
      startMicros: result.startMicros,
    });
    assert.deepEqual([result.failed, raw.length], [0, result.requests]);
    const lines = (await linesAfter(log, before, result.requests)).map((line) => line.split(" ").map(Number));
    const quickest = (column: number) =>
      percentile(
        lines.map((line) => line[column] ?? NaN).sort((x, y) => x - y),
        quick,
      );
    return { name, measured: percentile(raw, quick) / 1000, held: quickest(0) / 1000, seen: quickest(1) / 1000 };
  }

  /** What a listener adds to the plain one, in each block. */
  const added = (what: keyof Omit<Found, "name">, name: string) =>
    found.map((block) => {
      const [listener, plain] = [name, "plain"].map((each) => block.find((one) => one.name === each)?.[what]);
      return (listener ?? NaN) - (plain ?? NaN);
    });
  /** Deviation from Envoy's own clock. */
  const errors = (name: string) =>
    added("measured", name).map((value, block) => value - (added("seen", name)[block] ?? NaN));

  /** Width of the interval of the deviation between two equal listeners. */
  function noise(): number {
    const interval = medianInterval(errors("again"), "noise");
    return interval ? interval.high - interval.low : Infinity;
  }

  for (const [name, delay] of [
    ["one", 1],
    ["two", 2],
    ["five", 5],
  ] as const) {
    it(`of ${delay} ms is measured to 3% or 50 us`, function () {
      if (noise() > 2 * allowed) skip(this, busy);
      // Its timer is often late, or early by one iteration of its event loop: the actual delay is in its log.
      const held = median(added("held", name));
      assert.ok(held > delay / 2, `Envoy held requests back ${held} ms more than without a delay`);
      const [truth, error] = [median(added("seen", name)), median(errors(name))];
      assert.ok(Math.abs(error) <= Math.max(0.03 * truth, allowed), `${error} ms more than the ${truth} ms Envoy says`);
      const difference = compare(new Map([[name, added("measured", name)]]), name).get(name);
      assert.ok(difference?.significant && difference.interval && difference.interval.low > 0);
    });
  }

  it("is zero between two equal listeners", function () {
    if (noise() > 2 * allowed) skip(this, busy);
    const difference = compare(new Map([["again", added("measured", "again")]]), "A/A").get("again");
    assert.ok(difference?.interval);
    // A test at 5% finds a difference in 1 of 20 A/A pairs; it then has to be negligible.
    const nothing = !difference.significant || Math.abs(difference.median) <= allowed;
    assert.ok(nothing, `${difference.median} ms, p = ${difference.p}`);
  });
});

/** The lines after `size` bytes of a log; Envoy writes them shortly after the responses. */
async function linesAfter(log: string, size: number, count: number): Promise<string[]> {
  for (const deadline = Date.now() + 5000; ;) {
    const lines = existsSync(log) ? readFileSync(log, "utf8").slice(size).trim().split("\n") : [];
    if (lines.length >= count) return lines;
    assert.ok(Date.now() < deadline, `${lines.length} of ${count} lines in ${log}`);
    await delay(10);
  }
}

describe("a real iperf3", function () {
  this.timeout(60_000);
  let iperf3: string;
  let server: ChildProcess | undefined;
  let port: number;
  before(async function () {
    iperf3 = programOrSkip(this, "iperf3", "a package of every distribution");
    port = await freePort();
    server = await startServer(
      iperf3,
      ["-s", "-B", "127.0.0.1", "-p", String(port), "--forceflush"],
      /Server listening on/,
    );
  });
  after(() => stopServer(server));

  for (const direction of ["upload", "download"] as const) {
    it(`reports the rate that it was limited to, ${direction}`, async () => {
      const stream: StreamArm = {
        ...{ kind: "stream", id: "tcp", placement: "other-node", seconds: 2, warmUpSeconds: 1 },
        ...{ streams: 2, direction },
      };
      // 20 Mbit/s per stream, far below what any loopback interface reaches.
      const printed = await outputOf(iperf3, [...iperf3Args(stream, "127.0.0.1", port), "-b", "20M"]);
      const result = parseIperf3(printed);
      assert.deepEqual([result.streams, result.reverse], [2, direction === "download"]);
      assert.ok(Math.abs(result.bitsPerSecond / 40e6 - 1) < 0.05, `${result.bitsPerSecond} bit/s`);
    });
  }
});
