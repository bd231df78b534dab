import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { EmbeddedCluster } from "../../components/cluster/embedded-cluster";
import { removeCopies } from "../../components/cluster/provider-files";
import { foreseenOutput, lifecycleCommand } from "../../components/shared/lifecycle-command";
import { clusterFiles, clusterFolder, writeRecord } from "../../embedded/cluster/files";

const commandType = "command:local:Command";

/** Whether the output is known in a preview, and its value where it is. */
async function inPreview(output: pulumi.Output<string>): Promise<string | undefined> {
  const { isKnown } = output as unknown as { readonly isKnown: Promise<boolean> };
  return (await isKnown) ? new Promise((resolve) => void output.apply(resolve)) : undefined;
}

/** In a preview of the SDK's mocks, what a resource does not give is unknown, as of one that is created or updated. */
function preview(state: object = {}) {
  return pulumi.runtime.setMocks(
    {
      newResource: ({ name, type, inputs }) => ({
        id: `${name}-id`,
        state: type === commandType ? {} : (inputs as object),
      }),
      call: () => state,
    },
    "talos-mesh",
    "dev",
    true,
  );
}

after(() => pulumi.runtime.setMocks({ newResource: ({ name }) => ({ id: name, state: {} }), call: () => ({}) }));

describe("a preview of an embedded cluster that `up` changes", () => {
  let root: string;
  beforeEach(async () => {
    root = mkdtempSync(path.join(tmpdir(), "talos-mesh-preview-"));
    await preview();
  });
  afterEach(() => rmSync(root, { recursive: true }));

  function deployed(change: object = {}) {
    const files = clusterFiles(root, "dev");
    const record = { owner: "talos-mesh", kwok: files.kwok, stack: "dev", name: "dev", complete: true } as const;
    const pki = path.join(clusterFolder(files.kwok, "dev"), "pki");
    mkdirSync(pki, { recursive: true });
    for (const file of ["ca.crt", "admin.crt", "admin.key"]) writeFileSync(path.join(pki, file), file);
    writeRecord(files, { ...record, kubernetesVersion: "v1.36.3", apiServerPort: 20_000, ...change });
  }

  function kubeconfig() {
    const settings = { kind: "embedded", name: "dev", workers: 3 } as const;
    const context = { stack: "dev", projectRoot: root, render: false };
    const charts = { source: "./charts" } as const;
    return inPreview(
      new EmbeddedCluster("cluster", {
        settings,
        context,
        charts,
        images: { hub: "docker.io/istio", mirrors: {}, digests: {}, pullSecrets: [] },
        environment: "dev",
        secrets: {},
      }).kubeconfig,
    );
  }

  it("knows the kubeconfig, and with it every object, while the data is kept", async () => {
    deployed();
    assert.match((await kubeconfig()) ?? "", /server: https:\/\/127.0.0.1:20000/);
  });

  it("knows it after the project was moved", async () => {
    deployed({ kwok: path.join(root, "earlier", "kwok") });
    assert.match((await kubeconfig()) ?? "", /server/);
  });

  it("does not where the cluster is created: the first time, after an interrupted start, and in a copy of the project", async () => {
    assert.equal(await kubeconfig(), undefined);
    deployed({ complete: false });
    assert.equal(await kubeconfig(), undefined);
    deployed({ kwok: root });
    assert.equal(await kubeconfig(), undefined);
  });
});

describe("a preview in which a kubeconfig is to be fetched again", () => {
  const fetched = () => lifecycleCommand("kubeconfig", { apply: "true" }, {});
  const urn = "urn:pulumi:dev::talos-mesh::command:local:Command::kubeconfig";

  it("has the last one, marked as changed, so that it lists what `up` does", async () => {
    await preview({ outputs: { [urn]: { outputs: { stdout: "apiVersion: v1" } } } });
    assert.equal(await inPreview(foreseenOutput(fetched(), "# again")), "apiVersion: v1\n# again");
  });

  it("has none before the first one", async () => {
    await preview({ outputs: {} });
    assert.equal(await inPreview(foreseenOutput(fetched(), "# again")), undefined);
  });
});

describe("a kubeconfig that the Kubernetes provider has left in TMPDIR", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-files-"));
  after(() => rmSync(folder, { recursive: true }));
  const config = (key: string) => `users:\n- name: a\n  user:\n    client-key-data: ${key}\n`;

  it("is removed, and no other file", () => {
    const files = { kubeconfig1: "ours", kubeconfig2: "theirs", "kubeconfig-mine": "ours" };
    for (const [name, key] of Object.entries(files)) writeFileSync(path.join(folder, name), config(key));
    writeFileSync(path.join(folder, "kubeconfig3"), "users: []\n");
    removeCopies(config("ours"), folder);
    const left = Object.keys(files).filter((name) => name !== "kubeconfig1");
    for (const name of [...left, "kubeconfig3"]) assert.ok(existsSync(path.join(folder, name)), name);
    assert.ok(!existsSync(path.join(folder, "kubeconfig1")));
  });
});
