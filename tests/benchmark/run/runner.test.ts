import assert from "node:assert/strict";
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Report } from "../../../components/benchmark/report/report";
import type { BenchmarkRequest, BenchmarkResult } from "../../../components/benchmark/run/request";
import { runBenchmark } from "../../../components/benchmark/run/runner";
import { UserError } from "../../../components/shared/problem";
import { NotMeasurable } from "../../../components/benchmark/run/request";
import type { benchmark } from "../../../components/settings/sections/benchmark";
import { FakeCluster } from "./fake-cluster";
import { settingsOf } from "./settings-of";
import type { z } from "zod";

describe("a benchmark's run", () => {
  let projectRoot: string;
  let cluster: FakeCluster;
  let logged: string[];
  beforeEach(() => {
    projectRoot = mkdtempSync(path.join(tmpdir(), "talos-mesh-bench-"));
    cluster = new FakeCluster();
    logged = [];
  });
  afterEach(() => rmSync(projectRoot, { recursive: true }));

  const run = (settings: z.input<typeof benchmark>, signal?: AbortSignal): Promise<BenchmarkResult> => {
    const request: BenchmarkRequest = { stack: "test", settings: settingsOf(settings), mesh: { version: "1.31.1" } };
    return runBenchmark(request, {
      ...{ cluster, projectRoot, signal },
      log: (line) => logged.push(line),
      sleep: () => (signal?.aborted ? Promise.reject(signal.reason as Error) : Promise.resolve()),
    });
  };
  const measurements = () => cluster.commands.filter((command) => command.includes("-access-log-file"));
  const reportIn = (result: BenchmarkResult) =>
    JSON.parse(readFileSync(path.join(projectRoot, result.report ?? "", "report.json"), "utf8")) as Report;
  const journalFile = () => {
    const folder = path.join(projectRoot, ".talos-mesh/test/benchmark");
    return path.join(folder, readdirSync(folder)[0] ?? "", "runs.jsonl");
  };

  it("makes every planned run, writes every format of the report, and leaves nothing in the cluster", async () => {
    const result = await run({ blocks: 7, control: true, tcpStreams: [1], transactions: true });
    const report = reportIn(result);
    assert.equal(report.complete, true);
    assert.equal(report.runs.length, 7 * 2 * 5);
    assert.deepEqual(
      report.runs.flatMap(({ problems }) => problems),
      [],
    );
    for (const form of ["report.csv", "report.md", "report.html"]) {
      assert.ok(existsSync(path.join(projectRoot, result.report ?? "", form)), form);
    }
    assert.deepEqual(await cluster.namespaces(), []);
    assert.deepEqual(
      [report.environment.clientNode.name, report.environment.serverNode.name],
      ["worker-1", "worker-2"],
    );
    assert.equal(report.environment.clientNode.mtu, 1450);
    assert.match(logged.join("\n"), /\[70\/70\] block 7, /);
    assert.match(logged.join("\n"), /\[1\/70\].*; \d+ (s|min) left/);
  });

  it("warns before it measures that its blocks are too few to show a difference", async () => {
    await run({ scenarios: ["none", "sidecar"], blocks: 5 });
    const note = logged.findIndex((line) =>
      line.startsWith("talos-mesh:benchmark.blocks: with 5 blocks, no difference"),
    );
    assert.ok(note >= 0 && note < logged.findIndex((line) => line.startsWith("[1/")), logged.join("\n"));
  });

  it("warms up before it measures, and removes the earlier log", async () => {
    await run({ blocks: 1 });
    const own = cluster.commands.filter((command) => / load |\brm\b|gzip/.test(command));
    assert.deepEqual(
      own.map((command) =>
        command.replace(/^client-abc bench-none (\w+) (\S+).*?(-t \S+)?( -access-log-file \S+)?( .*)?$/, "$1 $2"),
      ),
      ["iperf3 rm", "fortio /usr/bin/fortio", "fortio /usr/bin/fortio", "iperf3 gzip"],
    );
    assert.match(own[1] ?? "", /-t 1s(?!.*access-log)/);
    assert.match(own[2] ?? "", /-t 2s .*-access-log-file \/work\/access\.log/);
  });

  it("makes no run again when all are finished, and judges other budgets on them", async () => {
    await run({ blocks: 7 });
    const before = cluster.commands.length;
    await run({ blocks: 7, budgets: { p99: { max: 5 } } });
    assert.equal(cluster.commands.length, before);
    assert.equal(cluster.applied.filter(({ kind }) => kind === "Namespace").length, 1);
  });

  it("continues after the last finished run after a kill, also in the middle of a line", async () => {
    cluster.onExec = () => {
      if (measurements().length > 5) throw new Error("killed");
    };
    await assert.rejects(run({ blocks: 8 }), /killed/);
    const file = journalFile();
    const whole = readFileSync(file, "utf8").split("\n").slice(0, -1).length;
    assert.equal(whole, 5);
    truncateSync(file, statSync(file).size - 10);
    cluster.onExec = () => undefined;
    cluster.commands.length = 0;
    const report = reportIn(await run({ blocks: 8 }));
    assert.equal(measurements().length, 4);
    assert.equal(report.runs.length, 8);
    assert.equal(new Set(report.runs.map(({ id }) => id)).size, 8);
    assert.match(logged.join("\n"), /4 of 8 runs are finished already; continuing after them/);
  });

  it("deletes what a killed run has left before it creates anything", async () => {
    cluster.leftOver("bench-old");
    await run({ blocks: 1 });
    assert.deepEqual(await cluster.namespaces(), []);
  });

  it("deletes everything and keeps finished runs when it is stopped", async () => {
    const stop = new AbortController();
    cluster.onExec = () => {
      if (measurements().length === 3) stop.abort();
    };
    await assert.rejects(run({ blocks: 9 }, stop.signal));
    assert.deepEqual(await cluster.namespaces(), []);
    assert.equal(readFileSync(journalFile(), "utf8").trimEnd().split("\n").length, 3);
  });

  it("measures again on other nodes", async () => {
    await run({ blocks: 2 });
    cluster.nodes = () =>
      FakeCluster.prototype.nodes.call(cluster).then((nodes) => nodes.filter(({ name }) => name !== "worker-1"));
    cluster.commands.length = 0;
    await run({ blocks: 2 });
    assert.equal(measurements().length, 2);
    assert.match(logged.join("\n"), /Measuring again: the earlier runs were on worker-1 \S+ \S+ and worker-2 /);
  });

  it("reports that there is nothing to measure on simulated nodes, and creates nothing", async () => {
    cluster.simulated = true;
    const result = await run({});
    assert.equal(result.state, "nothing to measure");
    assert.deepEqual([cluster.applied, cluster.commands], [[], []]);
    assert.match(logged.join("\n"), /Nothing to measure: all nodes are simulated/);
  });

  it("refuses an arm with fewer than two requests a connection before it creates anything", async () => {
    await assert.rejects(run({ qps: [10], connections: [4, 11] }), (error: unknown) => {
      assert.ok(error instanceof NotMeasurable);
      assert.match(error.message, /^talos-mesh:benchmark: http-c11-q10-1024B has 20 requests in 2 s, [^\n]*$/);
      return true;
    });
    assert.deepEqual(cluster.applied, []);
  });

  it("needs two nodes", async () => {
    cluster.nodes = () => FakeCluster.prototype.nodes.call(cluster).then((nodes) => nodes.slice(0, 1));
    await assert.rejects(
      run({}),
      (error: unknown) => error instanceof NotMeasurable && /found 1 node /.test(error.message),
    );
  });

  it("measures the available scenarios, and reports why the others are not", async () => {
    cluster.parts = new Set(["istiod"]);
    cluster.echo = (namespace) =>
      namespace === "bench-sidecar"
        ? "X-Forwarded-Client-Cert: By=spiffe://cluster.local/ns/a\nX-Envoy-Attempt-Count: 1\n"
        : "";
    const result = await run({ blocks: 7, scenarios: ["none", "sidecar", "ambient"] });
    const report = reportIn(result);
    assert.deepEqual(
      report.scenarios.map(({ scenario, state, reason }) => [scenario, state, reason]),
      [
        ["none", "measured", undefined],
        ["sidecar", "measured", undefined],
        ["ambient", "not measured", "there is no ready ztunnel in istio-system"],
      ],
    );
    assert.equal(report.complete, true);
    assert.equal(report.runs.length, 14);
    assert.ok(
      report.costs.some(
        ({ scenario, component, cpu }) => scenario === "sidecar" && component === "client proxy" && cpu,
      ),
    );
    assert.equal(
      cluster.applied.some(({ metadata }) => metadata.name === "bench-ambient"),
      false,
    );
  });

  it("measures a scenario as soon as it is available, and nothing twice", async () => {
    cluster.parts = new Set(["istiod"]);
    await run({ blocks: 2, scenarios: ["none", "ambient"] });
    assert.equal(measurements().length, 2);
    cluster.parts.add("ztunnel");
    const report = reportIn(await run({ blocks: 2, scenarios: ["none", "ambient"] }));
    assert.equal(measurements().length, 4);
    assert.deepEqual(
      report.scenarios.map(({ state }) => state),
      ["measured", "measured"],
    );
    assert.equal(report.runs.length, 4);
  });

  it("does not measure a scenario that is not what its name says", async () => {
    const report = reportIn(await run({ blocks: 1, scenarios: ["none", "sidecar"] }));
    assert.deepEqual(
      report.scenarios.map(({ reason }) => reason),
      [undefined, "its requests come without mTLS"],
    );
  });

  it("fails for a budget that is exceeded, after the report is written, or only warns where configured", async () => {
    cluster.echo = (namespace) => (namespace === "bench-sidecar" ? "X-Forwarded-Client-Cert: spiffe://a\n" : "");
    const budgets = (onExceed: "fail" | "warn") => ({ "sidecar.memory": { max: 50, onExceed } });
    const settings = { blocks: 7, scenarios: ["none" as const, "sidecar" as const] };
    await assert.rejects(run({ ...settings, budgets: budgets("fail") }), (error: unknown) => {
      assert.ok(error instanceof UserError);
      assert.match(
        error.message,
        /^talos-mesh:benchmark\.budgets\.sidecar\.memory: sidecar may use 50\.0 MiB; upper bound 60\.0/,
      );
      return true;
    });
    assert.ok(existsSync(path.join(path.dirname(journalFile()), "report.html")));
    assert.equal((await run({ ...settings, budgets: budgets("warn") })).state, "measured");
  });

  it("compares with a baseline, and fails at once where there is none", async () => {
    await assert.rejects(run({ baseline: "./no.json" }), /benchmark\.baseline: there is no \.\/no\.json/);
    assert.deepEqual(cluster.applied, []);
    const first = await run({ blocks: 7 });
    writeFileSync(path.join(projectRoot, "base.json"), JSON.stringify(reportIn(first)));
    const { baseline } = reportIn(await run({ blocks: 7, baseline: "./base.json" }));
    assert.ok(baseline && baseline.changes.length > 0 && baseline.changes.every(({ verdict }) => verdict === "agrees"));
  });
});
