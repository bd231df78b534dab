import assert from "node:assert/strict";
import { benchmarkPlan } from "../../../components/benchmark/plan/plan";
import { resolveBenchmark } from "../../../components/benchmark/plan/settings";
import type { BenchPod } from "../../../components/benchmark/run/cluster";
import { chooseNodes, Kubelets } from "../../../components/benchmark/run/environment";
import { NotMeasurable } from "../../../components/benchmark/run/request";
import { setUp } from "../../../components/benchmark/run/set-up";
import type { ScenarioName } from "../../../components/benchmark/metrics/record";
import { benchmark } from "../../../components/settings/sections/benchmark";
import { ApiError, UnknownKindError } from "../../../components/shared/kubernetes/api-server";
import { FakeCluster } from "./fake-cluster";

const echoes: Readonly<Record<string, string>> = {
  "bench-sidecar": "X-Forwarded-Client-Cert: spiffe://a\n",
  "bench-waypoint": "x-envoy-attempt-count: 1\n",
};

describe("the set-up of a benchmark", () => {
  let cluster: FakeCluster;
  let logged: string[];
  let waited: number;
  beforeEach(() => {
    cluster = new FakeCluster();
    cluster.echo = (namespace) => echoes[namespace] ?? "";
    [logged, waited] = [[], 0];
  });

  const setUpOf = async (scenarios: ScenarioName[], sameNode = false) => {
    const plan = benchmarkPlan(resolveBenchmark(benchmark.parse({ scenarios, sameNode })));
    const nodes = (await chooseNodes(cluster)) ?? assert.fail();
    const log = (line: string) => void logged.push(line);
    const sleep = (ms: number) => Promise.resolve((waited += ms));
    const kubelets = new Kubelets(cluster, [], log);
    return setUp({ cluster, plan, meshVersion: "1.31.1", kubelets, log, sleep }, nodes);
  };
  const made = async (...asked: Parameters<typeof setUpOf>) => (await setUpOf(...asked)).scenarios;
  const reasons = async (...scenarios: ScenarioName[]) => (await made(scenarios)).map(({ reason }) => reason);
  const truths = async (scenario: ScenarioName) => (await made(["none", scenario]))[1]?.truths.join("; ") ?? "";
  const changed = (namespace: string, name: RegExp, change: Partial<BenchPod>) => {
    cluster.pod = (where, pod) => (where === namespace && name.test(pod.name) ? { ...pod, ...change } : pod);
  };

  it("refuses a namespace of another owner, and changes nothing", async () => {
    cluster.foreign = ["bench-sidecar", "shop"];
    await assert.rejects(made(["none", "sidecar"]), (error: unknown) => {
      assert.ok(error instanceof NotMeasurable);
      assert.match(
        error.message,
        /^not ours, because without the label app\.kubernetes\.io.*: namespaces bench-sidecar; .*: rename them, or/,
      );
      return true;
    });
    assert.deepEqual(cluster.applied, []);
  });

  it("measures where it may not read the settings of the mesh, and reports it", async () => {
    cluster.meshState = () => Promise.reject(new ApiError(403, 'pods is forbidden: User "ci" cannot list'));
    const { environment } = await setUpOf(["none", "sidecar"]);
    assert.deepEqual(environment.mesh, ['not known: pods is forbidden: User "ci" cannot list']);
    assert.match(logged.join("\n"), /The report is without the settings of the mesh: pods is forbidden/);
    cluster.meshState = () => Promise.reject(new ApiError(503, "etcd is away"));
    await assert.rejects(setUpOf(["none"]), /etcd is away/);
  });

  it("continues without a scenario whose pods do not become ready, and reports why", async () => {
    changed("bench-sidecar", /^server/, { ready: false, waitingFor: "istio-proxy: no istio-ca-root-cert" });
    const [none, sidecar, ambient] = await reasons("none", "sidecar", "ambient");
    assert.deepEqual([none, ambient], [undefined, undefined]);
    assert.match(
      sidecar ?? "",
      /^not ready after 300 s: server \(istio-proxy: no istio-ca-root-cert\)\. See: kubectl /,
    );
    assert.match(logged.join("\n"), /sidecar: not measured, not ready after 300 s: server/);
  });

  it("continues without a scenario whose objects the API server refuses", async () => {
    cluster.onApply = ({ kind, metadata }) => {
      if (kind === "Gateway") throw new UnknownKindError("the API server has no kind Gateway");
      if (kind === "Deployment" && metadata.namespace === "bench-sidecar")
        throw new ApiError(403, "a policy denies it");
    };
    assert.deepEqual(await reasons("none", "sidecar", "waypoint"), [
      ...[undefined, "a policy denies it", "the API server has no kind Gateway"],
    ]);
  });

  it("does not take an API server that is gone for a scenario's own reason", async () => {
    cluster.onApply = ({ metadata }) => {
      if (metadata.namespace === "bench-sidecar") throw new ApiError(503, "overloaded");
    };
    await assert.rejects(made(["none", "sidecar"]), /overloaded/);
  });

  it("ends at once where none is not what its name says: nothing could be compared", async () => {
    cluster.echo = () => "server: istio-envoy\n";
    await assert.rejects(made(["none", "sidecar"]), (error: unknown) => {
      assert.ok(error instanceof NotMeasurable);
      assert.match(error.message, /^scenario "none" cannot be measured, .*: its requests pass a proxy$/);
      return true;
    });
  });

  it("checks again for half a minute, as proxies get a waypoint a moment later", async () => {
    let asked = 0;
    cluster.echo = (namespace) => (namespace === "bench-waypoint" && ++asked > 3 ? "x-envoy-a: 1\n" : "");
    assert.deepEqual(await reasons("none", "waypoint"), [undefined, undefined]);
    assert.match(logged.join("\n"), /waypoint: its requests pass no waypoint; checking again for 30 s/);
    asked = -1000;
    waited = 0;
    assert.deepEqual(await reasons("none", "waypoint"), [undefined, "its requests pass no waypoint"]);
    assert.equal(asked, -1000 + 16);
  });

  it("does not accept the client on the server's node instead of the client", async () => {
    changed("bench-none", /^client-abc/, { ready: false, waitingFor: "its image" });
    await assert.rejects(
      made(["none"], true),
      /scenario "none" cannot be measured.*: not ready after 300 s: client \(its image\)/,
    );
  });

  it("reports why its pods cannot be created, where there are none", async () => {
    changed("bench-sidecar", /^server/, { ready: false });
    cluster.refused = (namespace) => (namespace === "bench-sidecar" ? ["exceeded quota: pods"] : []);
    assert.match(
      (await reasons("none", "sidecar"))[1] ?? "",
      /^not ready after 300 s: server \(exceeded quota: pods\)\./,
    );
  });

  it("quotes what a client got instead of an answer", async () => {
    cluster.exitCode = (namespace, argv) => Number(namespace === "bench-sidecar" && argv[1] === "curl");
    cluster.echo = (namespace) => (namespace === "bench-sidecar" ? "HTTP/1.1 403 Forbidden\r\n\r\nRBAC" : "");
    const refused = "its server does not answer its client (HTTP/1.1 403 Forbidden)";
    assert.deepEqual(await reasons("none", "sidecar"), [undefined, refused]);
    cluster.echo = () => "";
    cluster.stderr = () =>
      '{"level":"info","msg":"Starting"}\n{"msg":"[E] Read error, err=\\"read: connection reset by peer\\"","src":"std"}\n' +
      '{"msg":"[E] Error status -1","src":"std"}\n';
    assert.match((await reasons("none", "sidecar"))[1] ?? "", /\(Read error, err="read: connection reset by peer"\)$/);
  });

  it("determines by ztunnel's counters whether a connection had mTLS", async () => {
    assert.match(await truths("ambient"), /ztunnel opened 2 connections with mTLS and 0 without/);
    cluster.opened = { mutual: 0, plain: 2 };
    assert.deepEqual(await reasons("none", "ambient", "waypoint"), [
      ...[undefined, "its requests come without mTLS", "its requests come without mTLS"],
    ]);
    cluster.opened = { mutual: 0, plain: 0 };
    assert.deepEqual(await reasons("none", "ambient"), [undefined, "ztunnel has counted none of its connections"]);
    cluster.opened = undefined;
    assert.deepEqual(await reasons("none", "ambient"), [undefined, undefined]);
    assert.match(await truths("ambient"), /whether it has mTLS is not known: ztunnel's metrics cannot be read/);
  });

  it("judges the last request only: an earlier one without mTLS is no reason", async () => {
    const counted = [
      { mutual: 8, plain: 3 },
      { mutual: 8, plain: 4 },
      { mutual: 10, plain: 4 },
    ];
    cluster.connections = () => Promise.resolve(counted.shift());
    assert.match(await truths("ambient"), /ztunnel opened 2 connections with mTLS and 0 without/);
    assert.match(logged.join("\n"), /ambient: its requests come without mTLS; checking again/);
  });

  it("reports the waypoint's node, which an older Istio ignores", async () => {
    changed("bench-waypoint", /^waypoint/, { node: "worker-2" });
    assert.match(await truths("waypoint"), /; the waypoint is on worker-2, the server's node$/);
    changed("bench-waypoint", /^waypoint/, { node: "worker-1" });
    assert.match(await truths("waypoint"), /; the waypoint is on worker-1, not the server's node worker-2$/);
  });

  it("logs that the two nodes are not alike", async () => {
    await made(["none"]);
    assert.doesNotMatch(logged.join("\n"), /alike/);
    const [control, server, client] = await cluster.nodes();
    assert.ok(control && server && client);
    cluster.nodes = () => Promise.resolve([client, { ...server, architecture: "arm64", cores: 8 }]);
    await made(["none"]);
    assert.match(logged.join("\n"), /not alike: worker-1 has 4 cores amd64, worker-2 8 cores arm64/);
  });
});
