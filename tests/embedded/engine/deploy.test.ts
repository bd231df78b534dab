import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import type { ApplyObject } from "../../../components/shared/kubernetes/api-server";
import { deleteAndWait } from "../../../components/shared/kubernetes/readiness";
import { objectsIn, referenceOf } from "./support/objects";
import type { ProgramSettings } from "./support/program";
import { EngineProject } from "./support/project";
import { engineSuite } from "./support/suite";

const { namespace, configMap, crd, crate, deployment, base } = objectsIn("shop");

describe("the embedded engine on a real control plane", function () {
  this.timeout(60_000);
  const engine = engineSuite();

  const applyAs = (manager: string, object: object) => engine.api.apply(object as ApplyObject, undefined, manager);

  it("deploys everything, changes nothing the second time, and deletes what is not registered any more", async () => {
    const settings: ProgramSettings = { objects: { ...base, crd, crate, deployment }, work: "cat" };
    const first = await engine.project.deploy(settings);
    assert.deepEqual([...new Set(first.changes.values())], ["created"]);
    const status = (await engine.live(deployment))?.status as { availableReplicas?: number };
    assert.equal(status.availableReplicas, 2, "it waits until the replicas are available");

    const second = await engine.project.deploy(settings);
    assert.deepEqual([...new Set(second.changes.values())], ["unchanged"]);
    assert.equal(second.changes.size, first.changes.size);

    const healthy = await engine.project.status(settings);
    assert.equal(healthy?.reachable, true);
    assert.equal(healthy?.findings.length, 5);
    assert.deepEqual([...new Set(healthy?.findings.map(({ state }) => state))], ["as deployed"]);
    assert.deepEqual(healthy?.outputs, { greeting: "hello", kubeconfig: "[secret]" });

    const { order } = await engine.project.deploy({ objects: {} });
    const position = (label: string) => order.indexOf(label);
    assert.ok(position("Crate shop/one") < position("CustomResourceDefinition crates.shop.example.com"));
    assert.ok(position("ConfigMap shop/settings") < position("Namespace shop"));
    for (const object of [crate, crd, deployment, base.settings, base.shop])
      assert.equal(await engine.live(object), undefined);
    assert.equal(
      readFileSync(path.join(engine.project.root, "deleted"), "utf8"),
      "gone\n",
      "the command's delete script ran",
    );
  });

  it("labels what it deploys, and neither selectors nor pod templates", async () => {
    await engine.project.deploy({ objects: { ...base, deployment } });
    const found = await engine.live(deployment);
    assert.equal(found?.metadata.labels?.["talos-mesh/stack"], engine.project.stack);
    assert.ok(!JSON.stringify(found?.spec).includes("talos-mesh/"));
    const pods = await engine.api.list({ apiVersion: "v1", kind: "Pod", namespace: "shop" });
    assert.equal(pods.length, 2);
    for (const { metadata } of pods)
      assert.ok(!JSON.stringify([metadata.labels, metadata.annotations]).includes("mesh/"));
  });

  it("updates what is changed, and repairs what others changed", async () => {
    const settings = { objects: { ...base, settings: configMap("settings", { color: "green" }) } };
    await engine.project.deploy({ objects: base });
    const change = async () => (await engine.project.deploy(settings)).changes.get("ConfigMap shop/settings");
    assert.equal(await change(), "updated");
    assert.deepEqual(await engine.dataOf(base.settings), { color: "green" });

    await applyAs("someone", configMap("settings", { color: "red" }));
    assert.deepEqual(await engine.notAsDeployed(settings), [["ConfigMap shop/settings", "changed", "data.color"]]);
    assert.deepEqual(await engine.dataOf(base.settings), { color: "red" }, "the status changes nothing");
    assert.equal(await change(), "updated");
    assert.deepEqual(await engine.dataOf(base.settings), { color: "green" });

    await engine.api.delete(referenceOf(base.settings));
    assert.deepEqual(await engine.notAsDeployed(settings), [["ConfigMap shop/settings", "missing", undefined]]);
    assert.equal(await change(), "created");
  });

  it("reports the fields that others changed as the API server sees them, and sets nothing back", async () => {
    const shop = { ...namespace, metadata: { name: "shop", labels: { "istio-injection": "enabled" } } };
    // Neither the default of the Service's protocol nor another spelling of a quantity is a change.
    const resources = { limits: { cpu: "1000m", memory: "1024Mi" } };
    const containers = [{ name: "web", image: "example.com/web:1", resources }];
    const { selector, template } = deployment.spec;
    const web = { ...deployment, spec: { selector, template: { ...template, spec: { containers } } } };
    const service = {
      ...{ apiVersion: "v1", kind: "Service", metadata: { name: "web", namespace: "shop" } },
      spec: { selector: { app: "web" }, ports: [{ port: 80 }] },
    };
    const secret = {
      ...{ apiVersion: "v1", kind: "Secret", metadata: { name: "login", namespace: "shop" } },
      stringData: { password: "hunter2" },
    };
    const settings = { objects: { shop, web, service, secret } };
    await engine.project.deploy(settings);
    assert.deepEqual(await engine.notAsDeployed(settings), []);
    await applyAs("someone", { ...shop, metadata: { name: "shop", labels: { "istio-injection": "disabled" } } });
    await applyAs("someone", { ...secret, stringData: { password: "other" } });
    assert.deepEqual(await engine.notAsDeployed(settings), [
      ["Namespace shop", "changed", "metadata.labels.istio-injection"],
      ["Secret shop/login", "changed", "data.password"],
    ]);
    assert.equal((await engine.live(shop))?.metadata.labels?.["istio-injection"], "disabled");
  });

  it("deletes an object that was renamed, after the new one exists, and keeps one that only its program renamed", async () => {
    await engine.project.deploy({ objects: base });
    const renamed = configMap("renamed", { color: "blue" });
    const { notes, order } = await engine.project.deploy({ objects: { ...base, settings: renamed } });
    assert.deepEqual(notes, ["No longer in the program, so deleted: ConfigMap shop/settings."]);
    assert.deepEqual(order.slice(-2), ["ConfigMap shop/renamed", "ConfigMap shop/settings"]);
    assert.equal(await engine.live(base.settings), undefined);
    const uid = (await engine.live(renamed))?.metadata.uid;
    await engine.project.deploy({ objects: { shop: base.shop, other: renamed } });
    assert.equal((await engine.live(renamed))?.metadata.uid, uid);
  });

  it("replaces an object whose changed field cannot be changed", async () => {
    await engine.project.deploy({ objects: { ...base, deployment } });
    const labels = { app: "shop" };
    const spec = {
      ...deployment.spec,
      selector: { matchLabels: labels },
      template: { ...deployment.spec.template, metadata: { labels } },
    };
    const { changes } = await engine.project.deploy({ objects: { ...base, deployment: { ...deployment, spec } } });
    assert.equal(changes.get("Deployment shop/web"), "replaced");
  });

  it("refuses a misspelt field, names it, and continues once it is right", async () => {
    const misspelt = { ...deployment, spec: { ...deployment.spec, replica: 1 } };
    await assert.rejects(
      engine.project.deploy({ objects: { ...base, deployment: misspelt } }),
      /spec\.replica: field not declared in schema/,
    );
    assert.ok(await engine.live(base.settings), "what came before it exists");
    const { changes } = await engine.project.deploy({ objects: { ...base, deployment } });
    assert.equal(changes.get("ConfigMap shop/settings"), "unchanged");
    assert.equal(changes.get("Deployment shop/web"), "created");
  });

  it("deletes nothing after a run that failed", async () => {
    await engine.project.deploy({ objects: { ...base, deployment } });
    const misspelt = { ...base.settings, date: {} };
    await assert.rejects(
      engine.project.deploy({ objects: { shop: base.shop, settings: misspelt } }),
      /field not declared/,
    );
    assert.ok(await engine.live(deployment));
  });

  it("never deletes an object that existed before it", async () => {
    await applyAs("someone", base.shop);
    await engine.project.deploy({ objects: base });
    await engine.project.deploy({ objects: base });
    const { notes } = await engine.project.deploy({ objects: {} });
    assert.deepEqual(notes, ["No longer in the program, so deleted: ConfigMap shop/settings."]);
    assert.ok(await engine.live(base.shop));
    await deleteAndWait(engine.api, referenceOf(base.shop), { timeoutMs: 30_000 });
  });

  it("runs a command again only when its inputs change, with its last output", async () => {
    const objects = {};
    const work = 'echo "ran after [$PULUMI_COMMAND_STDOUT]" | tee -a log';
    await engine.project.deploy({ objects, work });
    await engine.project.deploy({ objects, work });
    await engine.project.deploy({ objects, work: `${work} # changed` });
    const log = readFileSync(path.join(engine.project.root, "log"), "utf8");
    assert.equal(log, "ran after []\nran after [ran after []]\n");
  });

  it("keeps secrets out of every file but the cluster's own", async () => {
    const observer = await engine.project.deploy({ objects: base, work: "cat; echo $PASSWORD" });
    const kubeconfig = readFileSync(engine.cluster.kubeconfig, "utf8");
    const key = /client-key-data: (\S+)/.exec(kubeconfig)?.[1] ?? "";
    assert.ok(key.length > 100);
    for (const [name, text] of engine.project.files()) {
      if (name !== "kubeconfig") assert.ok(!text.includes("correct-horse") && !text.includes(key), name);
    }
    assert.ok(!observer.text().includes("correct-horse"));
  });

  it("is refused while another run works on the stack", async () => {
    const running = engine.project.deploy({ objects: {}, work: "while [ ! -e go-on ]; do sleep 0.05; done" });
    const refused = engine.project.deploy({ objects: {}, work: "touch go-on" });
    await assert.rejects(refused, new RegExp(`Process ${process.pid} is working on this stack already`));
    const other = new EngineProject(engine.cluster.kubeconfig);
    await other.deploy({ objects: {}, work: `touch ${path.join(engine.project.root, "go-on")}` });
    await running;
    await other.remove();
  });
});
