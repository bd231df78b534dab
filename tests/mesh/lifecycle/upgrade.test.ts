import assert from "node:assert/strict";
import { cniGate, upgradeCheck } from "../../../components/mesh/lifecycle/upgrade";
import { FakeCluster, type Given, helmRevision, istioCni, istiod } from "./fake-cluster";

const owner = "talos-mesh/dev";

function claim(by: string): Given {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "talos-mesh", namespace: "istio-system" },
    data: { owner: by },
  };
}

function plane(version: string, revision = "default") {
  return { version, revision, istiod: revision === "default" ? "istiod" : `istiod-${revision}` };
}

const check = (cluster: FakeCluster, ...controlPlanes: ReturnType<typeof plane>[]) =>
  upgradeCheck(cluster, { owner, controlPlanes });

describe("the check before an upgrade", () => {
  it("claims an empty istio-system for its stack, and finds its own claim again", async () => {
    const cluster = new FakeCluster();
    assert.deepEqual(await check(cluster, plane("1.31.1")), { found: {} });
    cluster.objects.push(istiod("1.31.1"));
    assert.deepEqual(await check(cluster, plane("1.31.1")), { found: { default: "1.31.1" } });
    assert.equal(cluster.applied.length, 1);
  });

  for (const [from, to] of [
    ["1.30.2", "1.31.1"],
    ["1.31.1", "1.31.4"],
    ["1.31.1", "1.30.2"],
  ] as const) {
    it(`lets ${from} become ${to}`, async () => {
      await check(new FakeCluster([claim(owner), istiod(from)]), plane(to));
    });
  }

  for (const [from, to, first] of [
    ["1.29.0", "1.31.1", "1.30"],
    ["1.31.1", "1.29.0", "1.30"],
  ] as const) {
    it(`refuses ${from} to become ${to} and names the version between`, async () => {
      const cluster = new FakeCluster([claim(owner), istiod(from)]);
      await assert.rejects(check(cluster, plane(to)), (error: Error) => {
        assert.match(
          error.message,
          new RegExp(`Istio ${from} runs, and ${to} \\(revision default\\) is 2 minor versions away`),
        );
        assert.ok(error.message.endsWith(`next: set the version to one of ${first} first`), error.message);
        return true;
      });
    });
  }

  it("compares a new revision with the nearest control plane, and an existing one with itself", async () => {
    const cluster = new FakeCluster([claim(owner), istiod("1.29.0"), istiod("1.30.2", "1-30-2")]);
    await check(cluster, plane("1.30.2", "1-30-2"), plane("1.31.1", "1-31-1"));
    await assert.rejects(
      check(cluster, plane("1.31.1"), plane("1.30.2", "1-30-2")),
      /Istio 1\.29\.0 runs, and 1\.31\.1/,
    );
  });

  it("refuses a control plane that this stack did not install", async () => {
    await assert.rejects(
      check(new FakeCluster([istiod("1.31.1")]), plane("1.31.1")),
      /that this stack did not install: Deployment istio-system\/istiod, Istio 1\.31\.1\nnext: /,
    );
  });

  it("refuses the control plane of another stack, and says how to rename", async () => {
    const cluster = new FakeCluster([claim("talos-mesh/staging"), istiod("1.31.1")]);
    await assert.rejects(
      check(cluster, plane("1.31.1")),
      /belongs to the stack talos-mesh\/staging, and this is talos-mesh\/dev\nnext: .*patch configmap talos-mesh/,
    );
    assert.deepEqual(cluster.applied, []);
  });

  for (const [status, remedy] of [
    ["pending-install", "uninstall istiod"],
    ["uninstalling", "uninstall istiod"],
    ["pending-upgrade", "rollback istiod"],
    ["pending-rollback", "rollback istiod"],
  ] as const) {
    it(`refuses a Helm release that is ${status}, and says how to fix it`, async () => {
      const cluster = new FakeCluster([
        claim(owner),
        helmRevision("istiod", 1, "superseded"),
        helmRevision("istiod", 2, status),
      ]);
      await assert.rejects(check(cluster, plane("1.31.1")), (error: Error) => {
        assert.match(
          error.message,
          new RegExp(`istiod is ${status}[^]*next: where no other run is active: helm -n istio-system ${remedy}`),
        );
        return true;
      });
    });
  }

  it("looks at a release's newest revision, and continues after a failed one", async () => {
    const cluster = new FakeCluster([
      claim(owner),
      helmRevision("istiod", 10, "deployed"),
      helmRevision("istiod", 9, "pending-upgrade"),
      helmRevision("istio-cni", 3, "failed"),
    ]);
    await check(cluster, plane("1.31.1"));
    assert.deepEqual(cluster.logged, [
      "the Helm release istio-cni has failed before (revision 3); Helm continues from there",
    ]);
  });
});

describe("the gate of istio-cni", () => {
  const controlPlanes = [{ revision: "default", istiod: "istiod", version: "1.31.1" }];
  const gate = (cluster: FakeCluster, version = "1.31.1") => cniGate(cluster, { version, controlPlanes });

  it("lets a first installation through", async () => {
    assert.deepEqual(await gate(new FakeCluster()), { waited: false });
  });

  it("lets the running version and a downgrade through", async () => {
    assert.deepEqual(await gate(new FakeCluster([istioCni("1.31.1")])), { waited: false });
    assert.deepEqual(await gate(new FakeCluster([istioCni("1.31.1")]), "1.30.2"), { waited: false });
  });

  it("waits until istiod has the new version and all its old replicas are gone", async () => {
    const cluster = new FakeCluster([istioCni("1.30.2"), istiod("1.30.2")]);
    const states = [
      istiod("1.31.1", "default", { observedGeneration: 1 }),
      istiod("1.31.1", "default", { replicas: 2 }),
    ];
    cluster.meanwhile = () => cluster.objects.splice(1, 1, states.shift() ?? istiod("1.31.1"));
    assert.deepEqual(await gate(cluster), { waited: true });
    assert.deepEqual(cluster.logged, [
      "waiting: istiod still has version 1.30.2, not 1.31.1",
      "waiting: istiod: its controller to observe the change",
      "waiting: istiod: 1 old replicas to end",
    ]);
  });

  it("gives up after 15 minutes with what is missing and what to do", async () => {
    const cluster = new FakeCluster([istioCni("1.30.2"), istiod("1.31.1", "default", { availableReplicas: 0 })]);
    await assert.rejects(gate(cluster), /not within 900 s: istiod: 0 of 1 replicas available\nnext: see kubectl/);
  });
});
