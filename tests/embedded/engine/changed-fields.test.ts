import assert from "node:assert/strict";
import { ApiServer, type ApplyObject } from "../../../components/shared/kubernetes/api-server";
import { type Expected, inspect } from "../../../embedded/engine/inspect";
import { deleteObject } from "../../../embedded/engine/objects";
import { controlPlaneToolsOrSkip, ClusterProject } from "../../support/cluster-project";

describe("the status of deployed objects", function () {
  this.timeout(60_000);
  let lab: ClusterProject;
  let api: ApiServer;

  before(async function () {
    await controlPlaneToolsOrSkip(this);
    lab = new ClusterProject();
    api = await ApiServer.open({ kubeconfig: (await lab.up()).stdout });
  });
  after(() => lab?.remove());

  it("says which fields others have changed, as the API server sees them, and sets nothing back", async () => {
    const labels = { "istio-injection": "enabled" };
    const bare = { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" }, spec: {} };
    const shop = { ...bare, metadata: { ...bare.metadata, labels } };
    // Neither the default of the Service's protocol nor another spelling of a quantity is a change.
    const container = { name: "web", image: "example.com/web:1" };
    const resources = { limits: { cpu: "1000m", memory: "1024Mi" } };
    const web = {
      ...{ apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "web", namespace: "shop" } },
      spec: {
        selector: { matchLabels: { app: "web" } },
        template: { metadata: { labels: { app: "web" } }, spec: { containers: [{ ...container, resources }] } },
      },
    };
    const service = {
      ...{ apiVersion: "v1", kind: "Service", metadata: { name: "web", namespace: "shop" } },
      spec: { selector: { app: "web" }, ports: [{ port: 80 }] },
    };
    const secret = {
      ...{ apiVersion: "v1", kind: "Secret", metadata: { name: "login", namespace: "shop" } },
      stringData: { password: "hunter2" },
    };
    const expected = [shop, web, service, secret].map((object): Expected => {
      const { apiVersion, kind, metadata } = object;
      const { name, namespace } = metadata as { name: string; namespace?: string };
      const label = `${kind} ${namespace === undefined ? name : `${namespace}/${name}`}`;
      const target = { kind: "object", apiVersion, objectKind: kind, name, namespace } as const;
      return { layer: "apps", label, target, deployed: object as unknown as ApplyObject };
    });
    const findings = async () =>
      (await inspect(api, expected))
        .filter(({ state }) => state !== "as deployed")
        .map(({ label, state, detail }) => [label, state, detail]);
    try {
      for (const object of [shop, web, service, secret])
        await api.apply(object as unknown as ApplyObject, undefined, "pulumi");
      assert.deepEqual(await findings(), []);
      // Without the label, the manager that had set it takes it away.
      await api.apply(bare, undefined, "pulumi");
      await api.apply({ ...secret, stringData: { password: "other" } } as unknown as ApplyObject, undefined, "someone");
      assert.deepEqual(await findings(), [
        ["Namespace shop", "changed", "metadata.labels.istio-injection"],
        ["Secret shop/login", "changed", "data.password"],
      ]);
      const left = await api.get({ apiVersion: "v1", kind: "Namespace", name: "shop" });
      assert.ok(!("istio-injection" in (left?.metadata.labels ?? {})));
    } finally {
      await deleteObject(api, { apiVersion: "v1", kind: "Namespace", name: "shop" }, { timeoutMs: 30_000 });
    }
  });
});
