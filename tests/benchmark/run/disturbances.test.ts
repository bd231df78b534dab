import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Report } from "../../../components/benchmark/report/report";
import { runBenchmark } from "../../../components/benchmark/run/runner";
import type { benchmark } from "../../../components/settings/sections/benchmark";
import { recorded } from "../fixtures";
import { FakeCluster } from "./fake-cluster";
import { settingsOf } from "./settings-of";
import type { z } from "zod";

describe("what surrounds a run", () => {
  let projectRoot: string;
  let cluster: FakeCluster;
  let logged: string[];
  /** Sleeps and readings of counters, in order. */
  let events: string[];
  beforeEach(() => {
    projectRoot = mkdtempSync(path.join(tmpdir(), "talos-mesh-bench-"));
    cluster = new FakeCluster();
    logged = [];
    events = [];
  });
  afterEach(() => rmSync(projectRoot, { recursive: true }));

  const run = async (settings: z.input<typeof benchmark>): Promise<Report> => {
    const request = { stack: "test", settings: settingsOf(settings), mesh: { version: "1.31.1" } };
    const log = (line: string) => logged.push(line);
    const sleep = (ms: number) => Promise.resolve(events.push(`sleep ${ms}`));
    const { report = "" } = await runBenchmark(request, { cluster, projectRoot, log, sleep });
    return JSON.parse(readFileSync(path.join(projectRoot, report, "report.json"), "utf8")) as Report;
  };
  const measurements = () => cluster.commands.filter((command) => command.includes("-access-log-file"));

  it("repeats a run that something else has disturbed, reports both, and continues", async () => {
    let runs = 0;
    cluster.output = (argv) =>
      argv.includes("-access-log-file") && ++runs === 2 ? recorded("fortio/truncated.json") : undefined;
    const report = await run({ blocks: 3 });
    assert.deepEqual(
      report.runs.map(({ problems }) => problems.length),
      [0, 1, 0, 0],
    );
    assert.match(report.runs[1]?.problems[0] ?? "", /not complete JSON/);
    assert.deepEqual([report.runs[1]?.disturbed, report.runs[1]?.id], [true, report.runs[2]?.id]);
    assert.equal(report.figures.find(({ metric }) => metric === "p50")?.estimate.blocks, 3);
    assert.match(logged.join("\n"), /does not count, fortio printed .*; once more/);
    await run({ blocks: 3 });
    assert.equal(measurements().length, 4, "nothing is made a third time");
  });

  it("continues with the second try of a run after a kill, and makes no third one", async () => {
    cluster.output = (argv) => (argv.includes("-access-log-file") ? recorded("fortio/truncated.json") : undefined);
    cluster.onExec = () => {
      if (measurements().length > 1) throw new Error("killed");
    };
    await assert.rejects(run({ blocks: 1 }), /killed/);
    cluster.onExec = () => undefined;
    const report = await run({ blocks: 1 });
    assert.deepEqual(
      report.runs.map(({ problems, disturbed }) => [problems.length, disturbed]),
      [
        [1, true],
        [1, true],
      ],
    );
  });

  it("does not repeat a run until it reaches its rate: that it does not is the result", async () => {
    const report = await run({ blocks: 1, qps: [1000] });
    assert.deepEqual(
      report.runs.map(({ problems, disturbed }) => [problems, disturbed]),
      [[["only 10.0% of the planned requests were made (200 of 2000)"], undefined]],
    );
  });

  it("includes the time that the hosts of both nodes gave to others: above 5% the run is repeated", async () => {
    const stat = (total: number, stolen: number) => `cpu ${total - stolen} 0 0 0 0 0 0 ${stolen} 0 0`;
    // Before and after each run, client and server: in the first one the server's host takes 6%.
    const lines = [stat(1000, 0), stat(1000, 0), stat(2000, 10), stat(2000, 60)];
    cluster.processorTime = () => lines.shift() ?? "";
    const { runs } = await run({ blocks: 1 });
    assert.deepEqual(
      runs.map(({ stolen, problems }) => [stolen, problems]),
      [
        [{ client: 0.01, server: 0.06 }, ["the host withheld 6.0% of the CPU time of the server's node (steal)"]],
        [{}, []],
      ],
    );
  });

  it("is reported with the environment: nodes, mesh, and the proxies of a scenario", async () => {
    cluster.echo = (namespace) => (namespace === "bench-waypoint" ? "x-envoy-attempt-count: 1\n" : "");
    const { environment, scenarios } = await run({ blocks: 1, scenarios: ["none", "waypoint"] });
    assert.deepEqual([environment.serverNode.processor, environment.serverNode.mtu], ["A processor", 1450]);
    assert.equal(environment.mesh?.[0], "access log: /dev/stdout, TEXT");
    assert.deepEqual(
      scenarios.map(({ proxies }) => proxies),
      [[], ["worker-1", "worker-2"].map((node) => `ztunnel on ${node}: requests cpu 200m memory 512Mi, limits none`)],
    );
  });

  it("may remove a data plane: later runs do not count", async () => {
    cluster.pod = (namespace, pod) =>
      namespace === "bench-ambient" ? { ...pod, redirected: measurements().length <= 2 } : pod;
    const { runs } = await run({ blocks: 2, scenarios: ["none", "ambient"] });
    const spoilt = ["its traffic does not go through ztunnel"];
    assert.deepEqual(
      runs.map(({ block, scenario, problems }) => [block, problems.filter(() => scenario === "ambient")]),
      runs.map(({ block, scenario }) => [block, block === 2 && scenario === "ambient" ? spoilt : []]),
    );
  });

  it("counts for the cost only while there is load", async () => {
    cluster.echo = (namespace) => (namespace === "bench-sidecar" ? "X-Forwarded-Client-Cert: spiffe://a\n" : "");
    const cpu = async (blocks: number) => {
      const { runs } = await run({ blocks, scenarios: ["none", "sidecar"] });
      return runs.find(({ scenario }) => scenario === "sidecar")?.usage["client proxy"];
    };
    assert.equal((await cpu(1))?.cores, 0.1);
    // The recorded warm-up began in 2026; a counter of before holds a time without load as well.
    cluster.countedSince = Date.UTC(2026, 0, 1);
    const stale = await cpu(2);
    assert.deepEqual([stale?.cores, stale?.memory], [undefined, 60 * 2 ** 20]);
  });

  it("includes the usage without load, by counters that are not of starting proxies", async () => {
    const usage = cluster.usage.bind(cluster);
    cluster.usage = (node) => {
      if (node === "worker-1") events.push("read");
      return usage(node);
    };
    await run({ blocks: 1, idle: "7s" });
    assert.deepEqual(events.slice(0, 4), ["sleep 15000", "read", "sleep 7000", "read"]);
  });

  it("may include kubelets without counters: each is logged once with its reason, and reported", async () => {
    cluster.usage = (node) => Promise.reject(new Error(`nodes "${node}" is forbidden: no nodes/proxy`));
    const { environment, runs } = await run({ blocks: 2 });
    const nodes = ["worker-1", "worker-2", "control-plane"];
    assert.deepEqual(
      environment.withoutCounters,
      nodes.map((node) => `${node}: nodes "${node}" is forbidden: no nodes/proxy`),
    );
    const warned = logged.filter((line) => line.startsWith("Warning: "));
    assert.deepEqual(
      warned.map((line) => line.split(",")[0]),
      nodes.map((node) => `Warning: ${node} gives no counters (nodes "${node}" is forbidden: no nodes/proxy)`),
    );
    assert.deepEqual(
      runs.map(({ usage, problems }) => [usage, problems]),
      [
        [{}, []],
        [{}, []],
      ],
    );
  });
});
