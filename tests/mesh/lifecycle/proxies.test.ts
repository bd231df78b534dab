import assert from "node:assert/strict";
import { meshFindings } from "../../../components/mesh/lifecycle/proxies";
import { inject } from "../../../components/mesh/lifecycle/steps/inject";
import { report } from "../../../cli/commands/proxies";
import { FakeCluster, type Given, injectedPod, istioCni, istiod } from "./fake-cluster";

function namespace(name: string, labels: Readonly<Record<string, string>>): Given {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name, labels } };
}

async function problems(...objects: Given[]): Promise<Record<string, string | undefined>> {
  const { proxies, agents } = await meshFindings(new FakeCluster(objects).server);
  return Object.fromEntries([
    ...proxies.map(({ pod, problem }) => [pod, problem]),
    ...agents.map(({ name, problem }) => [name, problem]),
  ]) as Record<string, string | undefined>;
}

describe("proxies beside their control planes", () => {
  it("names those that are older, and those of a control plane that has gone", async () => {
    assert.deepEqual(
      await problems(
        istiod("1.31.1"),
        injectedPod("current", "default", "1.31.1-distroless"),
        injectedPod("old", "default", "1.30.2"),
        injectedPod("new", "default", "1.32.0"),
        injectedPod("orphan", "1-30-2", "1.30.2"),
        injectedPod("ending", "default", "1.29.0", { deletionTimestamp: "2026-01-01T00:00:00Z" }),
      ),
      {
        current: undefined,
        old: "older than its control plane: restart it",
        new: "newer than its control plane",
        orphan: "there is no control plane 1-30-2: restart it",
      },
    );
  });

  it("names those whose namespace has been moved to another control plane, by a tag as well", async () => {
    const tag: Given = {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "istiod-revision-tag-prod", labels: { "istio.io/tag": "prod", "istio.io/rev": "1-31-1" } },
    };
    const found = await problems(
      istiod("1.30.2", "1-30-2"),
      istiod("1.31.1", "1-31-1"),
      tag,
      namespace("shop", { "istio.io/rev": "prod" }),
      injectedPod("moved", "1-31-1"),
      injectedPod("left", "1-30-2", "1.30.2"),
    );
    assert.deepEqual(found, { moved: undefined, left: "the namespace asks for 1-31-1: restart it" });
  });

  it("knows a waypoint by its label, and a gateway that no injector has completed", async () => {
    const proxy = (name: string, image: string, labels: Readonly<Record<string, string>>): Given => ({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, namespace: "edge", labels },
      spec: { containers: [{ name: "istio-proxy", image }] },
      status: { conditions: [{ type: "Ready", status: "True" }] },
    });
    const found = await problems(
      istiod("1.31.1", "1-31-1"),
      proxy("waypoint", "istio/proxyv2:1.31.1", { "istio.io/rev": "1-31-1" }),
      proxy("gateway", "auto", { "istio.io/rev": "1-31-1" }),
      proxy("ztunnel-x", "istio/ztunnel:1.29.0", { app: "ztunnel" }),
    );
    assert.deepEqual(found, { waypoint: undefined, gateway: "no injector has completed it (image: auto)" });
  });

  it("names pods that a sidecar is asked for and that have none, and no others", async () => {
    const pod = (name: string, namespace: string, labels = {}, more = {}): Given => ({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, namespace, labels },
      spec: { containers: [{ name: "app" }], ...more },
      status: { phase: "Running" },
    });
    const { bare } = await meshFindings(
      new FakeCluster([
        istiod("1.31.1"),
        namespace("shop", { "istio-injection": "enabled" }),
        namespace("fields", { "istio.io/dataplane-mode": "ambient", "istio.io/rev": "1-31-1" }),
        injectedPod("current", "default"),
        pod("too-early", "shop"),
        pod("declined", "shop", { "sidecar.istio.io/inject": "false" }),
        pod("on-the-node", "shop", {}, { hostNetwork: true }),
        pod("asked-itself", "elsewhere", { "sidecar.istio.io/inject": "true" }),
        pod("of-nobody", "elsewhere"),
        pod("ambient", "fields"),
      ]).server,
    );
    assert.deepEqual(
      bare.map(({ pod }) => pod),
      ["too-early", "asked-itself"],
    );
  });

  it("lets agents be one minor version behind the oldest istiod, and never ahead of it", async () => {
    const planes = [istiod("1.30.2", "1-30-2"), istiod("1.31.1", "1-31-1")];
    assert.deepEqual(await problems(...planes, istioCni("1.30.2")), { "istio-cni-node": undefined });
    assert.match((await problems(...planes, istioCni("1.31.1")))["istio-cni-node"] ?? "", /ahead of istiod 1\.30\.2/);
    assert.match((await problems(...planes, istioCni("1.29.0")))["istio-cni-node"] ?? "", /behind istiod 1\.31\.1/);
  });

  it("is a table that ends in how many there are to look at", async () => {
    const objects = [istiod("1.31.1"), injectedPod("old", "default", "1.30.2"), injectedPod("current", "default")];
    const lines: string[] = [];
    report(await meshFindings(new FakeCluster(objects).server), { line: (text = "") => void lines.push(text) });
    assert.ok(
      lines.some((line) => /^shop\/old +default +1\.30\.2 +1\.31\.1 +older/.test(line)),
      lines.join("\n"),
    );
    assert.equal(lines.at(-1), "2 pods with a proxy, 1 to look at.");
  });
});

