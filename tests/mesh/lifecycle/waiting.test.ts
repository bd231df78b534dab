import assert from "node:assert/strict";
import type { ApplyObject } from "../../../components/shared/kubernetes/api-server";
import { cniGate } from "../../../components/mesh/lifecycle/steps/cni-gate";
import { ready } from "../../../components/mesh/lifecycle/steps/ready";
import { denied, FakeCluster, type Given, injectedPod, istioCni, istiod } from "./fake-cluster";

const controlPlanes = [{ revision: "default", istiod: "istiod", version: "1.31.1" }];

describe("the gate of istio-cni", () => {
  const gate = (cluster: FakeCluster, version = "1.31.1") => cniGate(cluster, { version, controlPlanes });

  it("holds up no first installation", async () => {
    assert.deepEqual(await gate(new FakeCluster()), { waited: false });
  });

  it("holds up neither the version that runs nor a way back", async () => {
    assert.deepEqual(await gate(new FakeCluster([istioCni("1.31.1")])), { waited: false });
    assert.deepEqual(await gate(new FakeCluster([istioCni("1.31.1")]), "1.30.2"), { waited: false });
  });

  it("waits until istiod is of the new version and all its old replicas are gone", async () => {
    const cluster = new FakeCluster([istioCni("1.30.2"), istiod("1.30.2")]);
    const states = [
      istiod("1.31.1", "default", { observedGeneration: 1 }),
      istiod("1.31.1", "default", { replicas: 2 }),
    ];
    cluster.meanwhile = () => cluster.objects.splice(1, 1, states.shift() ?? istiod("1.31.1"));
    assert.deepEqual(await gate(cluster), { waited: true });
    assert.deepEqual(cluster.said, [
      "waiting: istiod is of version 1.30.2, and 1.31.1 is to come",
      "waiting: istiod has not been looked at yet",
      "waiting: istiod still has old replicas",
    ]);
  });

  it("gives up after a quarter of an hour with what is missing and what to do", async () => {
    const cluster = new FakeCluster([istioCni("1.30.2"), istiod("1.31.1", "default", { availableReplicas: 0 })]);
    await assert.rejects(gate(cluster), /not within 900 s: istiod has 0 of 1 replicas available\nnext: see kubectl/);
  });
});

const webhooks: Given[] = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"].map((kind) => ({
  apiVersion: "admissionregistration.k8s.io/v1",
  kind,
  metadata: { name: kind.toLowerCase(), labels: { "istio.io/rev": "default" } },
}));

/** istiod's webhooks at work: revisions by the names that pods ask for. */
function working(revisions: Readonly<Record<string, string>>) {
  return (object: ApplyObject): Given | Error => {
    const asked = object.metadata.labels?.["istio.io/rev"] ?? "";
    if (object.kind === "Pod") {
      const revision = revisions[asked];
      return revision === undefined ? (object as unknown as Given) : injectedPod("probe", revision);
    }
    const [rule] = (object.spec as { http: { route?: unknown }[] }).http;
    return rule?.route ? (object as unknown as Given) : denied("rev.validation.istio.io");
  };
}

describe("readiness", () => {
  const request = { controlPlanes, tags: {}, simulatedNodes: false, values: "" };

  it("is a pod that comes back injected, a VirtualService accepted and a wrong one refused, twice in a row", async () => {
    const cluster = new FakeCluster([...webhooks]);
    let asked = 0;
    const answer = working({ default: "default" });
    cluster.admission = (object) => {
      asked++;
      return answer(object);
    };
    assert.deepEqual(await ready(cluster, request), { injection: "answers", validation: "answers" });
    assert.equal(asked, 6);
  });

  it("outlives a webhook that refuses connections just after istiod is available", async () => {
    const cluster = new FakeCluster([...webhooks]);
    cluster.admission = () =>
      new Error('failed calling webhook "namespace.sidecar-injector.istio.io": connection refused');
    cluster.meanwhile = (waited) => {
      if (waited >= 20) cluster.admission = working({ default: "default" });
    };
    await ready(cluster, request);
    assert.match(cluster.said.join("\n"), /connection refused/);
  });

  it("starts counting anew when one answer is missing between two", async () => {
    const cluster = new FakeCluster([...webhooks]);
    const states = [working({ default: "default" }), working({}), working({ default: "default" })];
    cluster.admission = states.shift() ?? assert.fail();
    let rests = 0;
    cluster.meanwhile = () => {
      rests++;
      cluster.admission = states.shift() ?? cluster.admission;
    };
    await ready(cluster, request);
    assert.equal(rests, 3);
  });

  it("is not there while nothing validates", async () => {
    const cluster = new FakeCluster([...webhooks]);
    const answer = working({ default: "default" });
    cluster.admission = (object) => (object.kind === "Pod" ? answer(object) : (object as unknown as Given));
    await assert.rejects(
      ready(cluster, request),
      /a wrong VirtualService of revision default is accepted: nothing validates yet/,
    );
  });

  it("asks for every revision and every tag, and sees a tag that still stands for another", async () => {
    const planes = [...controlPlanes, { revision: "1-31-1", istiod: "istiod-1-31-1", version: "1.31.1" }];
    const cluster = new FakeCluster([...webhooks]);
    cluster.admission = working({ default: "default", "1-31-1": "1-31-1", prod: "default" });
    const moved = { ...request, controlPlanes: planes, tags: { prod: "1-31-1" } };
    await assert.rejects(ready(cluster, moved), /label istio\.io\/rev: prod gets a proxy of default, not of 1-31-1/);
    cluster.admission = working({ default: "default", "1-31-1": "1-31-1", prod: "1-31-1" });
    await ready(cluster, moved);
  });

  it("says what it did not measure where nodes are simulated, and asks for acceptance only", async () => {
    const cluster = new FakeCluster([...webhooks]);
    const kinds: string[] = [];
    cluster.admission = (object) => {
      kinds.push(object.kind);
      return object as unknown as Given;
    };
    const answer = await ready(cluster, { ...request, simulatedNodes: true });
    assert.deepEqual(answer, { injection: "not measured", validation: "not measured" });
    assert.deepEqual(kinds, ["VirtualService"]);
    assert.match(cluster.said.join("\n"), /not measured/);
  });

  it("says so where the cluster has no webhooks of Istio", async () => {
    const cluster = new FakeCluster();
    assert.deepEqual(await ready(cluster, request), { injection: "not measured", validation: "not measured" });
    assert.equal(cluster.said.length, 2);
  });
});
