import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";
import { importTalconfig } from "../../../cli/talhelper/import-talconfig";
import type { TalosClusterSettings } from "../../../components/cluster/kinds";
import { planOf, root, stackCluster, talosSettings } from "../../cluster/talos/config/plans";

const folder = path.join(root, "tests/fixtures/talhelper/clusters");
const environment = { CLUSTER_DOMAIN: "cluster.example", AUTH_KEY: "key-of-the-test" };

type Imported = ReturnType<typeof importTalconfig>;

function importFile(name: string, over: { environment?: Record<string, string>; text?: string } = {}): Imported {
  const file = path.join(folder, name);
  return importTalconfig({
    file,
    projectRoot: root,
    environment: over.environment ?? environment,
    readFile: (wanted) => (wanted === file && over.text !== undefined ? over.text : readFileSync(wanted, "utf8")),
    withSecrets: false,
  });
}

function clusterOf({ stackFile }: Imported): Record<string, unknown> {
  assert.ok(stackFile !== undefined, "nothing was imported");
  const { config } = parse(stackFile) as { config: Record<string, Record<string, unknown>> };
  return config["talos-mesh:cluster"] ?? {};
}

describe("importing a talconfig", () => {
  it("imports all of the article's, and the settings accept it", () => {
    const imported = importFile("article/talconfig.yaml");
    assert.equal(imported.problem, undefined);
    assert.deepEqual(imported.notes.missing, []);
    assert.deepEqual(imported.notes.lost, []);
    const nodes = (settings: TalosClusterSettings) =>
      planOf(settings).map(({ hostname, genConfigArgs }, index) => ({
        hostname,
        address: settings.nodes[index]?.ipAddress,
        installerImage: genConfigArgs.find((argument) => argument.startsWith("--install-image=")),
      }));
    assert.deepEqual(nodes(talosSettings(clusterOf(imported))), nodes(stackCluster("Pulumi.article.yaml")));
  });

  it("gives a node the name that Talos gives it in Kubernetes, and reports it", () => {
    const file = "article/talconfig.yaml";
    const text = readFileSync(path.join(folder, file), "utf8").replace(/hostname: (\S+)/, "hostname: Rack_1-$1");
    const imported = importFile(file, { text });
    const [, name = ""] = /hostname: (\S+)/.exec(text) ?? [];
    assert.equal(imported.problem, undefined);
    const [node] = clusterOf(imported).nodes as { hostname: string }[];
    assert.equal(node?.hostname, name.replace("Rack_1", "rack-1"));
    const remark = `nodes[0].hostname: here ${node.hostname}, the name of the node in Kubernetes; talhelper writes ${name}`;
    assert.ok(imported.notes.remarks.includes(remark), imported.notes.remarks.join("\n"));
  });

  it("imports every key that has a meaning here, and reports the others", () => {
    const imported = importFile("everything/talconfig.yaml");
    assert.equal(imported.problem, undefined);
    assert.deepEqual(imported.notes.missing, []);
    const expected = path.join(folder, "everything/stack.yaml");
    const { stackFile = "" } = imported;
    assert.equal(stackFile, readFileSync(expected, "utf8"));
  });

  it("reports secrets in plain text and variables, without their values", () => {
    const { remarks } = importFile("everything/talconfig.yaml").notes;
    assert.deepEqual(
      remarks.map((line) => line.split(": ")[0]),
      [
        "${CLUSTER_DOMAIN}",
        "${AUTH_KEY}",
        "nodes[0].machineFiles[0].content",
        "nodes[0].networkInterfaces",
        "nodes[0].ipAddress",
        "nodes[0].networkInterfaces[1].wireguard.privateKey",
        "nodes[0].documents[0].encryption.keys[0].static.passphrase",
        "talos-mesh:mesh",
      ],
    );
    assert.ok(!remarks.join().includes("key-of-the-test") && !remarks.join().includes("topsecret"));
  });

  it("stops at a file that is encrypted with SOPS, and prints how to decrypt it", () => {
    assert.deepEqual(importFile("../encrypted.yaml").notes.missing, [
      "encrypted.yaml: is encrypted with SOPS; decrypt it first: sops -d encrypted.yaml > plain.yaml, and use that file",
    ]);
  });

  it("stops where versions, the name, the endpoint or nodes are missing", () => {
    const { stackFile, notes } = importFile("article/talconfig.yaml", { text: "domain: cluster.local\n" });
    assert.equal(stackFile, undefined);
    assert.deepEqual(
      notes.missing.map((line) => line.split(":")[0]),
      ["clusterName", "talosVersion", "kubernetesVersion", "endpoint", "nodes"],
    );
  });

  it("stops at what is not YAML", () => {
    const { stackFile, notes } = importFile("article/talconfig.yaml", { text: "a: [" });
    assert.equal(stackFile, undefined);
    assert.match(notes.missing.join(), /^talconfig: 1:5: not valid YAML: /);
  });

  it("stops at a file that does not exist", () => {
    const text = readFileSync(path.join(folder, "article/talconfig.yaml"), "utf8").replace(
      "nodes:\n",
      "inlineManifests: [{ name: a, contents: '@nowhere.yaml' }]\nnodes:\n",
    );
    const { stackFile, notes } = importFile("article/talconfig.yaml", { text });
    assert.equal(stackFile, undefined);
    assert.deepEqual(notes.missing, ["@nowhere.yaml: cannot be read; its path is relative to the talconfig"]);
  });

  it("reports what the settings refuse, and gives the stack file to correct", () => {
    const text = readFileSync(path.join(folder, "article/talconfig.yaml"), "utf8").replace("v1.29.1", "v1.36.3");
    const { stackFile, problem } = importFile("article/talconfig.yaml", { text });
    assert.ok(stackFile);
    assert.match(
      problem ?? "",
      /talos-mesh:cluster.kubernetesVersion: Kubernetes v1.36.3 does not go with Talos v1.7.4/,
    );
  });
});
