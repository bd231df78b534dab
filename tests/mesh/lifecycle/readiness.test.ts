import assert from "node:assert/strict";
import type { ApplyObject } from "../../../components/shared/kubernetes/api-server";
import { ready } from "../../../components/mesh/lifecycle/readiness";
import { denied, FakeCluster, type Given, injectedPod } from "./fake-cluster";

const controlPlanes = [{ revision: "default", istiod: "istiod", version: "1.31.1" }];

const webhooks: Given[] = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"].map((kind) => ({
  apiVersion: "admissionregistration.k8s.io/v1",
  kind,
  metadata: { name: kind.toLowerCase(), labels: { "istio.io/rev": "default" } },
}));

/** Working webhooks of istiod: revisions by the value of the pod's label. */
function working(revisions: Readonly<Record<string, string>>) {
  return (object: ApplyObject): Given | Error => {
    const name = object.metadata.labels?.["istio.io/rev"] ?? "";
    if (object.kind === "Pod") {
      const revision = revisions[name];
      return revision === undefined ? (object as unknown as Given) : injectedPod("probe", revision);
    }
    const [rule] = (object.spec as { http: { route?: unknown }[] }).http;
    return rule?.route ? (object as unknown as Given) : denied("rev.validation.istio.io");
  };
}

describe("readiness of the mesh", () => {
  const request = { controlPlanes, tags: {}, simulatedNodes: false, values: "" };

  it("takes an injected pod, an accepted VirtualService and a refused wrong one, twice in a row", async () => {
    const cluster = new FakeCluster([...webhooks]);
    let dryRuns = 0;
    const answer = working({ default: "default" });
    cluster.admission = (object) => {
      dryRuns++;
      return answer(object);
    };
    assert.deepEqual(await ready(cluster, request), { injection: "answers", validation: "answers" });
    assert.equal(dryRuns, 6);
  });

  it("waits while a webhook refuses connections just after istiod is available", async () => {
    const cluster = new FakeCluster([...webhooks]);
    cluster.admission = () =>
      new Error('failed calling webhook "namespace.sidecar-injector.istio.io": connection refused');
    cluster.meanwhile = (waited) => {
      if (waited >= 20) cluster.admission = working({ default: "default" });
    };
    await ready(cluster, request);
    assert.match(cluster.logged.join("\n"), /connection refused/);
  });

  it("counts from the beginning when an answer is missing between two", async () => {
    const cluster = new FakeCluster([...webhooks]);
    const states = [working({ default: "default" }), working({}), working({ default: "default" })];
    cluster.admission = states.shift() ?? assert.fail();
    let sleeps = 0;
    cluster.meanwhile = () => {
      sleeps++;
      cluster.admission = states.shift() ?? cluster.admission;
    };
    await ready(cluster, request);
    assert.equal(sleeps, 3);
  });

  it("is not reached while nothing validates", async () => {
    const cluster = new FakeCluster([...webhooks]);
    const answer = working({ default: "default" });
    cluster.admission = (object) => (object.kind === "Pod" ? answer(object) : (object as unknown as Given));
    await assert.rejects(
      ready(cluster, request),
      /a wrong VirtualService of revision default is accepted: nothing validates yet/,
    );
  });

  it("checks every revision and every tag, and notices a tag that still means another revision", async () => {
    const planes = [...controlPlanes, { revision: "1-31-1", istiod: "istiod-1-31-1", version: "1.31.1" }];
    const cluster = new FakeCluster([...webhooks]);
    cluster.admission = working({ default: "default", "1-31-1": "1-31-1", prod: "default" });
    const moved = { ...request, controlPlanes: planes, tags: { prod: "1-31-1" } };
    await assert.rejects(ready(cluster, moved), /label istio\.io\/rev: prod gets a proxy of default, not of 1-31-1/);
    cluster.admission = working({ default: "default", "1-31-1": "1-31-1", prod: "1-31-1" });
    await ready(cluster, moved);
  });

  it("logs what it did not measure where nodes are simulated, and checks acceptance only", async () => {
    const cluster = new FakeCluster([...webhooks]);
    const kinds: string[] = [];
    cluster.admission = (object) => {
      kinds.push(object.kind);
      return object as unknown as Given;
    };
    const answer = await ready(cluster, { ...request, simulatedNodes: true });
    assert.deepEqual(answer, { injection: "not measured", validation: "not measured" });
    assert.deepEqual(kinds, ["VirtualService"]);
    assert.match(cluster.logged.join("\n"), /not measured/);
  });

  it("logs that the cluster has no webhooks of Istio", async () => {
    const cluster = new FakeCluster();
    assert.deepEqual(await ready(cluster, request), { injection: "not measured", validation: "not measured" });
    assert.equal(cluster.logged.length, 2);
  });
});
