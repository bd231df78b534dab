import assert from "node:assert/strict";
import { parse } from "yaml";
import { runProgram, type Registration } from "../../../embedded/program/run-program";
import { documents, renderHost, secretPlaceholder } from "../../../cli/render/documents";
import { projectRoot } from "../../support/program";
import { writeStackFile } from "../../embedded/program/stack-files";

function object(name: string, inputs: Record<string, unknown>, type = "kubernetes:core/v1:ConfigMap"): Registration {
  return {
    urn: `urn:pulumi:test::talos-mesh::${type}::${name}`,
    type,
    name,
    custom: true,
    inputs,
    dependencies: [],
    propertyDependencies: {},
    protect: false,
    additionalSecretOutputs: [],
    ignoreChanges: [],
  };
}

const configMap = (name: string, more: Record<string, unknown> = {}): Record<string, unknown> => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace: "here" },
  ...more,
});

const rendered = (...registrations: Registration[]): ReturnType<typeof documents> =>
  documents({ registrations, outputs: {} });

async function renderProgram(program: string, config: Record<string, unknown>): Promise<ReturnType<typeof documents>> {
  const result = await runProgram({
    projectRoot,
    stack: "test",
    configFile: writeStackFile({ config }),
    main: `tests/fixtures/programs/${program}.ts`,
    host: renderHost,
    preview: true,
    secretValue: secretPlaceholder,
  });
  return documents(result);
}

describe("rendered documents", () => {
  it("are named by group, kind, namespace and name", () => {
    const files = rendered(
      object("a", configMap("settings")),
      object("b", { apiVersion: "v1", kind: "Namespace", metadata: { name: "here" } }),
      object("c", {
        apiVersion: "rbac.authorization.k8s.io/v1",
        kind: "ClusterRole",
        metadata: { name: "system:Node" },
      }),
      object("d", { apiVersion: "v1", kind: "ConfigMap", metadata: {} }),
    );
    assert.deepEqual(
      [...files.keys()].filter((file) => file.endsWith(".yaml")),
      [
        "core_configmap_here_settings.yaml",
        "core_namespace_here.yaml",
        "rbac.authorization.k8s.io_clusterrole_system-node.yaml",
        "core_configmap_d.yaml",
      ],
    );
  });

  it("refuse two objects of one name, naming the second", () => {
    assert.throws(() => rendered(object("a", configMap("same")), object("b", configMap("same"))), {
      name: "UserError",
      message: /core_configmap_here_same\.yaml.*::b$/,
    });
  });

  it("sort keys, and quote what kubectl's YAML 1.1 would read as something else", () => {
    const files = rendered(
      object("a", configMap("x", { data: { b: "yes", a: "012", c: "1:30", d: "on", e: "plain" } })),
    );
    const text = files.get("core_configmap_here_x.yaml") ?? "";
    assert.match(
      text,
      /^apiVersion: v1\ndata:\n {2}a: "012"\n {2}b: "yes"\n {2}c: "1:30"\n {2}d: "on"\n {2}e: plain\nkind:/,
    );
    assert.doesNotMatch(text, /%YAML/);
    assert.deepEqual((parse(text, { version: "1.1" }) as { data: unknown }).data, {
      b: "yes",
      a: "012",
      c: "1:30",
      d: "on",
      e: "plain",
    });
  });

  it("hide the data of a Secret even when the program did not mark it", () => {
    const files = rendered(
      object("s", { apiVersion: "v1", kind: "Secret", metadata: { name: "s" }, stringData: { key: "hunter2" } }),
    );
    const text = files.get("core_secret_s.yaml") ?? "";
    assert.match(text, /key: "?\[secret s\.stringData\.key\]"?/);
    assert.doesNotMatch([...files.values()].join(), /hunter2/);
  });

  it("list releases and commands, and show what no file is meant for", () => {
    const files = rendered(
      object(
        "z",
        {
          name: "istiod",
          namespace: "n",
          chart: "istiod",
          version: "1",
          repositoryOpts: { repo: "https://r" },
          values: { b: 1, a: 2 },
        },
        "kubernetes:helm.sh/v3:Release",
      ),
      object("b", { create: "make", stdin: "in" }, "command:local:Command"),
      object("a", { create: "first" }, "command:local:Command"),
      object("o", { length: 8 }, "random:index:Password"),
    );
    assert.deepEqual(JSON.parse(files.get("releases.json") ?? ""), [
      {
        resource: "z",
        name: "istiod",
        namespace: "n",
        chart: "istiod",
        version: "1",
        repo: "https://r",
        values: { a: 2, b: 1 },
      },
    ]);
    assert.deepEqual(JSON.parse(files.get("commands.json") ?? ""), [
      { resource: "a", create: "first" },
      { resource: "b", create: "make", stdin: "in" },
    ]);
    assert.deepEqual(JSON.parse(files.get("others.json") ?? ""), [
      { resource: "o", type: "random:index:Password", inputs: { length: 8 } },
    ]);
  });

  it("show encrypted settings by name, also inside longer texts, and never their ciphertext", async () => {
    const files = await renderProgram("details", { "talos-mesh:token": { secure: "v1:ciphertext" } });
    const map = parse(files.get("core_configmap_map.yaml") ?? "") as { data: Record<string, string> };
    assert.deepEqual(map.data, { plain: "yes", token: "Bearer [secret token]" });
    assert.match(files.get("commands.json") ?? "", /"stdin": "\[secret token\]"/);
    assert.doesNotMatch([...files.values()].join(), /ciphertext/);
  });

  it("show a secret without a name of its own by the place it is used at", async () => {
    const files = await renderProgram("secret-in-code", {});
    const text = [...files.values()].join("\n");
    assert.doesNotMatch(text, /hunter2|12345/);
    assert.match(text, /"PASSWORD": "\[secret uses-secrets\.environment\.PASSWORD\]"/);
    assert.match(text, /"stdin": "\[secret uses-secrets\.stdin\]"/);
    assert.match(text, /"password": "\[secret outputs\.password\]"/);
  });

  it("show what only a deployment can know by where it comes from", async () => {
    const files = await renderProgram("ordered", {});
    const commands = JSON.parse(files.get("commands.json") ?? "") as { resource: string; create: string }[];
    assert.equal(commands.find(({ resource }) => resource === "through-output")?.create, "${source.stdout}");
  });
});
