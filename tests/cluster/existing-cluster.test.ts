import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { ExistingCluster } from "../../components/cluster/existing-cluster";
import { clusterSettings, kindOf } from "../../components/cluster/kinds";
import { formatPath } from "../../components/shared/problem";

/** A kubeconfig with which the provider would reach another cluster, or none, is refused before anything is created. */
describe("the kubeconfig of an existing cluster", () => {
  let folder: string;
  let file: string;
  const config = (cluster: string) =>
    `apiVersion: v1\nkind: Config\nclusters: [{name: a, cluster: {server: "https://192.0.2.1:6443"${cluster}}}]\n`;

  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-kubeconfig-"));
    file = path.join(folder, "config");
    await pulumi.runtime.setMocks({
      newResource: ({ name, inputs }) => ({ id: name, state: inputs as object }),
      call: () => ({}),
    });
  });
  afterEach(() => rmSync(file, { force: true }));
  after(() => rmSync(folder, { recursive: true }));

  function problems(kubeconfig: object, text?: string, deploys = true): string[] {
    const settings = clusterSettings.parse({ kind: "existing", name: "shared", kubeconfig });
    const secretTexts = new Map(text === undefined ? [] : [["kubeconfig", text]]);
    const stack = { environment: "dev", projectRoot: folder, secretTexts, deploys } as const;
    const found = kindOf(settings).problems?.(settings, stack) ?? assert.fail("the kind has no checks");
    return [...found].map(({ path: at, message }) => `${formatPath(at)}: ${message}`);
  }

  function fileProblems(text: string): string[] {
    writeFileSync(file, text);
    return problems({ file: "config" });
  }

  it("is accepted if it names a cluster", async () => {
    const text = config(", certificate-authority: /etc/ca.crt");
    assert.deepEqual(fileProblems(text), []);
    const cluster = new ExistingCluster("cluster", {
      settings: { kind: "existing", name: "shared", kubeconfig: { file }, talos: false },
      context: { stack: "test", projectRoot: folder, render: false },
      secrets: {},
    });
    const kubeconfig = await new Promise((resolve) => cluster.kubeconfig.apply(resolve));
    assert.equal(kubeconfig, text);
  });

  for (const [what, text] of [
    ["empty", ""],
    ["not YAML", "{"],
    ["without a cluster", "apiVersion: v1\nkind: Config\n"],
  ] as const) {
    it(`is refused when it is ${what}, in a file and in a secret`, () => {
      const message = "is not a kubeconfig: it has no cluster";
      assert.deepEqual(fileProblems(text), [`talos-mesh:cluster.kubeconfig.file: ${message}`]);
      const secret = problems({ secret: "kubeconfig" }, text);
      assert.deepEqual(secret, [`talos-mesh:cluster.kubeconfig.secret: ${message}`]);
    });
  }

  it("is refused when it cannot be read, by a deployment only", () => {
    assert.match(problems({ file: "nowhere" }).join(), /file: found "nowhere", which cannot be read \(ENOENT\)/);
    assert.deepEqual(problems({ file: "nowhere" }, undefined, false), []);
  });

  it("is refused when it refers to files by relative paths", () =>
    assert.match(
      fileProblems(config(", certificate-authority: ca.crt")).join(),
      /"ca\.crt" by a relative path.*--flatten/,
    ));
});
