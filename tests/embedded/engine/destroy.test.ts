import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import path from "node:path";
import { destroyStack } from "../../../embedded/engine/destroy";
import { ClusterProject, controlPlaneToolsOrSkip } from "../../support/cluster-project";
import { recordingObserver } from "./support/observer";

describe("destroying a stack of the embedded engine", function () {
  this.timeout(60_000);
  before(function () {
    return controlPlaneToolsOrSkip(this);
  });

  it("destroys the cluster with all that is in it, and the stack's folder", async () => {
    const own = new ClusterProject();
    try {
      await own.up();
      const run = { projectRoot: own.root, stack: "dev", observer: recordingObserver() };
      assert.equal(await destroyStack(run), true);
      assert.deepEqual(run.observer.order, ["Cluster demo"]);
      assert.equal(existsSync(path.join(own.root, ".talos-mesh")), false);
      assert.deepEqual(await own.status(), { state: "absent" });
      assert.equal(await destroyStack(run), false);
    } finally {
      await own.remove();
    }
  });
});
