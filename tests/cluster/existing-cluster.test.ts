import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { ExistingCluster } from "../../components/cluster/existing-cluster";

/** A kubeconfig with which the provider would reach another cluster, or none, is refused before anything is created. */
describe("the kubeconfig of an existing cluster", () => {
  let folder: string;
  const config = (cluster: string) =>
    `apiVersion: v1\nkind: Config\nclusters: [{name: a, cluster: {server: "https://192.0.2.1:6443"${cluster}}}]\n`;

  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-kubeconfig-"));
    await pulumi.runtime.setMocks({
      newResource: ({ name, inputs }) => ({ id: name, state: inputs as object }),
      call: () => ({}),
    });
  });
  after(() => rmSync(folder, { recursive: true }));

  function make(text: string | undefined): ExistingCluster {
    const file = path.join(folder, "config");
    rmSync(file, { force: true });
    if (text !== undefined) writeFileSync(file, text);
    return new ExistingCluster("cluster", {
      settings: { kind: "existing", name: "shared", kubeconfig: { file }, talos: false },
      context: { stack: "test", projectRoot: folder, render: false },
      secrets: {},
    });
  }

  it("is accepted if it names a cluster", async () => {
    const text = config(", certificate-authority: /etc/ca.crt");
    const cluster = make(text);
    const kubeconfig = await new Promise((resolve) => cluster.kubeconfig.apply(resolve));
    assert.equal(kubeconfig, text);
  });

  for (const [what, text] of [
    ["empty", ""],
    ["not YAML", "{"],
    ["without a cluster", "apiVersion: v1\nkind: Config\n"],
  ] as const) {
    it(`is refused when it is ${what}`, () =>
      assert.throws(() => make(text), /is not a kubeconfig: it names no cluster/));
  }

  it("is refused when it cannot be read", () => assert.throws(() => make(undefined), /cannot be read \(ENOENT/));

  it("is refused when it refers to files by relative paths", () =>
    assert.throws(() => make(config(", certificate-authority: ca.crt")), /"ca\.crt" by a relative path.*--flatten/));
});
