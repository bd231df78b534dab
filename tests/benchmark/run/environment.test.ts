import assert from "node:assert/strict";
import { KubernetesCluster } from "../../../components/benchmark/run/cluster";
import {
  hardwareOf,
  meshFacts,
  parseProcessorTime,
  proxyFacts,
  stolenShare,
} from "../../../components/benchmark/run/environment";
import { ApiServer, type LiveObject } from "../../../components/shared/kubernetes/api-server";
import { ReadOnlyApi, type StoredObject } from "./fake-api";

const proxy = (resources: object, env: readonly object[] = []) => ({ name: "istio-proxy", resources, env });
const pod = (namespace: string, name: string, app: string, spec: object): StoredObject => ({
  ...{ apiVersion: "v1", kind: "Pod", metadata: { namespace, name, ...(app !== "" && { labels: { app } }) } },
  spec: { nodeName: "worker-2", ...spec },
  status: { conditions: [{ type: "Ready", status: "True" }] },
});
const meshConfig = `accessLogFile: /dev/stdout
enableTracing: true
defaultConfig: { concurrency: 2, tracing: { sampling: 1, lightstep: { accessToken: hidden } } }
defaultProviders: { metrics: [prometheus] }
`;
const limited = { requests: { memory: "128Mi", cpu: "100m" }, limits: { cpu: "2" } };

/** Facts without the digests of what they summarise. */
const withoutDigests = (facts: readonly string[]) => facts.map((fact) => fact.replace(/ \([0-9a-f]{8}\)$/, ""));

