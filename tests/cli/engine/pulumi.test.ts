import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { EngineEvent } from "@pulumi/pulumi/automation/index.js";
import { parse, stringify } from "yaml";
import type { Model } from "../../../components/model/model";
import { confirmation } from "../../../cli/engine/pulumi";
import { clusterAccess, failure, queryProblem } from "../../../cli/engine/pulumi-cli";
import { eventsOf, findingsOf } from "../../../cli/engine/pulumi-events";
import { accessOf } from "../../../cli/engine/pulumi-recovery";
import { prepareWorkspace, removeOwnBackend, workspaceOf } from "../../../cli/engine/pulumi-workspace";

describe("the Pulumi CLI's workspace", () => {
  let projectRoot: string;
  let configFile: string;
  beforeEach(() => {
    projectRoot = mkdtempSync(path.join(tmpdir(), "talos-mesh-workspace-"));
    configFile = path.join(projectRoot, "Pulumi.dev.yaml");
    writeFileSync(path.join(projectRoot, "Pulumi.yaml"), "name: demo\nruntime: nodejs\nmain: index.ts\n");
  });
  afterEach(() => rmSync(projectRoot, { recursive: true, force: true }));

  const prepare = (stackFile: object, env: NodeJS.ProcessEnv = {}) => {
    writeFileSync(configFile, stringify(stackFile));
    const project = { projectRoot, stack: "dev", configFile };
    const workspace = workspaceOf(project, env);
    prepareWorkspace(project, workspace);
    const read = (name: string) =>
      parse(readFileSync(path.join(workspace.folder, name), "utf8")) as Record<string, unknown>;
    return { workspace, project: read("Pulumi.yaml"), stack: read("Pulumi.dev.yaml"), given: project };
  };
  const config = { "demo:a": 1 };

  it("runs the program in its place, with a backend and a passphrase of our own", () => {
    const { workspace, project, stack, given } = prepare({ config });
    assert.equal(project.main, path.join(projectRoot, "index.ts"));
    assert.deepEqual(stack, { config });
    assert.match(workspace.env.PULUMI_BACKEND_URL ?? "", /^file:\/\/.*\/\.talos-mesh\/pulumi$/);
    const passphrase = workspace.env.PULUMI_CONFIG_PASSPHRASE_FILE ?? "";
    assert.equal(statSync(passphrase).mode & 0o777, 0o600);
    const text = readFileSync(passphrase, "utf8");
    assert.ok(text.length >= 40);
    prepare({ config });
    assert.equal(readFileSync(passphrase, "utf8"), text, "it stays");
    removeOwnBackend(given);
    assert.ok(!existsSync(passphrase));
  });

  it("leaves the checked-in stack file alone, and keeps what the CLI wrote into the copy", () => {
    const { workspace } = prepare({ config, encryptionsalt: "theirs" });
    const copy = path.join(workspace.folder, "Pulumi.dev.yaml");
    writeFileSync(copy, `${readFileSync(copy, "utf8")}encryptionsalt: ours\n`);
    const { stack } = prepare({ config: { "demo:a": 2 }, encryptionsalt: "theirs" });
    assert.deepEqual(stack, { config: { "demo:a": 2 }, encryptionsalt: "ours" });
    assert.match(readFileSync(configFile, "utf8"), /theirs/);
  });

  it("uses the backend and passphrase that the environment names", () => {
    const env = { PULUMI_BACKEND_URL: "s3://states", PULUMI_CONFIG_PASSPHRASE: "x" };
    const secret = { config: { "demo:b": { secure: "v1:abc" } }, encryptionsalt: "theirs" };
    const { workspace, stack } = prepare(secret, env);
    assert.deepEqual([workspace.backendFolder, Object.keys(workspace.env)], [undefined, ["PULUMI_SKIP_UPDATE_CHECK"]]);
    assert.equal(stack.encryptionsalt, "theirs");
  });

  it("keeps the stack file's salt for a passphrase of the environment, so that a wrong one is refused", () => {
    const { stack } = prepare({ config, encryptionsalt: "theirs" }, { PULUMI_CONFIG_PASSPHRASE: "x" });
    assert.equal(stack.encryptionsalt, "theirs");
  });

  it("says what to do where the stack file's secrets need a passphrase that is not ours", () => {
    const text = "config:\n  demo:b:\n    secure: v1:abc\nencryptionsalt: theirs\n";
    writeFileSync(configFile, text);
    const project = { projectRoot, stack: "dev", configFile };
    assert.throws(
      () => prepareWorkspace(project, workspaceOf(project, {})),
      /encrypted with a passphrase of yours.*PULUMI_CONFIG_PASSPHRASE/,
    );
  });

  it("keeps the state of other environments out of a folder of one machine", () => {
    const production = { config: { "talos-mesh:environment": "production" } };
    assert.throws(() => prepare(production), /"production" environment.*PULUMI_BACKEND_URL/);
    prepare(production, { PULUMI_BACKEND_URL: "s3://states" });
  });
});

