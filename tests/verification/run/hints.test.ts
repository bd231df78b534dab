import assert from "node:assert/strict";
import type { LiveObject } from "../../../components/shared/kubernetes/object";
import { hiddenRecords, restrictions } from "../../../components/verification/run/hints";
import { FakeCluster } from "./fake-cluster";
import { answered, backPod, clientPod, plan, probe, run, series } from "./plans";

function object(kind: string, name: string, spec: object, namespace: string | undefined = "shop", day = 1): LiveObject {
  const creationTimestamp = `2026-11-${String(day).padStart(2, "0")}T00:00:00Z`;
  const metadata = { name, uid: "1", resourceVersion: "1", creationTimestamp, ...(namespace && { namespace }) };
  return { apiVersion: "v1", kind, metadata, spec: spec as Record<string, unknown> };
}

const back = { namespace: "shop", labels: { app: "back" } };
const denyAll = object("NetworkPolicy", "default-deny", { podSelector: {}, policyTypes: ["Ingress", "Egress"] });

describe("network policies around a pod", () => {
  for (const [what, policy, directions] of [
    ["a default deny of its namespace", denyAll, ["ingress", "egress"]],
    ["one of another namespace", { ...denyAll, metadata: { ...denyAll.metadata, namespace: "other" } }, []],
    ["one that selects it", object("NetworkPolicy", "p", { podSelector: { matchLabels: back.labels } }), ["ingress"]],
    ["one that selects another pod", object("NetworkPolicy", "p", { podSelector: { matchLabels: { app: "x" } } }), []],
    ["one with rules for egress", object("NetworkPolicy", "p", { podSelector: {}, egress: [] }), ["ingress", "egress"]],
    [
      "one of Cilium, by its form of labels",
      object("CiliumNetworkPolicy", "p", { endpointSelector: { matchLabels: { "k8s:app": "back" } }, egress: [{}] }),
      ["egress"],
    ],
    [
      "one of Cilium for the cluster",
      object(
        "CiliumClusterwideNetworkPolicy",
        "p",
        { endpointSelector: { matchLabels: { "k8s:io.kubernetes.pod.namespace": "shop" } }, ingressDeny: [{}] },
        "",
      ),
      ["ingress"],
    ],
    [
      "one of Cilium for nodes",
      object("CiliumClusterwideNetworkPolicy", "p", { nodeSelector: {}, ingress: [] }, ""),
      [],
    ],
  ] as const) {
    it(`are found, also ${what}`, () => {
      const found = (["ingress", "egress"] as const).filter((one) => restrictions([policy], back, one).length > 0);
      assert.deepEqual(found, directions);
    });
  }

  it("are in the reason where requests do not arrive, at both ends, and nowhere else", async () => {
    const cluster = new FakeCluster();
    cluster.workloads = [backPod];
    cluster.firewalls = [denyAll];
    cluster.answer = () => ({ status: 0, exitCode: 28 });
    const reasonOf = async () =>
      (await run(cluster, plan([probe("p", [series()])], { deadlineSeconds: 1 }))).results[0]?.probes[0]?.reason ?? "";
    assert.match(
      await reasonOf(),
      /; NetworkPolicy shop\/default-deny restricts what its client may send, NetworkPolicy shop\/default-deny restricts what its server may get: allow it there/,
    );
    const noConnection = { upstream_cluster: "outbound|80||back", flags: "UF", details: "upstream_reset_before" };
    cluster.answer = () => ({ status: 503, records: { [clientPod]: noConnection } });
    assert.match(await reasonOf(), /default-deny restricts what its server may get/);
    cluster.answer = () => ({ status: 403, records: answered() });
    assert.doesNotMatch(await reasonOf(), /default-deny/);
  });

  it("are in the reason where a client's sidecar gets no configuration", async () => {
    const cluster = new FakeCluster();
    cluster.firewalls = [denyAll];
    cluster.shape = (pod) => ({ ...pod, containersReady: [] });
    const { results } = await run(cluster, plan([probe("p", [series()])]));
    const { reason = "" } = results[0]?.probes[0] ?? {};
    assert.match(
      reason,
      /its sidecar to be ready; NetworkPolicy shop\/default-deny restricts what it may send, which must/,
    );
  });
});

