import assert from "node:assert/strict";
import { gatewayAddress } from "../../../components/mesh/lifecycle/readiness";
import { FakeCluster, type Given } from "../lifecycle/fake-cluster";

const request = { namespace: "istio-public", release: "istio-public", addressSeconds: 90, values: "1" };
const where = { name: "istio-public", namespace: "istio-public", generation: 2 };

function deployment(available: number): Given {
  const status = { observedGeneration: 2, replicas: 2, updatedReplicas: 2, availableReplicas: available };
  return { apiVersion: "apps/v1", kind: "Deployment", metadata: where, spec: { replicas: 2 }, status };
}

function service(ingress: readonly object[]): Given {
  return { apiVersion: "v1", kind: "Service", metadata: where, status: { loadBalancer: { ingress } } };
}

describe("a gateway behind a load balancer", () => {
  it("is ready with its pods and its address, which is the result", async () => {
    const ip = new FakeCluster([deployment(2), service([{ ip: "192.0.2.80" }])]);
    assert.deepEqual(await gatewayAddress(ip, request), { address: "192.0.2.80" });
    const name = new FakeCluster([deployment(2), service([{ hostname: "lb.example.com" }])]);
    assert.deepEqual(await gatewayAddress(name, request), { address: "lb.example.com" });
  });

  it("is ready with its pods where it has no load balancer", async () => {
    const cluster = new FakeCluster([deployment(1)]);
    cluster.meanwhile = (seconds) => {
      if (seconds === 20) cluster.objects[0] = deployment(2);
    };
    assert.deepEqual(await gatewayAddress(cluster, { ...request, addressSeconds: undefined }), {});
    assert.deepEqual(cluster.logged, ["waiting: istio-public: 1 of 2 replicas available"]);
  });

  it("waits for pods that do not run yet, and for an address that comes late", async () => {
    const cluster = new FakeCluster([deployment(1), service([])]);
    cluster.meanwhile = (seconds) => {
      if (seconds === 20) cluster.objects[0] = deployment(2);
      if (seconds === 60) cluster.objects[1] = service([{ ip: "192.0.2.80" }]);
    };
    assert.deepEqual(await gatewayAddress(cluster, request), { address: "192.0.2.80" });
    assert.deepEqual(cluster.logged, [
      "waiting: istio-public: 1 of 2 replicas available",
      "waiting: no load balancer has given Service istio-public/istio-public an address",
    ]);
  });

  it("fails where no address is assigned in time, and says what would assign one", async () => {
    const cluster = new FakeCluster([deployment(2), service([])]);
    await assert.rejects(gatewayAddress(cluster, request), (error: Error) => {
      assert.match(error.message, /^not within 90 s: no load balancer has given Service istio-public\/istio-public an/);
      assert.match(error.message, /next: .*MetalLB, Cilium's LB IPAM.*serviceType: NodePort/);
      return true;
    });
    assert.ok(cluster.now() <= 90_000, `waited for ${cluster.now()} ms`);
  });

  it("fails with what the load balancer says of an address that it does not assign", async () => {
    const event = (lastTimestamp: string, type: string, message: string): Given => {
      const metadata = { name: `event-${lastTimestamp}`, namespace: "istio-public" };
      return { apiVersion: "v1", kind: "Event", metadata, type, lastTimestamp, message };
    };
    const events = [
      event("2026-01-01T00:02:00Z", "Warning", '["192.0.2.250"] is not allowed in config'),
      event("2026-01-01T00:01:00Z", "Warning", "no available IPs"),
      event("2026-01-01T00:03:00Z", "Normal", "ensuring"),
    ];
    await assert.rejects(
      gatewayAddress(new FakeCluster([deployment(2), service([]), ...events]), request),
      /no load balancer has given Service istio-public\/istio-public an address \(\["192\.0\.2\.250"\] is not allowed in config\)/,
    );
  });

  it("refers to its pods by the Deployment, because pods of a waypoint have no label of ours", async () => {
    await assert.rejects(
      gatewayAddress(new FakeCluster([deployment(0)]), request),
      /next: see kubectl -n istio-public describe deployment\/istio-public and kubectl -n istio-public describe pods;/,
    );
  });

  it("reports that its pods do not run, whatever the load balancer does", async () => {
    const cluster = new FakeCluster([deployment(0), service([{ ip: "192.0.2.80" }])]);
    await assert.rejects(
      gatewayAddress(cluster, request),
      /istio-public: 0 of 2 replicas available\nnext: see kubectl/,
    );
    await assert.rejects(
      gatewayAddress(new FakeCluster(), request),
      /there is no Deployment istio-public\/istio-public/,
    );
  });
});

describe("what istiod creates for a gateway", () => {
  const kinds = ["HorizontalPodAutoscaler", "PodDisruptionBudget"] as const;
  const wanted = { ...request, addressSeconds: undefined, unset: kinds };

  /** istiod's own label: pilot/pkg/config/kube/gatewaycommon/deploymentcontroller.go. */
  function extra(kind: string, labels = { "gateway.istio.io/managed": "istio.io-gateway-controller" }): Given {
    const apiVersion = kind === "PodDisruptionBudget" ? "policy/v1" : "autoscaling/v2";
    return { apiVersion, kind, metadata: { name: "istio-public", namespace: "istio-public", labels } };
  }

  it("is deleted once its setting is gone, and kept while that exists", async () => {
    const cluster = new FakeCluster([deployment(2), ...kinds.map((kind) => extra(kind))]);
    await gatewayAddress(cluster, { ...wanted, unset: ["PodDisruptionBudget"] });
    assert.deepEqual(cluster.deleted, ["PodDisruptionBudget istio-public istio-public"]);
    await gatewayAddress(cluster, wanted);
    assert.deepEqual(cluster.deleted.slice(1), ["HorizontalPodAutoscaler istio-public istio-public"]);
  });

  it("is deleted also where an istiod that has not seen the change yet creates it once more", async () => {
    const cluster = new FakeCluster([deployment(2), extra("PodDisruptionBudget")]);
    let again = 1;
    cluster.meanwhile = () => {
      if (again-- > 0) cluster.objects.push(extra("PodDisruptionBudget"));
    };
    await gatewayAddress(cluster, wanted);
    assert.equal(cluster.deleted.length, 2);
    assert.deepEqual(cluster.objects, [deployment(2)]);
  });

  it("is kept where another owner created it, and costs no wait where there is none", async () => {
    const own = extra("HorizontalPodAutoscaler", { "gateway.istio.io/managed": "" });
    const cluster = new FakeCluster([deployment(2), own]);
    await gatewayAddress(cluster, wanted);
    assert.deepEqual([cluster.deleted, cluster.now()], [[], 0]);
  });
});
