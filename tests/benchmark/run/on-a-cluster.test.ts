import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type BenchNode, KubernetesCluster } from "../../../components/benchmark/run/cluster";
import type { ExecResult } from "../../../components/shared/kubernetes/pod-streams";
import { runBenchmark } from "../../../components/benchmark/run/runner";
import { cleanUp } from "../../../components/benchmark/run/set-up";
import { benchmark } from "../../../components/settings/sections/benchmark";
import { ApiServer } from "../../../components/shared/kubernetes/api-server";
import { testCluster, type TestCluster } from "../../support/cluster-project";
import { FakeCluster } from "./fake-cluster";

/** A real API server whose simulated nodes count as real ones; the results of commands in pods come from recordings. */
class RealNodes extends KubernetesCluster {
  readonly recordings = new FakeCluster();

  override async nodes(): Promise<BenchNode[]> {
    return (await super.nodes()).map((node) => ({ ...node, simulated: false }));
  }

  override async exec(pod: string, namespace: string, container: string, argv: readonly string[]): Promise<ExecResult> {
    const pods = await this.pods(namespace);
    assert.ok(
      pods.some(({ name, containers }) => name === pod && containers.includes(container)),
      `${pod} ${container}`,
    );
    return this.recordings.exec(pod, namespace, container, argv);
  }
}

describe("a benchmark on a real API server", function () {
  this.timeout(120_000);
  let testbed: TestCluster;
  let server: ApiServer;
  let projectRoot: string;
  const sleep = () => delay(100);

  before(async function () {
    testbed = await testCluster(this);
    server = await ApiServer.open({ kubeconfig: testbed.kubeconfig });
  });
  after(() => testbed?.remove());
  beforeEach(() => (projectRoot = mkdtempSync(path.join(tmpdir(), "talos-mesh-bench-"))));
  afterEach(() => rmSync(projectRoot, { recursive: true }));

  const request = {
    ...{ stack: "test", mesh: { version: "1.31.1" } },
    settings: benchmark.parse({
      ...{ scenarios: ["none", "sidecar"], control: true, sameNode: true, blocks: 2, preset: "article" },
      ...{ qps: [100], connections: [4], duration: "2s", idle: "1s" },
    }),
  };
  const context = (cluster: KubernetesCluster, logged: string[]) => ({
    ...{ cluster, projectRoot, sleep, log: (line: string) => logged.push(line) },
  });

  it("finds that the nodes are simulated, and creates nothing", async () => {
    const logged: string[] = [];
    const result = await runBenchmark(request, context(new KubernetesCluster(server), logged));
    assert.equal(result.state, "nothing to measure");
    assert.deepEqual(await new KubernetesCluster(server).namespaces(), []);
  });

  it("has all its objects accepted, pods on the nodes they belong to, and everything removed at the end", async () => {
    const cluster = new RealNodes(server);
    const placed = new Set<string>();
    cluster.recordings.onExec = (command) => placed.add(command.split(" ").slice(0, 2).join(" "));
    const logged: string[] = [];
    const result = await runBenchmark(request, context(cluster, logged));
    assert.equal(result.state, "measured");
    assert.match(logged.join("\n"), /sidecar: not measured, there is no ready istiod/);
    // A client on the server's node and one on another, in both namespaces that are measured.
    assert.equal([...placed].filter((place) => place.startsWith("client-near-")).length, 2);
    assert.equal([...placed].filter((place) => /^client-(?!near)/.test(place)).length, 2);
    await cleanUp(cluster, sleep);
    assert.deepEqual(await cluster.namespaces(), []);
  });

  it("deletes what a killed run has left, and continues after it", async () => {
    const cluster = new RealNodes(server);
    let runs = 0;
    const removeNamespace = cluster.removeNamespace.bind(cluster);
    // As after kill -9: nothing cleans up.
    cluster.removeNamespace = () => Promise.resolve();
    cluster.recordings.onExec = (command) => {
      if (command.includes("-access-log-file") && ++runs > 2) throw new Error("killed");
    };
    await assert.rejects(runBenchmark(request, context(cluster, [])), /killed/);
    assert.deepEqual((await cluster.namespaces()).sort(), ["bench-control", "bench-none"]);
    cluster.removeNamespace = removeNamespace;
    cluster.recordings.onExec = () => undefined;
    const logged: string[] = [];
    assert.equal((await runBenchmark(request, context(cluster, logged))).state, "measured");
    assert.match(logged.join("\n"), /runs are finished already; continuing after them/);
    await cleanUp(cluster, sleep);
    assert.deepEqual(await cluster.namespaces(), []);
  });
});
