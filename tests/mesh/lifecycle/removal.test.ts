import assert from "node:assert/strict";
import { leftovers, retire } from "../../../components/mesh/lifecycle/removal";
import { FakeCluster, type Given, injectedPod, istioCni, istiod } from "./fake-cluster";

describe("the removal of a control plane", () => {
  const both = [istiod("1.30.2", "1-30-2"), istiod("1.31.1", "1-31-1")];

  it("is allowed where no proxy belongs to it", async () => {
    const cluster = new FakeCluster([...both, injectedPod("web", "1-31-1")]);
    assert.deepEqual(await retire(cluster, { revision: "1-30-2" }), { proxies: 0 });
  });

  it("is refused while proxies belong to it and another control plane could take them", async () => {
    const cluster = new FakeCluster([...both, injectedPod("web", "1-30-2"), injectedPod("cart", "1-30-2")]);
    await assert.rejects(
      retire(cluster, { revision: "1-30-2" }),
      /2 pods have a proxy of the control plane 1-30-2: shop\/web, shop\/cart\nnext: give their namespaces another revision/,
    );
  });

  it("waits for pods whose deletion was requested a moment ago", async () => {
    const cluster = new FakeCluster([...both, injectedPod("web", "1-30-2")]);
    cluster.meanwhile = () => {
      cluster.objects.splice(
        2,
        1,
        injectedPod("web", "1-30-2", "1.30.2", { deletionTimestamp: "2026-01-01T00:00:00Z" }),
      );
    };
    assert.deepEqual(await retire(cluster, { revision: "1-30-2" }), { proxies: 0 });
  });

  it("is allowed with the whole mesh, and logs which proxies remain", async () => {
    const cluster = new FakeCluster([istiod("1.30.2", "1-30-2"), injectedPod("web", "1-30-2")]);
    assert.deepEqual(await retire(cluster, { revision: "1-30-2" }), { proxies: 1 });
    assert.match(cluster.logged.join("\n"), /1 pods have a proxy .* shop\/web; they keep their last configuration/);
  });
});

describe("the removal of the last control plane", () => {
  it("waits for the agents on nodes, and continues where they stay", async () => {
    const cluster = new FakeCluster([istiod("1.31.1"), istioCni("1.31.1")]);
    let waited = 0;
    cluster.meanwhile = (seconds) => {
      waited = seconds;
      if (seconds >= 10) cluster.objects.splice(1, 1);
    };
    assert.deepEqual(await retire(cluster, { revision: "default" }), { proxies: 0 });
    assert.equal(waited, 10);
    await retire(new FakeCluster([istiod("1.31.1"), istioCni("1.31.1")]), { revision: "default" });
  });
});

const object = (kind: string, name: string, more: Partial<Given> = {}): Given => ({
  apiVersion: "v1",
  kind,
  metadata: { name },
  ...more,
});

function crd(group: string, kind: string): Given {
  const spec = { group, names: { kind }, versions: [{ name: "v1", storage: true }] };
  return object("CustomResourceDefinition", `${kind.toLowerCase()}s.${group}`, { spec });
}

describe("the removal of what istiod created", () => {
  const rootCertificate = (namespace: string): Given =>
    object("ConfigMap", "istio-ca-root-cert", {
      metadata: { name: "istio-ca-root-cert", namespace, labels: { "istio.io/config": "true" } },
    });
  const gatewayClass = (name: string, controllerName: string) =>
    object("GatewayClass", name, { spec: { controllerName } });
  const all = () => [
    rootCertificate("default"),
    rootCertificate("shop"),
    object("ConfigMap", "settings", {
      metadata: { name: "settings", namespace: "shop", labels: { "istio.io/config": "true" } },
    }),
    gatewayClass("istio", "istio.io/gateway-controller"),
    gatewayClass("nginx", "gateway.nginx.org/controller"),
    crd("networking.istio.io", "VirtualService"),
    crd("security.istio.io", "AuthorizationPolicy"),
    crd("gateway.networking.k8s.io", "HTTPRoute"),
  ];

  it("deletes it in every namespace, and keeps CRDs by default", async () => {
    const cluster = new FakeCluster(all());
    await leftovers(cluster, { keepCRDs: true });
    assert.deepEqual(cluster.deleted, [
      "ConfigMap default istio-ca-root-cert",
      "ConfigMap shop istio-ca-root-cert",
      "GatewayClass istio",
    ]);
  });

  it("deletes Istio's CRDs on request, and no others", async () => {
    const cluster = new FakeCluster(all());
    const { kept } = await leftovers(cluster, { keepCRDs: false });
    assert.deepEqual(kept, []);
    assert.deepEqual(
      cluster.deleted.filter((each) => each.startsWith("Custom")),
      [
        "CustomResourceDefinition virtualservices.networking.istio.io",
        "CustomResourceDefinition authorizationpolicys.security.istio.io",
      ],
    );
  });

  it("keeps all CRDs while an object of another owner exists, and names it", async () => {
    const theirs = object("VirtualService", "shop", { metadata: { name: "shop", namespace: "shop" } });
    const cluster = new FakeCluster([...all(), theirs]);
    const { kept } = await leftovers(cluster, { keepCRDs: false });
    assert.match(kept.join("\n"), /CRDs are kept, .* 1 objects .*: VirtualService shop\/shop/);
    assert.ok(!cluster.deleted.some((each) => each.startsWith("Custom")));
  });

  it("keeps a GatewayClass that has Gateways", async () => {
    const gateway = object("Gateway", "edge", { spec: { gatewayClassName: "istio" } });
    const cluster = new FakeCluster([...all(), gateway]);
    await leftovers(cluster, { keepCRDs: true });
    assert.ok(!cluster.deleted.includes("GatewayClass istio"));
  });

  it("deletes nothing while another control plane runs", async () => {
    const cluster = new FakeCluster([...all(), istiod("1.31.1")]);
    assert.deepEqual(await leftovers(cluster, { keepCRDs: false }), { removed: [], kept: [] });
    assert.deepEqual(cluster.deleted, []);
  });

  it("deletes nothing the second time, and works without the Gateway API", async () => {
    const cluster = new FakeCluster(all(), ["GatewayClass", "Gateway"]);
    await leftovers(cluster, { keepCRDs: false });
    assert.deepEqual(await leftovers(cluster, { keepCRDs: false }), { removed: [], kept: [] });
  });
});
