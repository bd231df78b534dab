import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import type { ContainerSample } from "../../../components/benchmark/measure/usage";
import { type Arm, hasSchedule } from "../../../components/benchmark/metrics/record";
import { benchmarkPlan } from "../../../components/benchmark/plan/plan";
import { resolveBenchmark } from "../../../components/benchmark/plan/settings";
import type { BenchPod } from "../../../components/benchmark/run/cluster";
import type { ExecResult } from "../../../components/shared/kubernetes/pod-streams";
import { chooseNodes, Kubelets } from "../../../components/benchmark/run/environment";
import { measureOnce, type RunContext } from "../../../components/benchmark/run/measure-runs";
import type { ScenarioName } from "../../../components/benchmark/metrics/record";
import type { benchmark } from "../../../components/settings/sections/benchmark";
import { recorded } from "../fixtures";
import { FakeCluster } from "./fake-cluster";
import { settingsOf } from "./settings-of";
import type { z } from "zod";

/** When the recorded runs of fortio began, by the clock of the client's node; milliseconds since 1970. */
const began = Date.parse("2026-11-23T04:02:16.517Z");
const isMeasurement = (argv: readonly string[]) => argv.includes("-access-log-file");
const deployments = (namespace: string, names: readonly string[]) =>
  names.map((name) => ({ ...{ apiVersion: "apps/v1", kind: "Deployment" }, metadata: { namespace, name }, spec: {} }));