describe("the events of the Pulumi CLI", () => {
  const urn = (type: string, name: string) => `urn:pulumi:dev::p::talos-mesh:apps:Bookinfo$${type}::${name}`;
  const service = { urn: urn("kubernetes:core/v1:Service", "web"), type: "kubernetes:core/v1:Service" };
  const inputs = { metadata: { name: "web", namespace: "shop" } };
  const step = (event: string, op: string, more: object = service) =>
    ({ [event]: { metadata: { op, new: { inputs }, ...more } } }) as unknown as EngineEvent;
  const steps = (op: string, more?: object) => [step("resourcePreEvent", op, more), step("resOutputsEvent", op, more)];
  const diagnostic = (severity: string, message: string) =>
    ({ diagnosticEvent: { severity, message } }) as unknown as EngineEvent;
  const results = (...events: EngineEvent[]) =>
    eventsOf(events).resources.map(({ layer, label, result }) => [layer, label, result]);

  it("are counted for resources, not for components", () => {
    const component = { urn: "urn:pulumi:dev::p::talos-mesh:apps:Bookinfo::b", type: "talos-mesh:apps:Bookinfo" };
    assert.deepEqual(results(...steps("create", component), ...steps("create")), [
      ["apps", "Service shop/web", "created"],
    ]);
  });

  it("count a replacement once", () => {
    const ops = ["create-replacement", "replace", "delete-replaced"];
    assert.deepEqual(results(...ops.flatMap((op) => steps(op))), [["apps", "Service shop/web", "replaced"]]);
  });

  it("count a resource once in a run of two passes", () => {
    assert.deepEqual(results(...steps("update"), ...steps("refresh"), ...steps("same")), [
      ["apps", "Service shop/web", "updated"],
    ]);
  });

  it("have the outputs of the program and the errors", () => {
    const stack = { urn: "urn:pulumi:dev::p::pulumi:pulumi:Stack::p-dev", type: "pulumi:pulumi:Stack" };
    const outputs = { url: "http://a", password: "[secret]" };
    const found = eventsOf([
      step("resourcePreEvent", "create"),
      diagnostic("error", "no such <{%bold%}>image"),
      diagnostic("warning", "old"),
      step("resOpFailedEvent", "create"),
      step("resOutputsEvent", "same", { ...stack, new: { outputs } }),
    ]);
    assert.deepEqual(
      found.resources.map(({ result }) => result),
      ["failed"],
    );
    assert.deepEqual(found.errors, ["no such image"]);
    assert.deepEqual(found.outputs, outputs);
  });

  it("leave nothing in progress when the run is interrupted", () => {
    assert.deepEqual(results(step("resourcePreEvent", "create")), [["apps", "Service shop/web", "failed"]]);
  });

  it("of a preview with a refresh are the status of each object and release", () => {
    const release = { urn: urn("kubernetes:helm.sh/v3:Release", "istiod"), type: "kubernetes:helm.sh/v3:Release" };
    const named = (name: string, more: object = {}) => ({ ...service, urn: urn(service.type, name), ...more });
    const found = findingsOf(
      eventsOf([
        ...[...steps("refresh"), ...steps("same")],
        ...[...steps("refresh", named("gone")), ...steps("create", named("gone"))],
        ...steps("create", named("new")),
        ...steps("update", { ...release, diffs: ["values", "version"] }),
        ...steps("create", { urn: urn("command:local:Command", "cluster"), type: "command:local:Command" }),
      ]),
    );
    assert.deepEqual(
      found.map(({ kind, state, detail }) => [kind, state, detail]),
      [
        ["object", "as deployed", undefined],
        ["object", "missing", undefined],
        ["object", "not deployed", undefined],
        ["release", "changed", "values, version"],
      ],
    );
  });
});

