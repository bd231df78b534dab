import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { ApiServer, type ApplyObject } from "../../../components/shared/kubernetes/api-server";
import { controlPlaneToolsOrSkip, ClusterProject } from "../../support/cluster-project";
import type { ProgramSettings } from "./support/program";
import { RunnerProject } from "./support/project";
import { proxyTo } from "./support/proxy";

const namespace = (name: string) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } });
const configMap = (name: string, data: Record<string, string>) => ({
  ...{ apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "shop" } },
  data,
});
const crd = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "crates.example.com" },
  spec: {
    group: "example.com",
    names: { kind: "Crate", plural: "crates" },
    scope: "Namespaced",
    versions: [
      {
        ...{ name: "v1", served: true, storage: true },
        schema: {
          openAPIV3Schema: {
            type: "object",
            properties: { spec: { type: "object", properties: { size: { type: "integer" } } } },
          },
        },
      },
    ],
  },
};
const crate = {
  apiVersion: "example.com/v1",
  kind: "Crate",
  metadata: { name: "one", namespace: "shop" },
  spec: { size: 3 },
};
const deployment = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "web", namespace: "shop" },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: "web" } },
    template: {
      metadata: { labels: { app: "web" } },
      spec: { containers: [{ name: "web", image: "example.com/web:1" }] },
    },
  },
};
const base = { shop: namespace("shop"), settings: configMap("settings", { color: "blue" }) };