describe("a sidecar that is written out", () => {
  const template = {
    metadata: { labels: { app: "reviews", version: "v1" }, annotations: { "talos-mesh/proxy-generation": "abc" } },
    spec: { serviceAccountName: "bookinfo-reviews", containers: [{ name: "reviews", image: "reviews:1" }] },
  };
  const request = {
    namespace: "bookinfo",
    deployment: "reviews-v1",
    labels: { "sidecar.istio.io/inject": "true" },
    template,
  };

  /** The injector, and what admission adds to every pod, with a name that is another each time. */
  function admitting(random: string): FakeCluster {
    const cluster = new FakeCluster();
    cluster.admission = ({ metadata, spec, ...object }) => ({
      ...object,
      metadata: { ...metadata, annotations: { ...metadata.annotations, "sidecar.istio.io/status": "{}" } },
      spec: {
        ...(spec as object),
        nodeName: "worker-1",
        tolerations: [{ key: "node.kubernetes.io/not-ready" }],
        initContainers: [
          { name: "istio-proxy", volumeMounts: [{ name: `kube-api-access-${random}` }, { name: "istio-envoy" }] },
        ],
        volumes: [{ name: `kube-api-access-${random}` }, { name: "istio-envoy" }],
      },
    });
    return cluster;
  }

  it("is the template with the proxy, and nothing of the one pod that was asked for", async () => {
    const { metadata, spec } = await inject(admitting("x1"), request);
    assert.deepEqual(metadata.labels, template.metadata.labels);
    assert.equal(metadata.annotations?.["sidecar.istio.io/status"], "{}");
    assert.deepEqual(spec.initContainers, [{ name: "istio-proxy", volumeMounts: [{ name: "istio-envoy" }] }]);
    assert.deepEqual(spec.volumes, [{ name: "istio-envoy" }]);
    assert.deepEqual([spec.nodeName, spec.tolerations], [undefined, undefined]);
  });

  it("is the same text each time", async () => {
    const [one, other] = [await inject(admitting("x1"), request), await inject(admitting("y2"), request)];
    assert.equal(JSON.stringify(one), JSON.stringify(other));
  });

  it("tells the injector whose pod it is, so that telemetry names the Deployment", async () => {
    const cluster = admitting("x1");
    const admission = cluster.admission;
    let asked: unknown;
    cluster.admission = (object) => {
      asked = object.metadata;
      return admission(object);
    };
    await inject(cluster, request);
    const { generateName, labels, ownerReferences } = asked as {
      generateName: string;
      labels: Record<string, string>;
      ownerReferences: { kind: string; name: string; controller: boolean }[];
    };
    const [owner] = ownerReferences;
    assert.ok(generateName && owner?.controller && owner.kind === "ReplicaSet");
    assert.equal(owner.name, `reviews-v1-${labels["pod-template-hash"]}`);
  });

  it("fails where no injector answers, and does not pass off a pod without a proxy", async () => {
    await assert.rejects(
      inject(new FakeCluster(), request),
      /no injector writes a proxy into bookinfo\/reviews-v1\nnext: /,
    );
  });
});
