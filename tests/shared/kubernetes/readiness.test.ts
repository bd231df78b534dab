import assert from "node:assert/strict";
import type { ApiServer, LiveObject } from "../../../components/shared/kubernetes/api-server";
import {
  deleteAndWait,
  ownReadiness,
  servesPods,
  serviceReadiness,
  waitUntilReady,
} from "../../../components/shared/kubernetes/readiness";

const object = (apiVersion: string, kind: string, spec: object, status?: object, more: object = {}) =>
  ({
    apiVersion,
    kind,
    metadata: { name: "x", namespace: "shop", uid: "u", resourceVersion: "1", generation: 2, ...more },
    spec,
    status,
  }) as LiveObject;

describe("the readiness of an object", () => {
  const counts = (count: number) => ({ replicas: count, updatedReplicas: count, availableReplicas: count });

  it("waits for every replica of a Deployment's newest generation", () => {
    const readiness = (status: object) => ownReadiness(object("apps/v1", "Deployment", { replicas: 2 }, status));
    const waitsFor = (what: string) => ({ state: "waiting", missing: what });
    const behind = { observedGeneration: 1, ...counts(2) };
    assert.deepEqual(readiness(behind), waitsFor("its controller to observe the change"));
    assert.deepEqual(readiness({ observedGeneration: 2, ...counts(1) }), waitsFor("1 of 2 replicas updated"));
    assert.deepEqual(readiness({ ...counts(2), replicas: 3 }), waitsFor("1 old replicas to end"));
    assert.deepEqual(readiness({ ...counts(2), availableReplicas: 0 }), waitsFor("0 of 2 replicas available"));
    assert.deepEqual(readiness({ observedGeneration: 2, ...counts(2) }), { state: "ready" });
    const stuck = { type: "Progressing", status: "False", message: "ProgressDeadlineExceeded" };
    const failed = { state: "failed", missing: "ProgressDeadlineExceeded" };
    assert.deepEqual(readiness({ observedGeneration: 2, ...counts(1), conditions: [stuck] }), failed);
  });

  it("waits for a CRD to be established, and for a namespace to be active", () => {
    const crd = (conditions: object[]) =>
      ownReadiness(object("apiextensions.k8s.io/v1", "CustomResourceDefinition", {}, { conditions })).state;
    assert.equal(crd([]), "waiting");
    assert.equal(crd([{ type: "Established", status: "True" }]), "ready");
    assert.equal(crd([{ type: "NamesAccepted", status: "False", reason: "ListKindConflict" }]), "failed");
    assert.equal(ownReadiness(object("v1", "Namespace", {}, { phase: "Terminating" })).state, "waiting");
  });

  it("is given for kinds without a rule, and where the annotation skips it", () => {
    assert.equal(ownReadiness(object("v1", "ConfigMap", {})).state, "ready");
    const annotations = { "pulumi.com/skipAwait": "true" };
    assert.equal(ownReadiness(object("apps/v1", "Deployment", {}, {}, { annotations })).state, "ready");
  });

  it("waits for pods behind a Service only where it selects some", () => {
    const service = (spec: object) => servesPods(object("v1", "Service", spec));
    assert.equal(service({ selector: { app: "x" } }), true);
    assert.equal(service({}), false);
    assert.equal(service({ selector: { app: "x" }, clusterIP: "None" }), false);
    assert.equal(service({ selector: { app: "x" }, type: "ExternalName" }), false);
    const plain = object("v1", "Service", { selector: { app: "x" } });
    assert.equal(serviceReadiness(plain, []).state, "waiting");
    const slice = { endpoints: [{ conditions: { ready: true } }] } as unknown as LiveObject;
    assert.equal(serviceReadiness(plain, [slice]).state, "ready");
    const balanced = object("v1", "Service", { type: "LoadBalancer" }, { loadBalancer: {} });
    assert.match(JSON.stringify(serviceReadiness(balanced, [slice])), /an address from a load balancer/);
  });
});

describe("waiting for an object", () => {
  /** Returns one state after the other, the last one for ever. */
  const serving = (...states: (LiveObject | undefined)[]) => {
    const left = [...states];
    const deleted: string[] = [];
    const server = {
      get: () => Promise.resolve(left.length > 1 ? left.shift() : left[0]),
      list: () => Promise.resolve([{ reason: "FailedMount", message: "no such volume" }]),
      delete: ({ name }: { name: string }) => Promise.resolve(deleted.push(name)),
    };
    return { server: server as unknown as ApiServer, deleted };
  };
  const pod = (ready: boolean, more: object = {}) =>
    object("v1", "Pod", {}, { conditions: [{ type: "Ready", status: ready ? "True" : "False" }] }, more);

  it("ends when it is ready", async () => {
    const reported: string[] = [];
    const options = { timeoutMs: 5000, onProgress: (what: string) => reported.push(what) };
    const live = await waitUntilReady(serving(pod(false), pod(true)).server, pod(false), options);
    assert.deepEqual(live, pod(true));
    assert.deepEqual(reported, ["waiting: condition Ready"]);
  });

  it("names what is missing after the time, its conditions and its last events", async () => {
    await assert.rejects(waitUntilReady(serving(pod(false)).server, pod(false), { timeoutMs: 60 }), {
      name: "ObjectError",
      message:
        "is not ready after 0.06 s; waiting: condition Ready\n" +
        "condition Ready=False: \nevent FailedMount: no such volume",
    });
    await assert.rejects(waitUntilReady(serving(undefined).server, pod(false), { timeoutMs: 5000 }), {
      message: /^was deleted by another client\n/,
    });
  });

  it("deletes it, and ends when it is gone or replaced", async () => {
    const gone = serving(pod(true), pod(true), undefined);
    const reference = { apiVersion: "v1", kind: "Pod", namespace: "shop", name: "x" };
    assert.equal(await deleteAndWait(gone.server, reference, { timeoutMs: 5000 }), true);
    assert.deepEqual(gone.deleted, ["x"]);
    assert.equal(await deleteAndWait(serving(undefined).server, reference, { timeoutMs: 5000 }), false);
    const replaced = serving(pod(true), pod(true, { uid: "another" }));
    assert.equal(await deleteAndWait(replaced.server, reference, { timeoutMs: 5000 }), true);
    await assert.rejects(
      deleteAndWait(serving(pod(true, { finalizers: ["a/b"] })).server, reference, { timeoutMs: 60 }),
      /^ObjectError: still exists 0\.06 s after its deletion; it is held by the finalizers a\/b$/,
    );
  });
});
