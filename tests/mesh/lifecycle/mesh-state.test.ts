import assert from "node:assert/strict";
import { managedBy, verificationManager } from "../../../components/shared/kubernetes/object";
import { meshFindings } from "../../../components/mesh/lifecycle/mesh-state";
import { report } from "../../../cli/commands/proxies";
import { FakeCluster, type Given, injectedPod, istioCni, istiod } from "./fake-cluster";

function namespace(name: string, labels: Readonly<Record<string, string>>): Given {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name, labels } };
}

async function problems(...objects: Given[]): Promise<Record<string, string | undefined>> {
  const { proxies, agents } = await meshFindings(new FakeCluster(objects).server);
  return Object.fromEntries([
    ...proxies.map(({ pod, problem }) => [pod, problem]),
    ...agents.map(({ name, problem }) => [name, problem]),
  ]) as Record<string, string | undefined>;
}

describe("proxies compared with their control planes", () => {
  it("names older ones, and those of a control plane that is gone", async () => {
    assert.deepEqual(
      await problems(
        istiod("1.31.1"),
        injectedPod("current", "default", "1.31.1-distroless"),
        injectedPod("old", "default", "1.30.2"),
        injectedPod("new", "default", "1.32.0"),
        injectedPod("orphan", "1-30-2", "1.30.2"),
        injectedPod("ending", "default", "1.29.0", { deletionTimestamp: "2026-01-01T00:00:00Z" }),
      ),
      {
        current: undefined,
        old: "older than its control plane: restart it",
        new: "newer than its control plane",
        orphan: "there is no control plane 1-30-2: restart it",
      },
    );
  });

  it("names those whose namespace was moved to another control plane, also by a tag", async () => {
    const tag: Given = {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "istiod-revision-tag-prod", labels: { "istio.io/tag": "prod", "istio.io/rev": "1-31-1" } },
    };
    const found = await problems(
      istiod("1.30.2", "1-30-2"),
      istiod("1.31.1", "1-31-1"),
      tag,
      namespace("shop", { "istio.io/rev": "prod" }),
      injectedPod("moved", "1-31-1"),
      injectedPod("left", "1-30-2", "1.30.2"),
    );
    assert.deepEqual(found, { moved: undefined, left: "the namespace requests 1-31-1: restart it" });
  });

  it("finds a waypoint by its label, and a gateway whose image no injector has set", async () => {
    const proxy = (name: string, image: string, labels: Readonly<Record<string, string>>): Given => ({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, namespace: "edge", labels },
      spec: { containers: [{ name: "istio-proxy", image }] },
      status: { conditions: [{ type: "Ready", status: "True" }] },
    });
    const found = await problems(
      istiod("1.31.1", "1-31-1"),
      proxy("waypoint", "istio/proxyv2:1.31.1", { "istio.io/rev": "1-31-1" }),
      proxy("gateway", "auto", { "istio.io/rev": "1-31-1" }),
      proxy("ztunnel-x", "istio/ztunnel:1.29.0", { app: "ztunnel" }),
    );
    assert.deepEqual(found, { waypoint: undefined, gateway: "no injector has set its image (image: auto)" });
  });

  it("leaves out clients of a verification, which are never ready", async () => {
    const client = injectedPod("client", "default", "1.31.1", { labels: { [managedBy]: verificationManager } });
    const found = await meshFindings(new FakeCluster([istiod("1.31.1"), client, injectedPod("own", "default")]).server);
    assert.deepEqual(
      found.proxies.map(({ pod }) => pod),
      ["own"],
    );
  });

  it("names pods that should have a sidecar and have none, and no others", async () => {
    const pod = (name: string, namespace: string, labels = {}, more = {}): Given => ({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, namespace, labels },
      spec: { containers: [{ name: "app" }], ...more },
      status: { phase: "Running" },
    });
    const { bare } = await meshFindings(
      new FakeCluster([
        istiod("1.31.1"),
        namespace("shop", { "istio-injection": "enabled" }),
        namespace("fields", { "istio.io/dataplane-mode": "ambient", "istio.io/rev": "1-31-1" }),
        injectedPod("current", "default"),
        pod("too-early", "shop"),
        pod("declined", "shop", { "sidecar.istio.io/inject": "false" }),
        pod("on-the-node", "shop", {}, { hostNetwork: true }),
        pod("by-its-own-label", "elsewhere", { "sidecar.istio.io/inject": "true" }),
        pod("without-label", "elsewhere"),
        pod("ambient", "fields"),
      ]).server,
    );
    assert.deepEqual(
      bare.map(({ pod }) => pod),
      ["too-early", "by-its-own-label"],
    );
  });

  it("lets agents be one minor version behind the oldest istiod, and never ahead of it", async () => {
    const planes = [istiod("1.30.2", "1-30-2"), istiod("1.31.1", "1-31-1")];
    assert.deepEqual(await problems(...planes, istioCni("1.30.2")), { "istio-cni-node": undefined });
    assert.match((await problems(...planes, istioCni("1.31.1")))["istio-cni-node"] ?? "", /ahead of istiod 1\.30\.2/);
    assert.match((await problems(...planes, istioCni("1.29.0")))["istio-cni-node"] ?? "", /behind istiod 1\.31\.1/);
  });

  it("are a table that ends with how many have a problem", async () => {
    const objects = [istiod("1.31.1"), injectedPod("old", "default", "1.30.2"), injectedPod("current", "default")];
    const lines: string[] = [];
    report(await meshFindings(new FakeCluster(objects).server), { lines: (...texts) => void lines.push(...texts) });
    assert.ok(
      lines.some((line) => /^shop\/old +default +1\.30\.2 +1\.31\.1 +older/.test(line)),
      lines.join("\n"),
    );
    assert.equal(lines.at(-1), "2 pods with a proxy, 1 with a problem.");
  });
});
