import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { BenchmarkRequest, BenchmarkResult } from "../../../components/benchmark/run/request";
import { runBenchmark } from "../../../components/benchmark/run/runner";
import { NotMeasurable } from "../../../components/benchmark/run/request";
import { FakeCluster } from "./fake-cluster";
import { settingsOf } from "./settings-of";

describe("a benchmark in its environment", () => {
  let projectRoot: string;
  let cluster: FakeCluster;
  let logged: string[];
  beforeEach(() => {
    projectRoot = mkdtempSync(path.join(tmpdir(), "talos-mesh-bench-"));
    cluster = new FakeCluster();
    logged = [];
  });
  afterEach(() => rmSync(projectRoot, { recursive: true }));

  const run = (extra: Pick<BenchmarkRequest, "pull" | "grafana">, blocks: number, signal?: AbortSignal) => {
    const request = { stack: "test", settings: settingsOf({ blocks }), mesh: { version: "1.31.1" }, ...extra };
    const log = (line: string) => logged.push(line);
    return runBenchmark(request, { cluster, projectRoot, signal, log, sleep: () => Promise.resolve() });
  };

  it("judges other budgets by an earlier result where the runs are not on this disk, on the same nodes", async () => {
    const budgets = (max: number) => ({ "sidecar.memory": { max, onExceed: "fail" as const } });
    const settings = settingsOf({ scenarios: ["none", "sidecar"], blocks: 7, budgets: budgets(70) });
    cluster.echo = (namespace) => (namespace === "bench-sidecar" ? "X-Forwarded-Client-Cert: spiffe://a\n" : "");
    const context = { cluster, log: (line: string) => logged.push(line), sleep: () => Promise.resolve() };
    const request = { stack: "test", settings, mesh: { version: "1.31.1" } };
    const printed = JSON.stringify(await runBenchmark(request, { ...context, projectRoot }));
    assert.ok(printed.length < 4000, "an environment has little room");
    const previous = JSON.parse(printed) as BenchmarkResult;

    const elsewhere = { ...context, projectRoot: path.join(projectRoot, "checkout"), previous };
    const commands = cluster.commands.length;
    const stricter = { ...request, settings: { ...settings, budgets: budgets(50) } };
    await assert.rejects(runBenchmark(stricter, elsewhere), /sidecar may use 50\.0 MiB; upper bound 60\.0/);
    const looser = { ...request, settings: { ...settings, budgets: budgets(90) } };
    // The report lies where the earlier one ran.
    const judged = { ...previous, report: undefined, budgets: budgets(90) };
    assert.deepEqual(await runBenchmark(looser, elsewhere), judged);
    assert.equal(cluster.commands.length, commands, "nothing was measured");

    cluster.uid = "2";
    // The client's sidecar is on the node that is gone, so that no memory budget could be judged.
    await runBenchmark({ ...request, settings: { ...settings, budgets: {} } }, elsewhere);
    assert.ok(cluster.commands.length > commands, "other nodes are measured again");
  });

  it("annotates its beginning and end in Grafana, also where it is stopped", async () => {
    const extra = { grafana: { namespace: "observability" } };
    const texts = () => cluster.annotations.map(({ namespace, text }) => `${namespace}: ${text}`);
    await run(extra, 1);
    const both = ["observability: Benchmark of test begins", "observability: Benchmark of test ends"];
    assert.deepEqual(texts(), both);
    cluster.annotations.length = 0;
    await run(extra, 1);
    assert.deepEqual(texts(), [], "nothing was measured");
    const stop = new AbortController();
    cluster.onExec = (command) => command.includes("-access-log-file") && stop.abort(new Error("stopped"));
    await assert.rejects(run(extra, 2, stop.signal), /stopped/);
    assert.deepEqual(texts(), both);
  });

  it("does not need Grafana: it warns, and sends both annotations as soon as it answers", async () => {
    const extra = { grafana: { namespace: "observability" } };
    let refusals = 1;
    cluster.onAnnotate = () => {
      if (refusals-- > 0) throw new Error("no pod of Grafana is ready");
    };
    assert.equal((await run(extra, 1)).state, "measured");
    assert.match(logged.join("\n"), /Warning: Grafana does not show "Benchmark of test begins" \(no pod of Grafana/);
    assert.deepEqual(
      cluster.annotations.map(({ text }) => text),
      ["Benchmark of test begins", "Benchmark of test ends"],
    );
    const [begin, end] = cluster.annotations.map(({ at }) => at.getTime());
    assert.ok(begin !== undefined && end !== undefined && begin <= end);
  });

  it("pulls with the secrets of the environment, and names missing ones", async () => {
    const extra = { pull: { policy: "Always", secrets: ["registry", "other"] } } as const;
    cluster.pullSecrets.set("registry", "e30=");
    await assert.rejects(run(extra, 1), (error: unknown) => {
      assert.ok(error instanceof NotMeasurable);
      assert.equal(
        error.message,
        "talos-mesh:images.pullSecrets: the cluster has no other in istio-system; deploy the stack first",
      );
      return true;
    });
    assert.equal(cluster.applied.length, 0);
    cluster.pullSecrets.set("other", "e30=");
    await run(extra, 1);
    const secrets = cluster.applied.filter(({ kind }) => kind === "Secret");
    assert.deepEqual(
      secrets.map(({ metadata, data }) => [metadata.namespace, metadata.name, data]),
      ["registry", "other"].map((name) => ["bench-none", name, { ".dockerconfigjson": "e30=" }]),
    );
    const pods = cluster.applied.filter(({ kind }) => kind === "Deployment").map((each) => JSON.stringify(each.spec));
    for (const pod of pods) {
      assert.match(pod, /"imagePullSecrets":\[\{"name":"registry"\},\{"name":"other"\}\]/);
      assert.doesNotMatch(pod, /IfNotPresent/);
    }
  });
});