describe("one run", () => {
  let cluster: FakeCluster;
  let slept: number[];
  beforeEach(() => {
    cluster = new FakeCluster();
    slept = [];
  });

  const measure = async (
    scenario: ScenarioName,
    settings: z.input<typeof benchmark> = {},
    which: (arm: Arm) => boolean = hasSchedule,
  ) => {
    const plan = benchmarkPlan(resolveBenchmark(settingsOf({ blocks: 1, scenarios: ["none", scenario], ...settings })));
    const run = plan.runs.find((each) => each.scenario === scenario && which(each.arm));
    assert.ok(run);
    for (const each of deployments(`bench-${scenario}`, ["client", "client-near", "server"])) await cluster.apply(each);
    const nodes = (await chooseNodes(cluster)) ?? assert.fail();
    const kubelets = new Kubelets(cluster, [...nodes.map(({ name }) => name), "control-plane"], () => undefined);
    const sleep = (ms: number) => Promise.resolve(slept.push(ms));
    const context: RunContext = {
      ...{ cluster, plan, nodes, kubelets, sleep },
      log: () => undefined,
      lease: { hold: () => Promise.resolve() },
    };
    return measureOnce(context, run);
  };

  /** After the measurement, a container has restarted once. */
  const restartAfterwards = (pod: string, container: string, ztunnel = false) => {
    const done = () => cluster.commands.some((command) => command.includes("gzip"));
    const restarted = (pods: BenchPod[]) =>
      pods.map((each) => ({ ...each, restarts: { [container]: done() && each.name === pod ? 1 : 0 } }));
    if (ztunnel) cluster.ztunnels = (on) => FakeCluster.prototype.ztunnels.call(cluster, on).then(restarted);
    else cluster.pods = (namespace) => FakeCluster.prototype.pods.call(cluster, namespace).then(restarted);
  };

  it("with a proxy that restarted does not count, and is not made again: that is the mesh's own doing", async () => {
    restartAfterwards("server-abc", "istio-proxy");
    const { problems, disturbed } = await measure("sidecar");
    assert.deepEqual([problems, disturbed], [["server-abc/istio-proxy restarted"], undefined]);
  });

  it("with a restart of client or server is made again", async () => {
    restartAfterwards("server-abc", "fortio");
    const { problems, disturbed } = await measure("sidecar");
    assert.deepEqual([problems, disturbed], [["server-abc/fortio restarted"], true]);
  });

  it("does not count where a ztunnel restarted that its traffic passes", async () => {
    restartAfterwards("ztunnel-worker-2", "istio-proxy", true);
    const ambient = await measure("ambient");
    assert.deepEqual([ambient.problems, ambient.disturbed], [["ztunnel-worker-2/istio-proxy restarted"], undefined]);
    cluster.commands.length = 0;
    assert.deepEqual((await measure("none")).problems, []);
  });

  it("whose load generator says that it failed is a result", async () => {
    const streams = { tcpStreams: [2] };
    cluster.output = (argv) => (argv[0] === "iperf3" ? recorded("iperf3/server-gone.json") : undefined);
    const failed = await measure("sidecar", streams, ({ kind }) => kind === "stream");
    assert.match(failed.problems.join(), /control socket has closed unexpectedly/);
    assert.deepEqual([failed.outcome, failed.disturbed], [undefined, undefined]);
    cluster.output = (argv) => (argv[0] === "iperf3" ? recorded("iperf3/busy.json") : undefined);
    assert.equal((await measure("sidecar", streams, ({ kind }) => kind === "stream")).disturbed, true);
  });

  it("whose load generator could not begin is a result, and one that was killed is not", async () => {
    const ends = (exitCode: number) => {
      cluster.exec = (pod, namespace, container, argv): Promise<ExecResult> =>
        isMeasurement(argv)
          ? Promise.resolve({ stdout: Buffer.alloc(0), stderr: "Aborting because of a dial error\n", exitCode })
          : FakeCluster.prototype.exec.call(cluster, pod, namespace, container, argv);
    };
    ends(1);
    const { problems, disturbed } = await measure("sidecar");
    assert.deepEqual([problems, disturbed], [["fortio printed nothing (Aborting because of a dial error)"], undefined]);
    ends(137);
    assert.equal((await measure("sidecar")).disturbed, true);
  });

  it("whose log comes cut off does not count, and is made again", async () => {
    const whole = gzipSync(recorded("fortio/http-ok.access.log"));
    cluster.exec = (pod, namespace, container, argv): Promise<ExecResult> =>
      argv[0] === "gzip"
        ? Promise.resolve({ stdout: whole.subarray(0, whole.length / 2), stderr: "", exitCode: 0 })
        : FakeCluster.prototype.exec.call(cluster, pod, namespace, container, argv);
    const { problems, disturbed } = await measure("none");
    assert.match(problems.join(), /^the access log could not be unpacked: unexpected end of file$/);
    assert.equal(disturbed, true);
  });

  describe("on one node", () => {
    const near = ({ placement }: Arm) => placement === "same-node";

    it("is judged by the processors of that node, and steal is read there once", async () => {
      cluster.nodes = async () =>
        (await FakeCluster.prototype.nodes.call(cluster)).map((node) => ({
          ...{ ...node, cores: node.name === "worker-2" ? 1 : 16 },
        }));
      cluster.usage = counting("client-near-abc", "fortio", 0.8);
      const lines = ["cpu 1000 0 0 0 0 0 0 0 0 0", "cpu 1990 0 0 0 0 0 0 10 0 0"];
      cluster.processorTime = () => lines.shift() ?? "";
      const { problems, stolen } = await measure("none", { sameNode: true, duration: "30s", qps: [6] }, near);
      assert.deepEqual(problems, ["the load generator used 80.0% of its node's CPU, more than 70.0%"]);
      assert.deepEqual(stolen, { client: 0.01, server: 0.01 });
      const stats = cluster.commands.filter((command) => command.includes("/proc/stat"));
      assert.deepEqual(
        stats.map((command) => command.split(" ")[0]),
        ["server-abc", "server-abc"],
      );
    });

    it("does not take the client on the other node for its own", async () => {
      cluster.usage = counting("client-abc", "istio-proxy", 0.5);
      const { usage } = await measure("sidecar", { sameNode: true, duration: "30s", qps: [6] }, near);
      assert.deepEqual(usage, {});
    });
  });

  /** A container that takes so many processors from the moment its load began, and none before; read every 10 s. */
  function counting(pod: string, container: string, cores: number): (node: string) => Promise<ContainerSample[]> {
    let looks = 0;
    return (node) => {
      if (node !== "worker-2") return Promise.resolve([]);
      // The first look is before the measurement where there is one; then one under load, and one at the end.
      const seconds = ++looks * 10;
      const sample = { node, namespace: `bench-${pod === "client-abc" ? "sidecar" : "none"}`, pod, container };
      return Promise.resolve([
        { ...sample, cpuNanos: cores * seconds * 1e9, at: began + seconds * 1000, memory: 2 ** 20 },
      ]);
    };
  }

  describe("counts its cost", () => {
    /** Looks at the client's proxy: seconds from the beginning of the measurement, seconds of processor time. */
    const looks = (...all: readonly (readonly [at: number, used: number])[]) => {
      const left = [...all];
      cluster.usage = (node) => {
        const next = node === "worker-1" ? left.shift() : undefined;
        if (!next) return Promise.resolve([]);
        const [at, used] = next;
        const sample = { node, namespace: "bench-sidecar", pod: "client-abc", container: "istio-proxy" };
        return Promise.resolve([{ ...sample, cpuNanos: used * 1e9, at: began + at * 1000, memory: 1 }]);
      };
    };
    const cores = async (settings: z.input<typeof benchmark>) =>
      (await measure("sidecar", settings)).usage["client proxy"]?.cores;

    it("under its own load, and not from the warm-up on, between which and itself there was none", async () => {
      looks([15, 3], [60, 12]);
      assert.equal(await cores({ warmUp: "15s", duration: "60s" }), 0.2);
      assert.deepEqual(slept, [20_000]);
    });

    it("in the second half where it is short", async () => {
      looks([10, 2], [25, 5]);
      assert.equal(await cores({ warmUp: "15s", duration: "30s" }), 0.2);
      assert.deepEqual(slept, [15_000]);
    });

    it("from within the warm-up where it is too short for that", async () => {
      looks([1, 1], [25, 5.8]);
      assert.equal(await cores({ warmUp: "15s", duration: "29s" }), 0.2);
      assert.deepEqual(slept, []);
    });

    it("not with counters of before its load", async () => {
      looks([-1, 3], [60, 12]);
      assert.equal(await cores({ warmUp: "15s", duration: "60s" }), undefined);
      looks([-1, 3], [20, 12]);
      assert.equal(await cores({ warmUp: "15s", duration: "29s" }), undefined);
    });

    it("by its node's clock without a warm-up, too: this machine's may be wrong", async () => {
      const now = Date.now;
      Date.now = () => Date.UTC(2040, 0, 1);
      try {
        looks([15, 3], [60, 12]);
        assert.equal(await cores({ warmUp: "0s", duration: "60s" }), 0.2);
      } finally {
        Date.now = now;
      }
    });
  });
});
