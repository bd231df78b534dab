import assert from "node:assert/strict";
import { ApiServer } from "../../../components/shared/kubernetes/api-server";
import { testCluster, type TestCluster } from "../../support/cluster-project";
import { objectsIn, referenceOf, type TestObject } from "./support/objects";
import { EngineProject } from "./support/project";

const { crd, crate, deployment, base } = objectsIn("interrupted");

describe("a run of the embedded engine that was killed", function () {
  this.timeout(60_000);
  let cluster: TestCluster;
  let api: ApiServer;
  let project: EngineProject;

  before(async function () {
    cluster = await testCluster(this, ["helm"]);
    api = await ApiServer.open({ kubeconfig: cluster.kubeconfig });
  });
  after(() => cluster?.remove());
  beforeEach(() => (project = new EngineProject(cluster.kubeconfig)));
  afterEach(() => project.remove());

  const live = (object: TestObject) => api.get(referenceOf(object));
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
      await project.deployAndKill(settings, event);
      const { changes } = await project.deploy(settings);
      assert.notEqual(changes.get("Deployment interrupted/web"), undefined);
      const again = await project.deploy(settings);
      assert.deepEqual([...new Set(again.changes.values())], ["unchanged"]);
    });
  }

  it("deletes what a killed run has deployed and the program does not register any more", async () => {
    await project.deployAndKill({ objects: { ...base, crd, crate, deployment } }, "started Deployment interrupted/web");
    await project.deploy({ objects: {} });
    for (const object of [crate, crd, deployment, base.shop]) assert.equal(await live(object), undefined);
  });
});
