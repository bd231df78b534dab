import assert from "node:assert/strict";
import type { LiveObject } from "../../../components/shared/kubernetes/object";
import { adopterOf, selects } from "../../../components/verification/run/adoption";

const labels = { app: "front" };
const object = (kind: string, spec: Record<string, unknown>): LiveObject => ({
  ...{ apiVersion: "v1", kind, spec, metadata: { name: "front", namespace: "shop", uid: "1", resourceVersion: "1" } },
});
const matching = { selector: { matchLabels: labels } };

describe("a pod with a workload's labels", () => {
  for (const [title, objects, adopter] of [
    ["a StatefulSet", [object("StatefulSet", matching)], "StatefulSet front would take it for its own"],
    ["a DaemonSet", [object("DaemonSet", matching)], "DaemonSet front would take it for its own"],
    ["a ReplicaSet of its own", [object("ReplicaSet", matching)], "ReplicaSet front would take it for its own"],
    [
      "a ReplicationController",
      [object("ReplicationController", { selector: labels })],
      "ReplicationController front would take it for its own",
    ],
    [
      "an autoscaler of its Deployment",
      [
        object("HorizontalPodAutoscaler", { scaleTargetRef: { kind: "Deployment", name: "front" } }),
        object("Deployment", matching),
      ],
      "HorizontalPodAutoscaler front would count it",
    ],
    [
      "a Service that publishes pods that are not ready",
      [object("Service", { selector: labels, publishNotReadyAddresses: true })],
      "Service front would send it traffic",
    ],
  ] as const) {
    it(`would be taken by ${title}`, () => assert.equal(adopterOf(labels, objects), adopter));
  }

  for (const [title, objects] of [
    [
      "a Deployment, whose ReplicaSet selects by a hash as well",
      [
        object("Deployment", matching),
        object("ReplicaSet", { selector: { matchLabels: { ...labels, "pod-template-hash": "1" } } }),
      ],
    ],
    ["a Service", [object("Service", { selector: labels })]],
    ["a Service without selector", [object("Service", { publishNotReadyAddresses: true })]],
    [
      "an autoscaler of another Deployment",
      [
        object("HorizontalPodAutoscaler", { scaleTargetRef: { kind: "Deployment", name: "other" } }),
        object("Deployment", matching),
      ],
    ],
    ["a StatefulSet with other labels", [object("StatefulSet", { selector: { matchLabels: { app: "other" } } })]],
  ] as const) {
    it(`is left alone by ${title}`, () => assert.equal(adopterOf(labels, objects), undefined));
  }
});

describe("a selector", () => {
  const expression = (operator: string, values?: string[]) => ({
    matchExpressions: [{ key: "app", operator, values }],
  });

  it("matches by expressions as Kubernetes does", () => {
    assert.ok(selects(expression("In", ["front", "back"]), labels));
    assert.ok(!selects(expression("In", ["back"]), labels));
    assert.ok(!selects(expression("NotIn", ["front"]), labels));
    assert.ok(selects(expression("NotIn", ["front"]), {}));
    assert.ok(selects(expression("Exists"), labels) && !selects(expression("Exists"), {}));
    assert.ok(selects(expression("DoesNotExist"), {}) && !selects(expression("DoesNotExist"), labels));
  });

  it("of nothing matches no pod", () => {
    assert.ok(!selects({}, labels) && !selects(undefined, labels));
  });

  it("finds no label that an object only inherits", () => {
    assert.ok(!selects({ matchLabels: { constructor: "Object" } }, {}));
  });
});