describe("a failure of the Pulumi CLI", () => {
  it("is a stop where the user has stopped it, without what the CLI has printed", () => {
    const text = "code: -2\n stdout: \n stderr: ^C received; cancelling\n";
    const { message } = failure(text, { stack: "dev", signal: AbortSignal.abort() }, text);
    assert.equal(message, 'The run of the stack "dev" was stopped.');
    assert.equal(failure(text, { stack: "dev", signal: new AbortController().signal }, "failed").message, "failed");
  });

  it("of a query says what to do next", () => {
    const missing = queryProblem("error: current stack does not have output property 'kubeconfig'", "lab");
    assert.match(missing, /no output kubeconfig yet.*`npm start -- --stack lab` continues it/);
    assert.match(queryProblem("error: no stack named 'dev' found", "dev"), /not deployed; `npm start` deploys it/);
    assert.match(queryProblem("error: no such host", "dev"), /no answer: error: no such host/);
  });

  it("of a command that needs a cluster says how to deploy it", async () => {
    const cluster = { kubeconfigSource: "project" } as Model["cluster"];
    await assert.rejects(
      clusterAccess({ projectRoot: tmpdir(), stack: "lab", cluster }, "proxies reads the cluster's kubeconfig"),
      /kubeconfig, and the stack "lab" is not deployed; `npm start -- --stack lab` deploys it\./,
    );
  });
});

describe("a change of an environment other than dev", () => {
  let projectRoot: string;
  beforeEach(() => {
    projectRoot = mkdtempSync(path.join(tmpdir(), "talos-mesh-confirm-"));
    writeFileSync(path.join(projectRoot, "Pulumi.yaml"), "name: talos-mesh\nruntime: nodejs\n");
  });
  afterEach(() => rmSync(projectRoot, { recursive: true }));

  const confirm = (environment: string, { yes = false, file = "Pulumi.main.yaml", interactive = false } = {}) => {
    const configFile = path.join(projectRoot, file);
    writeFileSync(configFile, `config:\n  talos-mesh:environment: ${environment}\n`);
    return confirmation({ projectRoot, stack: "main", configFile, yes }, "deploy", interactive);
  };

  it("is refused without a terminal to confirm on, with the command that goes on", () => {
    assert.throws(
      () => confirm("production"),
      /"main" is a production environment, and there is no terminal to confirm on; pass --yes to deploy it\.\nNothing was changed\. The command: npm start -- --stack main --yes$/,
    );
    assert.throws(() => confirm("staging", { file: "other.yaml" }), /--stack main --config \/.*other\.yaml --yes$/);
  });

  it("is confirmed on a terminal by the CLI itself", () => {
    assert.deepEqual(confirm("production", { interactive: true }), []);
  });

  it("needs no confirmation with --yes, and for dev", () => {
    assert.deepEqual(confirm("production", { yes: true }), ["--yes", "--skip-preview"]);
    assert.deepEqual(confirm("dev"), ["--yes", "--skip-preview"]);
  });
});

describe("an exported state", () => {
  const kubeconfig = {
    "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
    plaintext: '"apiVersion: v1"',
  };
  const provider = { urn: "u", type: "pulumi:providers:kubernetes", inputs: { kubeconfig } };

  it("has what it takes to reach its cluster", () => {
    assert.deepEqual(accessOf({ resources: [provider] }), { kubeconfig: "apiVersion: v1" });
    assert.equal(accessOf(null), undefined);
  });

  it("has the context of the kubeconfig that is meant, as its current context may be another", () => {
    const inputs = { ...provider.inputs, context: "staging" };
    assert.deepEqual(accessOf({ resources: [{ ...provider, inputs }] }), {
      kubeconfig: "apiVersion: v1",
      context: "staging",
    });
  });
});
