import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { problemsOf } from "../../../components/benchmark/measure/validity";
import { type Arm, hasSchedule, plannedRequests } from "../../../components/benchmark/metrics/record";
import { ports } from "../../../components/benchmark/objects";
import { benchmarkPlan } from "../../../components/benchmark/plan/plan";
import { resolveBenchmark } from "../../../components/benchmark/plan/settings";
import { accessLog, measurementOf } from "../../../components/benchmark/run/commands";
import { outcomeOf } from "../../../components/benchmark/run/measure-runs";
import { benchmark } from "../../../components/settings/sections/benchmark";
import { skip } from "../../support/skip";
import { fortioOrSkip, freePort, outputOf, startServer, stopServer } from "./tools";

/** Every kind of arm for fortio, with numbers that do not divide each other, and the smallest and largest payload. */
const plan = benchmarkPlan(
  resolveBenchmark(
    benchmark.parse({
      ...{ qps: [0, 37], connections: [3], payloadSizes: [0, 262_144], keepAlive: [true, false], grpc: true },
      ...{ duration: "1500ms", tcpDuration: "1s", tcpStreams: [] },
    }),
  ),
);

describe("an arm, with a real fortio", function () {
  this.timeout(60_000);
  let fortio: string;
  let folder: string;
  let server: ChildProcess | undefined;
  const local = new Map<number, number>();
  before(async function () {
    fortio = await fortioOrSkip(this);
    folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-arms-"));
    for (const port of [ports.http, ports.grpc, ports["tcp-echo"]]) local.set(port, await freePort());
    const at = (port: number) => `127.0.0.1:${local.get(port) ?? 0}`;
    const args = ["-http-port", at(ports.http), "-grpc-port", at(ports.grpc), "-tcp-port", at(ports["tcp-echo"])];
    const off = ["-udp-port", "disabled", "-redirect-port", "disabled"];
    // The line about HTTP is the last.
    server = await startServer(fortio, ["server", ...args, ...off], /http-echo server listening on/);
  });
  after(async () => {
    await stopServer(server);
    if (folder !== undefined) rmSync(folder, { recursive: true });
  });

  async function made(arm: Arm) {
    const log = path.join(folder, "access.log");
    rmSync(log, { force: true });
    const [, ...argv] = measurementOf(arm, plan, "127.0.0.1").argv;
    const args = argv.map((arg) =>
      arg
        .replace(accessLog, log)
        .replace(/(127\.0\.0\.1:)(\d+)/, (_, host, port) => `${host}${local.get(Number(port))}`),
    );
    const printed = await outputOf(fortio, args);
    return outcomeOf(arm, printed, existsSync(log) ? readFileSync(log) : undefined);
  }

  for (const arm of plan.arms) {
    it(`reaches the load of ${arm.id}, and is valid`, async function () {
      const { outcome, ...seen } = await made(arm);
      assert.deepEqual(problemsOf(arm, outcome, { ...seen, clientNodeCores: 1, restarted: [] }), []);
      assert.ok(outcome.kind === "requests" && outcome.requests > 0);
      if (!hasSchedule(arm)) return;
      // 55 requests in 1.5 s: 18 for each of 3 connections.
      assert.deepEqual([plannedRequests(arm), outcome.requests, seen.logged], [54, 54, 54]);
      const [raw = NaN, corrected = NaN] = [outcome.raw, outcome.corrected].map((each) => each?.percentiles["50"]);
      // Three connections share 37 requests a second: 81 ms for each request.
      if (outcome.raw.max > 40) skip(this, `the machine is busy: a request took ${outcome.raw.max} ms`);
      // At least half of the requests found their connection free: nothing stalls, and the schedule is fortio's to the end.
      assert.ok(corrected <= 1.05 * raw, `${corrected} ms and not ${raw} ms`);
    });
  }
});
