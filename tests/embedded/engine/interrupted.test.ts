import assert from "node:assert/strict";
import { objectsIn } from "./support/objects";
import { engineSuite } from "./support/suite";

const { crd, crate, deployment, base } = objectsIn("interrupted");

describe("a run of the embedded engine that was killed", function () {
  this.timeout(60_000);
  const engine = engineSuite();

  const events = [
    "finished Command cluster",
    "started Command work",
    "started Namespace interrupted",
    "started Crate interrupted/one",
    "started Deployment interrupted/web",
  ];
  for (const event of events) {
    it(`continues after it was killed at "${event}"`, async () => {
      const settings = { objects: { ...base, crd, crate, deployment }, work: "cat" };
      await engine.project.deployAndKill(settings, event);
      const { changes } = await engine.project.deploy(settings);
      assert.notEqual(changes.get("Deployment interrupted/web"), undefined);
      const again = await engine.project.deploy(settings);
      assert.deepEqual([...new Set(again.changes.values())], ["unchanged"]);
    });
  }

  it("deletes what a killed run has deployed and the program does not register any more", async () => {
    await engine.project.deployAndKill(
      { objects: { ...base, crd, crate, deployment } },
      "started Deployment interrupted/web",
    );
    await engine.project.deploy({ objects: {} });
    for (const object of [crate, crd, deployment, base.shop]) assert.equal(await engine.live(object), undefined);
  });
});
