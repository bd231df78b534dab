import assert from "node:assert/strict";
import type { LiveObject } from "../../../components/shared/kubernetes/api-server";
import { helmRevisions } from "../../../components/shared/kubernetes/helm-records";
import { podsBehind, readPod } from "../../../components/shared/kubernetes/pods";

const sidecar = {
  name: "istio-proxy",
  image: "istio/proxyv2:1.31.1",
  env: [{ name: "PROXY_CONFIG", value: '{"concurrency":2}' }],
  resources: { requests: { cpu: "100m" } },
};

describe("what is read of a pod", () => {
  it("is its state, its proxy and why it waits", () => {
    const pod = readPod({
      metadata: {
        ...{ name: "web-1", namespace: "shop", uid: "u", resourceVersion: "1", labels: { app: "web" } },
        annotations: { "sidecar.istio.io/status": '{"revision":"1-31-1"}' },
      },
      spec: { nodeName: "worker-1", initContainers: [sidecar], containers: [{ name: "web" }] },
      status: {
        phase: "Pending",
        conditions: [{ type: "Ready", status: "False", message: "containers with unready status" }],
        containerStatuses: [
          {
            ...{ name: "web", image: "web:1", imageID: "x@sha256:1", restartCount: 3 },
            state: { waiting: { reason: "ImagePullBackOff" } },
          },
        ],
      },
    });
    assert.deepEqual(pod, {
      ...{ name: "web-1", namespace: "shop", app: "web", node: "worker-1", phase: "Pending", ready: false },
      ...{ ended: false, deleting: false, hostNetwork: false, redirected: false, waitingFor: "web: ImagePullBackOff" },
      ...{ labels: { app: "web" }, annotations: pod.annotations, containers: ["istio-proxy", "web"] },
      proxy: { image: "istio/proxyv2:1.31.1", requests: { cpu: "100m" }, limits: {}, workers: 2 },
      ...{ revision: "1-31-1", images: ["web:1 (sha256:1)"], restarts: { web: 3 } },
    });
  });
});

describe("the pods behind a Service", () => {
  const container = { name: "web", ports: [{ name: "http", containerPort: 8080 }] };
  const pod = (name: string, ready: boolean) => ({
    metadata: { name, namespace: "shop" },
    spec: { containers: [container] },
    status: { conditions: [{ type: "Ready", status: ready ? "True" : "False" }] },
  });
  const serverOf = (targetPort: number | string | undefined, ...pods: object[]) => ({
    get: () => Promise.resolve({ spec: { selector: { app: "web" }, ports: [{ port: 80, targetPort }] } } as never),
    list: () => Promise.resolve(pods as LiveObject[]),
  });
  const reference = { namespace: "shop", service: "web", port: 80 };

  it("are found with the container port that the Service's port leads to, by name, number or default", async () => {
    for (const [targetPort, port] of [
      ["http", 8080],
      [81, 81],
      [undefined, 80],
    ] as const) {
      const found = await podsBehind(serverOf(targetPort, pod("a", false), pod("b", true)), reference);
      assert.deepEqual([found?.pods.length, found?.target], [2, { pod: "b", port }]);
    }
  });

  it("have no target where none is ready", async () => {
    assert.deepEqual((await podsBehind(serverOf(81, pod("a", false)), reference))?.target, undefined);
  });
});

describe("Helm's records", () => {
  const secret = (revision: number, status: string) => ({
    metadata: { name: `x.v${revision}`, labels: { owner: "helm", name: "web", version: String(revision), status } },
  });
  const server = {
    list: () => Promise.resolve([secret(10, "deployed"), secret(9, "superseded")] as never),
  };

  it("are revisions, oldest first", async () => {
    assert.deepEqual(await helmRevisions(server, { namespace: "shop" }), [
      { release: "web", revision: 9, status: "superseded", labels: secret(9, "superseded").metadata.labels },
      { release: "web", revision: 10, status: "deployed", labels: secret(10, "deployed").metadata.labels },
    ]);
  });
});