describe("Telemetry objects of others", () => {
  const ours = { accessLogging: [{ providers: [{ name: "talos-mesh-probes" }], filter: { expression: "x" } }] };
  const envoy = { accessLogging: [{ providers: [{ name: "envoy" }] }] };
  const mesh = object("Telemetry", "mesh-default", ours, "istio-system", 5);
  const wanted = plan([], { gateways: [{ name: "in", namespace: "edge", service: "in", selector: { istio: "in" } }] });
  const hidden = (...others: LiveObject[]) => hiddenRecords([mesh, ...others], wanted);
  const all = "shop/front, shop/back, gateway in";
  const only = (titles: string, by: string) => [
    `Telemetry ${by} keeps the proxies of ${titles} from recording the requests of probes, so verdicts there are by what clients ` +
      "saw; add the provider talos-mesh-probes to its accessLogging, or write it as talos-mesh:telemetry",
  ];

  it("that leave the log of probes as it is are not reported", () => {
    assert.deepEqual(hidden(), []);
    assert.deepEqual(hidden(object("Telemetry", "newer", envoy, "istio-system", 6)), []);
    assert.deepEqual(hidden(object("Telemetry", "metrics", { metrics: [{}] })), []);
    assert.deepEqual(
      hidden(object("Telemetry", "both", { accessLogging: [...ours.accessLogging, ...envoy.accessLogging] })),
      [],
    );
    const filtered = { accessLogging: [{ providers: [{ name: "envoy" }], disabled: true }, ...ours.accessLogging] };
    assert.deepEqual(hidden(object("Telemetry", "less", filtered)), []);
    assert.deepEqual(hidden(object("Telemetry", "waypoint", { ...envoy, targetRefs: [{ name: "waypoint" }] })), []);
  });

  it("that are older in the root namespace, or narrower, are, with whose records are missing", () => {
    assert.deepEqual(hidden(object("Telemetry", "older", envoy, "istio-system", 4)), only(all, "istio-system/older"));
    assert.deepEqual(hidden(object("Telemetry", "of-shop", envoy)), only("shop/front, shop/back", "shop/of-shop"));
    const selector = { matchLabels: { app: "back" } };
    assert.deepEqual(hidden(object("Telemetry", "of-back", { ...envoy, selector })), only("shop/back", "shop/of-back"));
    const off = { accessLogging: [{ disabled: true }] };
    assert.deepEqual(hidden(object("Telemetry", "off", off)), only("shop/front, shop/back", "shop/off"));
    const atServers = { accessLogging: [{ ...envoy.accessLogging[0], match: { mode: "SERVER" } }] };
    assert.deepEqual(hidden(object("Telemetry", "in", atServers, "edge")), only("gateway in", "edge/in"));
  });

  it("that select workloads without sidecars hide nothing, as waypoints have other labels", () => {
    const ambient = { ...wanted, namespaces: { shop: { dataPlane: "ambient", injection: {} } } } as const;
    const ofBack = object("Telemetry", "of-back", { ...envoy, selector: { matchLabels: { app: "back" } } });
    assert.deepEqual(hiddenRecords([mesh, ofBack], ambient), []);
    assert.deepEqual(
      hiddenRecords([mesh, object("Telemetry", "of-shop", envoy)], ambient),
      only("shop/front, shop/back", "shop/of-shop"),
    );
    const outside = { ...wanted, gateways: [], namespaces: {} };
    assert.deepEqual(hiddenRecords([mesh, object("Telemetry", "of-shop", envoy)], outside), []);
  });

  it("are in the report, and printed before anything is sent", async () => {
    const cluster = new FakeCluster();
    cluster.workloads = [backPod];
    cluster.telemetryObjects = [mesh, object("Telemetry", "of-shop", envoy)];
    let sent = false;
    cluster.answer = () => {
      sent = true;
      return { records: answered() };
    };
    const { results, log } = await run(cluster, plan([probe("p", [series()])]));
    const [note] = only("shop/front, shop/back", "shop/of-shop");
    assert.deepEqual(results[0]?.notes, [note]);
    assert.ok(sent && note !== undefined);
    assert.ok(log.indexOf(note) < log.findIndex((line) => line.startsWith("[1/1]")));
  });
});
