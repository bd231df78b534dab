import assert from "node:assert/strict";
import fc from "fast-check";
import { amountOf } from "../../../components/settings/quantities";
import type { LiveObject } from "../../../components/shared/kubernetes/object";
import { fittedResources, unlessScaledToZero } from "../../../components/verification/run/placement";
import { plan, probe, series } from "./plans";

const metadata = { namespace: "shop", uid: "1", resourceVersion: "1" };

describe("a probe of a workload that is scaled to zero", () => {
  const deployment = (name: string, replicas: number, labels: object, kind = "Deployment"): LiveObject => ({
    ...{ apiVersion: "apps/v1", kind, metadata: { ...metadata, name } },
    spec: { replicas, selector: { matchLabels: labels }, template: { metadata: { labels } } },
  });
  const judged = (
    objects: readonly LiveObject[],
    more: Parameters<typeof series>[0] = {},
    clients: "auto" | "ephemeral" = "auto",
  ) => {
    const one = probe("p", [series(more)]);
    const found = unlessScaledToZero(one, plan([one], { clients }), new Map([["shop", objects]]));
    if (found === one) return undefined;
    assert.deepEqual(found.series, []);
    return found.notMeasurable;
  };
  const answers = (outcome: object) => ({
    expect: { kind: "every", outcome: { title: "200", answers: ["application"], ...outcome } } as const,
  });

  it("is not measurable where it is the server, and says why", () => {
    const none = deployment("back", 0, { app: "back" });
    assert.equal(judged([none]), "shop/back has no pods that could answer (Deployment back: 0 replicas)");
    assert.equal(judged([deployment("back", 1, { app: "back" })]), undefined);
    assert.equal(judged([]), undefined, "as the login may not see its controllers");
    const ofRollout = deployment("back-1", 2, { app: "back" }, "ReplicaSet");
    Object.assign(ofRollout.metadata, { ownerReferences: [{ kind: "Rollout", name: "back" }] });
    assert.equal(judged([none, ofRollout]), undefined, "another owner has taken the Deployment's pods over");
    assert.equal(judged([none, deployment("canary", 1, { app: "back" }, "StatefulSet")]), undefined);
  });

  it("is not measurable where it is the version, the copy or the other service that must answer", () => {
    const all = [
      deployment("v1", 2, { app: "back", version: "v1" }),
      deployment("v2", 0, { app: "back", version: "v2" }),
    ];
    assert.equal(judged(all, answers({ version: "v1" })), undefined);
    assert.equal(
      judged(all, answers({ version: "v2" })),
      "shop/back has no pods that could answer (Deployment v2: 0 replicas)",
    );
    const front = deployment("front", 0, { app: "front" });
    assert.match(judged([front], answers({ mirroredTo: "shop/front" })) ?? "", /^shop\/front has no pods/);
    assert.match(judged([front], answers({ workload: "shop/front" })) ?? "", /^shop\/front has no pods/);
  });

  it("is measured where it is the client, which a pod of ours can be, unless that has to be in one of its own", () => {
    const front = deployment("front", 0, { app: "front" });
    assert.equal(judged([front]), undefined);
    const needed = "shop/front has no pod for a client to be a container of (Deployment front: 0 replicas)";
    assert.equal(judged([front], {}, "ephemeral"), needed);
    assert.equal(
      judged([deployment("front", 0, { app: "front" }, "StatefulSet")]),
      needed.replace("Deployment", "StatefulSet"),
    );
  });
});

describe("the resources of a client", () => {
  const wanted = { requests: { cpu: "10m", memory: "32Mi" }, limits: { cpu: "500m", memory: "128Mi" } };
  const range = (...limits: object[]): LiveObject => ({
    ...{ apiVersion: "v1", kind: "LimitRange", metadata: { ...metadata, name: "limits" }, spec: { limits } },
  });

  it("are those that are wanted where nothing limits them", () => {
    assert.deepEqual(fittedResources(wanted, [range({ type: "Pod", max: { cpu: "1m" } })]), wanted);
  });

  it("are within the limits of the namespace, also in their ratio", () => {
    const found = fittedResources(wanted, [
      range({ type: "Container", max: { cpu: "0.2" }, min: { memory: "64Mi" } }),
      range({ type: "Container", max: { memory: "1Gi", cpu: "1" }, maxLimitRequestRatio: { memory: "1.5" } }),
    ]);
    assert.deepEqual(found, { requests: { cpu: "10m", memory: "128Mi" }, limits: { cpu: "0.2", memory: "128Mi" } });
  });

  it("are accepted whatever the limits are, if anything is", () => {
    const amount = fc.integer({ min: 1, max: 4000 });
    fc.assert(
      fc.property(amount, amount, fc.integer({ min: 1, max: 20 }), (a, b, ratio) => {
        const [min, max] = [Math.min(a, b), Math.max(a, b)];
        const item = {
          type: "Container",
          min: { cpu: `${min}m` },
          max: { cpu: `${max}m` },
          maxLimitRequestRatio: { cpu: `${ratio}` },
        };
        const { requests, limits } = fittedResources(wanted, [range(item)]);
        const [request, limit] = [amountOf(requests.cpu) * 1000, amountOf(limits.cpu) * 1000];
        const eps = 1e-6;
        assert.ok(
          request >= min - eps && limit <= max + eps && request <= limit + eps && limit <= ratio * request + eps,
        );
      }),
      { seed: 1 },
    );
  });
});
