import assert from "node:assert/strict";
import path from "node:path";
import { ApiServer } from "../../../components/shared/kubernetes/api-server";
import { Helm } from "../../../embedded/engine/releases";
import { testCluster, type TestCluster } from "../../support/cluster-project";
import { objectsIn, referenceOf, type TestObject } from "./support/objects";
import type { ProgramSettings } from "./support/program";
import { EngineProject } from "./support/project";

const { deployment, base } = objectsIn("releases");

describe("a Helm release of the embedded engine", function () {
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
  const dataOf = async (object: TestObject) => ((await live(object)) as unknown as { data: unknown })?.data;
  const notAsDeployed = async (settings: ProgramSettings) =>
    (await project.status(settings))?.findings
      .filter(({ state }) => state !== "as deployed")
      .map(({ label, state, detail }) => [label, state, detail]);

  const release = (chart: string, description: string) => ({
    objects: base,
    release: { namespace: "releases", chart, values: { a: 1 }, description },
  });
  const template = (color: string) =>
    JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "from-chart" }, data: { color } });
  const fromChart = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "from-chart", namespace: "releases" } };
  const change = async (settings: ProgramSettings) =>
    (await project.deploy(settings)).changes.get("Release releases/demo");
  const secretOf = (revision: number) => ({
    ...{ apiVersion: "v1", kind: "Secret" },
    metadata: { name: `sh.helm.release.v1.demo.v${revision}`, namespace: "releases" },
  });

  it("is installed once, upgraded when its inputs change, and uninstalled when it is not registered any more", async () => {
    const chart = project.chart({
      "Chart.yaml": "apiVersion: v2\nname: demo\nversion: 1.0.0\n",
      "templates/config.yaml": template("blue"),
    });
    assert.equal(await change(release(chart, "first")), "created");
    assert.equal(await change(release(chart, "first")), "unchanged");
    project.chart({ "templates/config.yaml": template("green") });
    assert.deepEqual(await notAsDeployed(release(chart, "second")), [
      ["Release releases/demo", "changed", "its chart or values"],
    ]);
    assert.equal(await change(release(chart, "second")), "updated");
    assert.deepEqual(await dataOf(fromChart), { color: "green" });
    assert.equal(await change(release(chart, "second")), "unchanged");
    assert.equal(await change({ objects: base }), "deleted");
    assert.equal(await live(fromChart), undefined);
  });

  it("that a killed run has left pending is repaired", async () => {
    // An object that Helm waits for, and an immutable one, which it must not create twice.
    const job = { apiVersion: "batch/v1", kind: "Job", metadata: { name: "from-chart" } };
    const container = { name: "job", image: "example.com/job:1" };
    const spec = { template: { spec: { restartPolicy: "Never", containers: [container] } } };
    const web = { ...deployment, metadata: { name: "slow" } };
    const never = { ...web, spec: { ...web.spec, minReadySeconds: 3600, progressDeadlineSeconds: 7200 } };
    const chart = project.chart({
      "Chart.yaml": "apiVersion: v2\nname: demo\nversion: 1.0.0\n",
      "templates/config.yaml": template("blue"),
      "templates/job.yaml": JSON.stringify({ ...job, spec }),
      "templates/web.yaml": JSON.stringify(never),
    });
    const statusOf = async (revision: number) => (await live(secretOf(revision)))?.metadata.labels?.status;
    const killWhilePending = async (description: string, revision: number, pending: string) => {
      const killed = assert.rejects(project.deploy(release(chart, description)));
      while ((await statusOf(revision)) !== pending) await new Promise((resolve) => setTimeout(resolve, 20));
      Helm.killLeftoverProcesses(path.join(project.folder, "kubeconfig"));
      await killed;
      assert.equal(await statusOf(revision), pending);
    };
    await killWhilePending("first", 1, "pending-install");
    project.chart({ "templates/web.yaml": JSON.stringify(web) });
    assert.equal(await change(release(chart, "first")), "created");
    assert.equal(await change(release(chart, "first")), "unchanged");

    project.chart({ "templates/web.yaml": JSON.stringify(never), "templates/config.yaml": template("green") });
    await killWhilePending("second", 2, "pending-upgrade");
    project.chart({ "templates/web.yaml": JSON.stringify(web) });
    assert.equal(await change(release(chart, "second")), "updated");
    assert.equal(await change(release(chart, "second")), "unchanged");
    assert.deepEqual(await dataOf(fromChart), { color: "green" });
  });
});
