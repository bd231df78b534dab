import assert from "node:assert/strict";
import { upgradeCheck } from "../../../components/mesh/lifecycle/steps/upgrade-check";
import { FakeCluster, type Given, helmRevision, istiod } from "./fake-cluster";

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

  it("measures a new revision by the nearest control plane, and one that is there by itself", async () => {
    const cluster = new FakeCluster([claim(owner), istiod("1.29.0"), istiod("1.30.2", "1-30-2")]);
    await check(cluster, plane("1.30.2", "1-30-2"), plane("1.31.1", "1-31-1"));
    await assert.rejects(
      check(cluster, plane("1.31.1"), plane("1.30.2", "1-30-2")),
      /Istio 1\.29\.0 runs, and 1\.31\.1/,
    );
  });

  it("refuses a control plane that this stack did not make", async () => {
    await assert.rejects(
      check(new FakeCluster([istiod("1.31.1")]), plane("1.31.1")),
      /that this stack did not make: Deployment istio-system\/istiod, Istio 1\.31\.1\nnext: /,
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
    it(`refuses a Helm release that is ${status} and says what mends it`, async () => {
      const cluster = new FakeCluster([
        claim(owner),
        helmRevision("istiod", 1, "superseded"),
        helmRevision("istiod", 2, status),
      ]);
      await assert.rejects(check(cluster, plane("1.31.1")), (error: Error) => {
        assert.match(
          error.message,
          new RegExp(`istiod is ${status}[^]*next: where no other run is at work: helm -n istio-system ${remedy}`),
        );
        return true;
      });
    });
  }

  it("goes by a release's newest revision, and goes on after a failed one", async () => {
    const cluster = new FakeCluster([
      claim(owner),
      helmRevision("istiod", 10, "deployed"),
      helmRevision("istiod", 9, "pending-upgrade"),
      helmRevision("istio-cni", 3, "failed"),
    ]);
    await check(cluster, plane("1.31.1"));
    assert.deepEqual(cluster.said, [
      "the Helm release istio-cni has failed before (revision 3); Helm goes on from there",
    ]);
  });
});