describe("the facts of a mesh", () => {
  let api: ReadOnlyApi;
  let cluster: KubernetesCluster;
  before(async () => {
    api = await ReadOnlyApi.start([
      ...["istio", "istio-1-31"].map((name) => ({
        ...{ apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "istio-system" } },
        data: { mesh: name === "istio" ? meshConfig : "{}" },
      })),
      {
        ...{ apiVersion: "telemetry.istio.io/v1", kind: "Telemetry" },
        metadata: { name: "mesh-default", namespace: "istio-system" },
        spec: { tracing: [{ randomSamplingPercentage: 5 }] },
      },
      {
        ...{ apiVersion: "telemetry.istio.io/v1", kind: "Telemetry" },
        metadata: { name: "of-others", namespace: "shop" },
        spec: {},
      },
      ...[
        ["security.istio.io/v1", "AuthorizationPolicy"],
        ["security.istio.io/v1", "RequestAuthentication"],
        ["networking.istio.io/v1beta1", "ProxyConfig"],
        ["extensions.istio.io/v1alpha1", "WasmPlugin"],
      ].map(([apiVersion = "", kind = ""]) => ({
        ...{ apiVersion, kind, metadata: { name: "of-all", namespace: "istio-system" }, spec: {} },
      })),
      { apiVersion: "v1", kind: "Service", metadata: { name: "server", namespace: "bench-sidecar" } },
      pod("istio-system", "istiod-a", "istiod", { containers: [{ name: "discovery" }] }),
      pod("istio-system", "ztunnel-a", "ztunnel", { containers: [proxy({ requests: { cpu: "200m" } })] }),
      pod("bench-sidecar", "client-a", "client", {
        containers: [{ name: "fortio" }],
        initContainers: [proxy(limited, [{ name: "PROXY_CONFIG", value: '{"concurrency":2}\n' }])],
      }),
      pod("bench-waypoint", "waypoint-a", "", { containers: [proxy(limited)] }),
    ]);
    cluster = new KubernetesCluster(await ApiServer.open({ kubeconfig: api.kubeconfig }));
  });
  after(() => api.stop());

  it("are what decides the cost of every proxy, as it is in the cluster", async () => {
    assert.deepEqual(withoutDigests(meshFacts(await cluster.meshState(undefined))), [
      "access log: /dev/stdout, TEXT",
      "tracing: on, of 1% of the requests",
      'default providers: {"metrics":["prometheus"]}',
      "proxy concurrency: 2",
      "1 istiod, 3 proxies and 1 Services in the cluster",
      "Telemetry mesh-default: tracing, of 5% of the requests",
      "AuthorizationPolicy of-all: empty",
      "RequestAuthentication of-all: empty",
      "ProxyConfig of-all: empty",
      "WasmPlugin of-all: empty",
    ]);
  });

  it("name what an object changes, and never its values", async () => {
    const state = await cluster.meshState(undefined);
    const object = (kind: string, spec: object) => ({ kind, metadata: { name: "of-us" }, spec }) as LiveObject;
    const patch = { applyTo: "HTTP_FILTER", match: {}, patch: { value: { token: "hidden" } } };
    const objects = [
      object("EnvoyFilter", { configPatches: [patch, patch, { ...patch, applyTo: "CLUSTER" }], workloadSelector: {} }),
      object("PeerAuthentication", { mtls: { mode: "STRICT" } }),
      object("Telemetry", { tracing: [{ customTags: { key: { literal: "hidden" } } }], metrics: [{}] }),
      object("ProxyConfig", { concurrency: 2, environmentVariables: { KEY: "hidden" } }),
      object("AuthorizationPolicy", {}),
    ];
    assert.deepEqual(withoutDigests(meshFacts({ ...state, objects })).slice(-5), [
      "EnvoyFilter of-us: patches HTTP_FILTER, patches CLUSTER, of some workloads",
      "PeerAuthentication of-us: STRICT",
      "Telemetry of-us: tracing, 1 metrics",
      "ProxyConfig of-us: concurrency 2, environmentVariables",
      "AuthorizationPolicy of-us: empty",
    ]);
    assert.doesNotMatch(meshFacts({ ...state, objects }).join(), /hidden/);
    const tags = (literal: string) => [object("Telemetry", { tracing: [{ customTags: { key: { literal } } }] })];
    const [one, other] = ["a", "b"].map((literal) => meshFacts({ ...state, objects: tags(literal) }).at(-1));
    assert.match(one ?? "", /^Telemetry of-us: tracing \([0-9a-f]{8}\)$/);
    assert.notEqual(one, other, "runs under another Telemetry are another experiment");
  });

  it("are those of the control plane whose proxies are measured", async () => {
    const [log, tracing] = meshFacts(await cluster.meshState("1-31"));
    assert.deepEqual([log, tracing], ["access log: off", "tracing: off, unless a Telemetry turns it on"]);
    assert.deepEqual(meshFacts(await cluster.meshState("1-30")), [], "there is no such control plane");
  });

  it("have the node and the resources of each proxy of a scenario, ztunnel only where it is used", async () => {
    const ztunnels = await cluster.ztunnels(["worker-2"]);
    assert.deepEqual(await cluster.ztunnels(["worker-1"]), []);
    assert.deepEqual(proxyFacts("sidecar", await cluster.pods("bench-sidecar"), ztunnels), [
      "client proxy on worker-2: requests cpu 100m memory 128Mi, limits cpu 2, 2 workers",
    ]);
    assert.deepEqual(proxyFacts("waypoint", await cluster.pods("bench-waypoint"), ztunnels), [
      "ztunnel on worker-2: requests cpu 200m, limits none",
      "waypoint on worker-2: requests cpu 100m memory 128Mi, limits cpu 2",
    ]);
  });
});

describe("what a pod reads of its node", () => {
  const shell = (printed: string) => () => Promise.resolve({ stdout: Buffer.from(printed), stderr: "", exitCode: 2 });

  it("is its hardware, as far as the kernel reports it", async () => {
    const printed =
      "/sys/class/net/eth0/mtu:1450\n/proc/cpuinfo:model name\t: AMD EPYC 9R14\n" +
      "/sys/devices/system/clocksource/clocksource0/current_clocksource:tsc\n/sys/devices/system/node/online:0\n";
    assert.deepEqual(await hardwareOf(shell(printed)), {
      ...{ mtu: 1450, processor: "AMD EPYC 9R14", clockSource: "tsc", numaNodes: "0" },
    });
    assert.deepEqual(await hardwareOf(shell("")), {});
  });

  it("is the time that its host gave to others", () => {
    const before = parseProcessorTime("cpu  100 0 100 700 0 0 0 100 50 0");
    const after = parseProcessorTime("cpu  150 0 150 740 0 0 0 160 90 0\n");
    assert.deepEqual(before, { total: 1000, stolen: 100 });
    assert.equal(stolenShare(before, after), 0.3);
    assert.equal(stolenShare(before, before), undefined);
    assert.equal(stolenShare(undefined, after), undefined);
    assert.equal(parseProcessorTime("cpu0 1 2"), undefined);
    assert.equal(parseProcessorTime(""), undefined);
  });
});
