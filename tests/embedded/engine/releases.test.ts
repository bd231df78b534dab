import assert from "node:assert/strict";
import path from "node:path";
import { Helm } from "../../../embedded/engine/releases";
import { objectsIn } from "./support/objects";
import type { ProgramSettings } from "./support/program";
import { engineSuite } from "./support/suite";

const { deployment, base } = objectsIn("releases");

describe("a Helm release of the embedded engine", function () {
  this.timeout(60_000);
  const engine = engineSuite();

  const release = (chart: string, description: string) => ({
    objects: base,
    release: { namespace: "releases", chart, values: { a: 1 }, description },
  });
  const template = (color: string) =>
    JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "from-chart" }, data: { color } });
  const fromChart = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "from-chart", namespace: "releases" } };
  const change = async (settings: ProgramSettings) =>
    (await engine.project.deploy(settings)).changes.get("Release releases/demo");
  const secretOf = (revision: number) => ({
    ...{ apiVersion: "v1", kind: "Secret" },
    metadata: { name: `sh.helm.release.v1.demo.v${revision}`, namespace: "releases" },
  });

  it("is installed once, upgraded when its inputs change, and uninstalled when it is not registered any more", async () => {
    const chart = engine.project.chart({
      "Chart.yaml": "apiVersion: v2\nname: demo\nversion: 1.0.0\n",
      "templates/config.yaml": template("blue"),
    });
    assert.equal(await change(release(chart, "first")), "created");
    assert.equal(await change(release(chart, "first")), "unchanged");
    engine.project.chart({ "templates/config.yaml": template("green") });
    assert.deepEqual(await engine.notAsDeployed(release(chart, "second")), [
      ["Release releases/demo", "changed", "its chart or values"],
    ]);
    assert.equal(await change(release(chart, "second")), "updated");
    assert.deepEqual(await engine.dataOf(fromChart), { color: "green" });
    assert.equal(await change(release(chart, "second")), "unchanged");
    assert.equal(await change({ objects: base }), "deleted");
    assert.equal(await engine.live(fromChart), undefined);
  });

  it("that a killed run has left pending is repaired", async () => {
    // An object that Helm waits for, and an immutable one, which it must not create twice.
    const job = { apiVersion: "batch/v1", kind: "Job", metadata: { name: "from-chart" } };
    const container = { name: "job", image: "example.com/job:1" };
    const spec = { template: { spec: { restartPolicy: "Never", containers: [container] } } };
    const web = { ...deployment, metadata: { name: "slow" } };
    const never = { ...web, spec: { ...web.spec, minReadySeconds: 3600, progressDeadlineSeconds: 7200 } };
    const chart = engine.project.chart({
      "Chart.yaml": "apiVersion: v2\nname: demo\nversion: 1.0.0\n",
      "templates/config.yaml": template("blue"),
      "templates/job.yaml": JSON.stringify({ ...job, spec }),
      "templates/web.yaml": JSON.stringify(never),
    });
    const statusOf = async (revision: number) => (await engine.live(secretOf(revision)))?.metadata.labels?.status;
    const killWhilePending = async (description: string, revision: number, pending: string) => {
      const killed = assert.rejects(engine.project.deploy(release(chart, description)));
      while ((await statusOf(revision)) !== pending) await new Promise((resolve) => setTimeout(resolve, 20));
      Helm.killLeftoverProcesses(path.join(engine.project.folder, "kubeconfig"));
      await killed;
      assert.equal(await statusOf(revision), pending);
    };
    await killWhilePending("first", 1, "pending-install");
    engine.project.chart({ "templates/web.yaml": JSON.stringify(web) });
    assert.equal(await change(release(chart, "first")), "created");
    assert.equal(await change(release(chart, "first")), "unchanged");

    engine.project.chart({ "templates/web.yaml": JSON.stringify(never), "templates/config.yaml": template("green") });
    await killWhilePending("second", 2, "pending-upgrade");
    engine.project.chart({ "templates/web.yaml": JSON.stringify(web) });
    assert.equal(await change(release(chart, "second")), "updated");
    assert.equal(await change(release(chart, "second")), "unchanged");
    assert.deepEqual(await engine.dataOf(fromChart), { color: "green" });
  });
});