describe("the embedded runner on a real control plane", function () {
  this.timeout(60_000);
  let lab: ClusterProject;
  let api: ApiServer;
  let project: RunnerProject;

  before(async function () {
    await controlPlaneToolsOrSkip(this, ["helm"]);
    lab = new ClusterProject();
    api = await ApiServer.open({ kubeconfig: (await lab.up()).stdout });
  });
  after(() => lab?.remove());
  beforeEach(() => (project = new RunnerProject(path.join(lab.folder, "kubeconfig"))));
  afterEach(async () => {
    await project.destroy();
    project.remove();
  });

  const live = ({
    apiVersion,
    kind,
    metadata,
  }: {
    apiVersion: string;
    kind: string;
    metadata: { name: string; namespace?: string };
  }) => api.get({ apiVersion, kind, ...metadata });
  const dataOf = async (object: ReturnType<typeof configMap>) =>
    ((await live(object)) as unknown as { data: unknown })?.data;

  it("makes everything, changes nothing the second time, and leaves nothing after a destroy", async () => {
    const settings: ProgramSettings = { objects: { ...base, crd, crate, deployment }, work: "cat" };
    const first = await project.apply(settings);
    assert.deepEqual([...new Set(first.changes.values())], ["created"]);
    const status = (await live(deployment))?.status as { availableReplicas?: number };
    assert.equal(status.availableReplicas, 2, "it waits until the replicas are available");

    const before = project.state();
    const second = await project.apply(settings);
    assert.deepEqual([...new Set(second.changes.values())], ["unchanged"]);
    assert.equal(project.state(), before);

    const healthy = await project.status();
    assert.equal(healthy?.reachable, true);
    assert.deepEqual([...new Set(healthy?.findings.map(({ state }) => state))], ["as deployed"]);
    assert.deepEqual(healthy?.outputs, { greeting: "hello", kubeconfig: "[secret]" });

    const destroyed = await project.destroy();
    const position = (label: string) => destroyed.order.indexOf(label);
    assert.ok(position("Crate shop/one") < position("CustomResourceDefinition crates.example.com"));
    assert.ok(position("ConfigMap shop/settings") < position("Namespace shop"));
    assert.equal(destroyed.order.at(-1), "Command cluster", "the cluster goes last");
    for (const object of [crate, crd, deployment, base.settings, base.shop])
      assert.equal(await live(object), undefined);
    assert.deepEqual([...project.files().keys()], []);
    assert.equal(readFileSync(path.join(project.root, "deleted"), "utf8"), "gone\n");
  });

  it("updates what is changed, repairs what others changed, and deletes what is no longer asked for", async () => {
    await project.apply({ objects: base });
    const green = configMap("settings", { color: "green" });
    assert.equal(
      (await project.apply({ objects: { ...base, settings: green } })).changes.get("ConfigMap shop/settings"),
      "updated",
    );
    assert.deepEqual(await dataOf(green), { color: "green" });

    const before = await live(green);
    assert.ok(before);
    // As another manager would: the field is taken over.
    await api.apply(
      { ...green, data: { color: "red" }, metadata: { ...green.metadata } } as unknown as ApplyObject,
      undefined,
      "someone",
    );
    const drifted = await project.status();
    assert.deepEqual(
      drifted?.findings.filter(({ state }) => state !== "as deployed").map(({ label, state }) => [label, state]),
      [["ConfigMap shop/settings", "changed"]],
    );
    assert.equal(
      (await project.apply({ objects: { ...base, settings: green } })).changes.get("ConfigMap shop/settings"),
      "updated",
    );
    assert.deepEqual(await dataOf(green), { color: "green" });

    const without = await project.apply({ objects: { shop: base.shop } });
    assert.deepEqual(without.notes, ["No longer in the program, so deleted: ConfigMap shop/settings."]);
    assert.equal(await live(green), undefined);
    assert.ok(await live(base.shop));
  });

  it("deletes an object that was renamed, after the new one stands, and keeps one that only its program renamed", async () => {
    await project.apply({ objects: base });
    await project.apply({ objects: { ...base, settings: configMap("renamed", { color: "blue" }) } });
    assert.equal(await live(base.settings), undefined);
    const renamed = configMap("renamed", { color: "blue" });
    const uid = (await live(renamed))?.metadata.uid;
    await project.apply({ objects: { shop: base.shop, other: renamed } });
    assert.equal((await live(renamed))?.metadata.uid, uid);
  });

  it("replaces an object whose changed field cannot be changed", async () => {
    await project.apply({ objects: { ...base, deployment } });
    const labels = { app: "shop" };
    const spec = {
      ...deployment.spec,
      selector: { matchLabels: labels },
      template: { ...deployment.spec.template, metadata: { labels } },
    };
    const { changes } = await project.apply({ objects: { ...base, deployment: { ...deployment, spec } } });
    assert.equal(changes.get("Deployment shop/web"), "replaced");
  });

  it("refuses a misspelt field, says which, and goes on once it is right", async () => {
    const misspelt = { ...deployment, spec: { ...deployment.spec, replica: 1 } };
    await assert.rejects(
      project.apply({ objects: { ...base, deployment: misspelt } }),
      /spec\.replica: field not declared in schema/,
    );
    assert.ok(await live(base.settings), "what came before it is there");
    const { changes } = await project.apply({ objects: { ...base, deployment } });
    assert.equal(changes.get("ConfigMap shop/settings"), "unchanged");
    assert.equal(changes.get("Deployment shop/web"), "created");
  });

  it("leaves an object that was there before it", async () => {
    await api.apply(namespace("shop") as unknown as ApplyObject, undefined, "someone");
    await project.apply({ objects: base });
    const { notes } = await project.destroy();
    assert.deepEqual(notes, ["Namespace shop is kept: it was there before this stack."]);
    assert.ok(await live(base.shop));
    await api.delete({ apiVersion: "v1", kind: "Namespace", name: "shop" });
  });

  it("keeps secrets out of every file but the cluster's own", async () => {
    const settings = { objects: base, work: "cat; echo $PASSWORD" };
    const observer = await project.apply(settings);
    const key = /client-key-data: (\S+)/.exec(readFileSync(path.join(lab.folder, "kubeconfig"), "utf8"))?.[1] ?? "";
    assert.ok(key.length > 100);
    for (const [name, text] of project.files()) {
      assert.ok(!text.includes("correct-horse") && !text.includes(key), `${name} holds a secret`);
    }
    assert.ok(!observer.text().includes("correct-horse"));
  });

  it("continues where it was killed, whatever it was doing, and a destroy takes away what is there", async () => {
    const objects = { ...base, crd, crate, deployment };
    const kill = async (moment: RegExp) => {
      const killed = await project.applyAndKill({ objects }, () => moment.test(project.state()));
      assert.ok(killed, `it was done before ${moment}`);
    };
    // In the first command, with an object applied and not recorded, and with everything but the last one there.
    for (const moment of [/"intended"/, /"objectKind": "Namespace"/, /"objectKind": "Deployment"/]) {
      await kill(moment);
      const { changes } = await project.apply({ objects });
      assert.equal(changes.get("Deployment shop/web") === undefined, false);
      assert.deepEqual([...new Set((await project.apply({ objects })).changes.values())], ["unchanged"]);
      await project.destroy();
    }
    await kill(/"objectKind": "Crate"/);
    await project.destroy();
    for (const object of [crate, crd, deployment, base.shop]) assert.equal(await live(object), undefined);
  });

  it("installs a release once, upgrades it when its chart changes, and mends one that a kill left pending", async () => {
    const template = (color: string) =>
      JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "from-chart" }, data: { color } });
    const chart = project.chart({
      "Chart.yaml": "apiVersion: v2\nname: demo\nversion: 1.0.0\n",
      "templates/config.yaml": template("blue"),
    });
    const settings = { objects: base, release: { chart, values: { a: 1 } } };
    const change = async () => (await project.apply(settings)).changes.get("Release default/demo");
    assert.equal(await change(), "created");
    assert.equal(await change(), "unchanged");
    project.chart({ "templates/config.yaml": template("green") });
    assert.equal(await change(), "updated");

    const pending = { apiVersion: "v1", kind: "Secret", namespace: "default", name: "sh.helm.release.v1.demo.v2" };
    const secret = await api.get(pending);
    assert.equal(secret?.metadata.labels?.status, "deployed");
    const labels = { ...secret.metadata.labels, status: "pending-upgrade" };
    await api.apply(
      {
        apiVersion: "v1",
        kind: "Secret",
        metadata: { name: pending.name, namespace: "default", labels },
      } as unknown as ApplyObject,
      undefined,
      "someone",
    );
    assert.equal(await change(), "updated");
    assert.equal(await change(), "unchanged");
    await project.destroy();
    assert.equal(
      await api.get({ apiVersion: "v1", kind: "ConfigMap", namespace: "default", name: "from-chart" }),
      undefined,
    );
  });

  it("does not wait for a cluster that is gone when the stack deletes the cluster anyway", async () => {
    const kubeconfig = readFileSync(path.join(lab.folder, "kubeconfig"), "utf8");
    const file = path.join(project.root, "through-proxy");
    const proxy = await proxyTo(Number(/127\.0\.0\.1:(\d+)/.exec(kubeconfig)?.[1]));
    const behind = new RunnerProject(file);
    try {
      writeFileSync(file, kubeconfig.replace(/(127\.0\.0\.1):\d+/, `$1:${proxy.port}`));
      await behind.apply({ objects: base });
      await proxy.close();
      assert.equal((await behind.status())?.reachable, false);
      const { notes, order } = await behind.destroy();
      assert.deepEqual(notes, ["The cluster does not answer; the 2 resources inside go with it."]);
      assert.deepEqual(order, ["Command cluster"]);
      assert.deepEqual([...behind.files().keys()], []);
    } finally {
      await proxy.close();
      behind.remove();
      await api.delete({ apiVersion: "v1", kind: "Namespace", name: "shop" });
    }
  });
});
