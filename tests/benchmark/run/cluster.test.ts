import assert from "node:assert/strict";
import { ownLabel } from "../../../components/benchmark/objects";
import { KubernetesCluster } from "../../../components/benchmark/run/cluster";
import { ApiServer } from "../../../components/shared/kubernetes/api-server";
import { ReadOnlyApi, type StoredObject } from "./fake-api";

const namespace = (name: string, labels: object): StoredObject => ({
  ...{ apiVersion: "v1", kind: "Namespace", metadata: { name, labels } },
});
const node = (name: string, operatingSystem: string): StoredObject => ({
  ...{ apiVersion: "v1", kind: "Node", metadata: { name } },
  status: { conditions: [{ type: "Ready", status: "True" }], nodeInfo: { operatingSystem } },
});
const ztunnel = (name: string, nodeName: string): StoredObject => ({
  ...{ apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "istio-system", labels: { app: "ztunnel" } } },
  spec: { nodeName, containers: [] },
});
const deployment = (name: string, type: string): StoredObject => ({
  ...{ apiVersion: "apps/v1", kind: "Deployment", metadata: { name, namespace: "bench-none" } },
  status: {
    conditions: [
      { type: "Available", status: "False", message: "Deployment does not have minimum availability." },
      { type, status: "True", message: `${name} is forbidden: exceeded quota` },
    ],
  },
});
const path = (pod: string) => `/api/v1/namespaces/istio-system/pods/${pod}:15020/proxy/metrics`;

// As ztunnel prints them, with fewer labels.
const opened = (from: string, to: string, policy: string, count: number) =>
  `istio_tcp_connections_opened_total{reporter="source",source_workload="client",source_workload_namespace="${from}",` +
  `destination_workload="server",destination_workload_namespace="${to}",connection_security_policy="${policy}"} ${count}\n`;

describe("a cluster that is measured", () => {
  let api: ReadOnlyApi;
  let cluster: KubernetesCluster;
  before(async () => {
    const closed = `istio_tcp_connections_closed_total${opened("bench-ambient", "bench-ambient", "mutual_tls", 99).slice(34)}`;
    api = await ReadOnlyApi.start(
      [
        ...[namespace("bench-none", ownLabel), namespace("bench-sidecar", { team: "a" }), namespace("shop", {})],
        ...[node("worker-1", "linux"), node("worker-2", "windows")],
        ...[ztunnel("ztunnel-a", "worker-1"), ztunnel("ztunnel-b", "worker-2"), ztunnel("ztunnel-c", "worker-3")],
        ...[deployment("client", "ReplicaFailure"), deployment("server", "Progressing")],
      ],
      {
        [path("ztunnel-a")]:
          `# TYPE istio_tcp_connections_opened counter\n${closed}` +
          opened("bench-ambient", "bench-ambient", "mutual_tls", 3) +
          opened("bench-ambient", "shop", "mutual_tls", 50),
        [path("ztunnel-b")]:
          opened("bench-ambient", "bench-ambient", "mutual_tls", 4) +
          opened("bench-ambient", "bench-ambient", "unknown", 5),
      },
    );
    cluster = new KubernetesCluster(await ApiServer.open({ kubeconfig: api.kubeconfig }));
  });
  after(() => api.stop());

  it("distinguishes namespaces of other owners from those of benchmarks", async () => {
    assert.deepEqual(await cluster.foreignNamespaces(["bench-none", "bench-sidecar", "bench-ambient"]), [
      "bench-sidecar",
    ]);
  });

  it("leaves out nodes with Windows", async () => {
    assert.deepEqual(
      (await cluster.nodes()).map(({ name }) => name),
      ["worker-1"],
    );
  });

  it("reports why pods cannot be created", async () => {
    assert.deepEqual(await cluster.refusals("bench-none"), ["client is forbidden: exceeded quota"]);
  });

  it("counts what ztunnels have opened within a namespace, with mTLS and without", async () => {
    assert.deepEqual(await cluster.connections("bench-ambient", ["worker-1", "worker-2"]), { mutual: 7, plain: 5 });
    assert.equal(await cluster.connections("bench-ambient", ["worker-1", "worker-3"]), undefined, "one cannot be read");
  });
});
