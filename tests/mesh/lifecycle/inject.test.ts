import assert from "node:assert/strict";
import { inject } from "../../../components/mesh/lifecycle/inject";
import { FakeCluster } from "./fake-cluster";

describe("a template with the sidecar written out", () => {
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

  /** The injector, and what admission adds to every pod, with a random name. */
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

  it("is the template with the proxy, and nothing that belongs to one pod", async () => {
    const { metadata, spec } = await inject(admitting("x1"), request);
    assert.deepEqual(metadata.labels, template.metadata.labels);
    assert.equal(metadata.annotations?.["sidecar.istio.io/status"], "{}");
    assert.deepEqual(spec.initContainers, [{ name: "istio-proxy", volumeMounts: [{ name: "istio-envoy" }] }]);
    assert.deepEqual(spec.volumes, [{ name: "istio-envoy" }]);
    assert.deepEqual([spec.nodeName, spec.tolerations], [undefined, undefined]);
  });

  it("is the same each time", async () => {
    const [one, other] = [await inject(admitting("x1"), request), await inject(admitting("y2"), request)];
    assert.equal(JSON.stringify(one), JSON.stringify(other));
  });

  it("gives the injector the pod's owner, so that telemetry names the Deployment", async () => {
    const cluster = admitting("x1");
    const admission = cluster.admission;
    let sent: unknown;
    cluster.admission = (object) => {
      sent = object.metadata;
      return admission(object);
    };
    await inject(cluster, request);
    const { generateName, labels, ownerReferences } = sent as {
      generateName: string;
      labels: Record<string, string>;
      ownerReferences: { kind: string; name: string; controller: boolean }[];
    };
    const [owner] = ownerReferences;
    assert.ok(generateName && owner?.controller && owner.kind === "ReplicaSet");
    assert.equal(owner.name, `reviews-v1-${labels["pod-template-hash"]}`);
  });

  it("fails where no injector answers, and never returns a pod without a proxy", async () => {
    await assert.rejects(
      inject(new FakeCluster(), request),
      /no injector writes a proxy into bookinfo\/reviews-v1\nnext: /,
    );
  });
});
