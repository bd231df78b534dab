import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { ResourceHookBinding } from "@pulumi/pulumi";
import { ApiError } from "../../components/shared/kubernetes/errors";
import { Layer } from "../../components/shared/layer";
import { beforeCreate, beforeUpdate, begunIn } from "../../components/shared/recovery";
import { runStack } from "../support/program";

const istiod = { type: "kubernetes:helm.sh/v3:Release", newInputs: { name: "istiod", namespace: "istio-system" } };
const shop = {
  type: "kubernetes:core/v1:Namespace",
  newInputs: { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } },
};

/** A cluster with a release of these statuses, oldest first, and one namespace. */
function scene({ statuses = [], begun = [] }: { statuses?: string[]; begun?: string[] }) {
  const records = statuses.map((status, index) => ({
    metadata: { labels: { name: "istiod", version: String(index + 1), status } },
  }));
  const [deleted, urns] = [[] as string[], new Set(begun)];
  const server = {
    list: () => Promise.resolve(records as never),
    get: ({ name }: { name: string }) =>
      Promise.resolve(name === "shop" ? ({ metadata: { name } } as never) : undefined),
    delete: ({ name }: { name: string }) => Promise.resolve(Boolean(deleted.push(name))),
  };
  return { server: () => Promise.resolve(server), begun: urns, deleted };
}

describe("a Helm release", () => {
  it("is installed again where a run was killed while Helm installed it, or before it was recorded", async () => {
    for (const status of ["pending-install", "failed", "deployed", "uninstalling"]) {
      const killed = scene({ statuses: [status], begun: ["istiod"] });
      await beforeCreate({ urn: "istiod", ...istiod }, killed);
      assert.deepEqual(killed.deleted, ["sh.helm.release.v1.istiod.v1"]);
    }
  });

  it("is refused where others have installed it, or it is about to be replaced", async () => {
    for (const status of ["pending-install", "deployed"]) {
      const foreign = scene({ statuses: [status], begun: ["another"] });
      const message = /Helm release istio-system\/istiod exists .*helm -n istio-system uninstall istiod/;
      await assert.rejects(beforeCreate({ urn: "istiod", ...istiod }, foreign), message);
      assert.deepEqual(foreign.deleted, []);
    }
  });

  it("goes back to its last revision where a run was killed while Helm upgraded it", async () => {
    for (const status of ["pending-upgrade", "pending-rollback"]) {
      const killed = scene({ statuses: ["superseded", "deployed", status] });
      await beforeUpdate({ urn: "istiod", ...istiod }, killed);
      assert.deepEqual(killed.deleted, ["sh.helm.release.v1.istiod.v3"]);
    }
  });
});

describe("an object", () => {
  it("is taken over where a run was killed while it created it", () =>
    beforeCreate({ urn: "shop", ...shop }, scene({ begun: ["shop"] })));

  it("is refused where this stack has not begun to create it", async () => {
    const message = /Namespace shop exists .*\(kubectl delete Namespace shop\).*pulumi import \S+:Namespace NAME shop/;
    await assert.rejects(beforeCreate({ urn: "shop", ...shop }, scene({})), message);
  });

  it("is remembered before it is created", async () => {
    const { begun, ...rest } = scene({});
    const metadata = { name: "web", namespace: "shop" };
    const created = { urn: "web", type: "kubernetes:core/v1:Service", newInputs: { ...shop.newInputs, metadata } };
    await beforeCreate(created, { begun, ...rest });
    assert.ok(begun.has("web"));
  });

  it("is left to the provider where the login may not read it", async () => {
    const forbidden = () => Promise.reject(new ApiError(403, "forbidden"));
    const server = () => Promise.resolve({ get: forbidden, list: forbidden, delete: forbidden });
    for (const operation of [shop, istiod]) {
      await beforeCreate({ urn: "u", ...operation }, { server, begun: new Set<string>() });
    }
  });

  it("is no matter of resources outside the cluster", async () => {
    const server = () => assert.fail("no cluster is needed");
    await beforeCreate({ urn: "u", type: "command:local:Command" }, { server, begun: new Set<string>() });
  });
});

describe("the list of what runs have begun to create", () => {
  const root = mkdtempSync(path.join(tmpdir(), "talos-mesh-recovery-"));
  after(() => rmSync(root, { recursive: true }));

  it("outlives the run, and leaves nothing behind once a run has ended well", () => {
    begunIn(root, "dev").add("istiod");
    const next = begunIn(root, "dev");
    assert.ok(next.has("istiod") && !next.has("shop"));
    next.forget();
    assert.ok(!begunIn(root, "dev").has("istiod"));
    assert.ok(!existsSync(path.join(root, ".talos-mesh")));
  });

  it("has everything where the user says that a run in another folder was killed", () => {
    const begun = begunIn(root, "dev");
    assert.ok(!begun.has("istiod"));
    process.env.TALOS_MESH_TAKE_OVER = "1";
    try {
      assert.ok(begun.has("istiod"));
    } finally {
      delete process.env.TALOS_MESH_TAKE_OVER;
    }
  });
});

describe("the resources of a cluster", () => {
  it("are taken over by the provider, on every kind of cluster", async () => {
    for (const stack of ["dev", "staging", "production"]) {
      const provider = (await runStack({ stack })).one("pulumi:providers:kubernetes");
      // Inputs of providers are strings on the wire.
      assert.equal(String(provider.inputs.upsertExistingObjects), "true");
    }
  });

  it("have the hooks of their layer, and those of the layers in it", () => {
    class Outer extends Layer {
      readonly options = this.after();
      constructor(hooks: ResourceHookBinding) {
        super("talos-mesh:test:Outer", "outer", { hooks });
      }
    }
    const hooks = { beforeCreate: [] };
    assert.equal(new Outer(hooks).options.hooks, hooks);
  });
});
