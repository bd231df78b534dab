import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { EngineEvent } from "@pulumi/pulumi/automation/index.js";
import { parse, stringify } from "yaml";
import { explained } from "../../../cli/engine/pulumi-errors";
import { PulumiEvents } from "../../../cli/engine/pulumi-events";
import { explanation } from "../../../cli/engine/pulumi-query";
import { accessOf, expectedOf } from "../../../cli/engine/pulumi-state";
import { prepareWorkspace, removeEmptyBackend, workspaceOf } from "../../../cli/engine/pulumi-workspace";
import { UserError } from "../../../embedded/program/errors";
import { quietObserver } from "../../embedded/engine/support/observer";

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
    const of = { projectRoot, stack: "dev", configFile };
    const workspace = workspaceOf(of, env);
    prepareWorkspace(of, workspace);
    const read = (name: string) =>
      parse(readFileSync(path.join(workspace.folder, name), "utf8")) as Record<string, unknown>;
    return { workspace, project: read("Pulumi.yaml"), stack: read("Pulumi.dev.yaml"), of };
  };
  const config = { "demo:a": 1 };

  it("runs the program in its place, with a backend and a passphrase of our own", () => {
    const { workspace, project, stack, of } = prepare({ config });
    assert.equal(project.main, path.join(projectRoot, "index.ts"));
    assert.deepEqual(stack, { config });
    assert.match(workspace.env.PULUMI_BACKEND_URL ?? "", /^file:\/\/.*\/\.talos-mesh\/pulumi$/);
    const passphrase = workspace.env.PULUMI_CONFIG_PASSPHRASE_FILE ?? "";
    assert.equal(statSync(passphrase).mode & 0o777, 0o600);
    const text = readFileSync(passphrase, "utf8");
    assert.ok(text.length >= 40);
    prepare({ config });
    assert.equal(readFileSync(passphrase, "utf8"), text, "it stays");
    removeEmptyBackend(of, workspace, 1);
    assert.ok(existsSync(passphrase));
    removeEmptyBackend(of, workspace, 0);
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

  it("takes the person's own backend and passphrase where the environment names them", () => {
    const env = { PULUMI_BACKEND_URL: "s3://states", PULUMI_CONFIG_PASSPHRASE: "x" };
    const secret = { config: { "demo:b": { secure: "v1:abc" } }, encryptionsalt: "theirs" };
    const { workspace, stack } = prepare(secret, env);
    assert.deepEqual([workspace.backend, Object.keys(workspace.env)], [undefined, ["PULUMI_SKIP_UPDATE_CHECK"]]);
    assert.equal(stack.encryptionsalt, "theirs");
  });

  it("says what to do where the stack file's secrets need a passphrase that is not ours", () => {
    const text = "config:\n  demo:b:\n    secure: v1:abc\nencryptionsalt: theirs\n";
    writeFileSync(configFile, text);
    const of = { projectRoot, stack: "dev", configFile };
    assert.throws(
      () => prepareWorkspace(of, workspaceOf(of, {})),
      /encrypted with a passphrase of yours.*PULUMI_CONFIG_PASSPHRASE/,
    );
  });

  it("keeps the state of other environments out of a folder of one machine", () => {
    const production = { config: { "talos-mesh:environment": "production" } };
    assert.throws(() => prepare(production), /"production" environment.*PULUMI_BACKEND_URL/);
    prepare(production, { PULUMI_BACKEND_URL: "s3://states" });
  });
});

describe("the Pulumi engine's events", () => {
  const urn = (type: string, name: string) => `urn:pulumi:dev::p::talos-mesh:apps:Bookinfo$${type}::${name}`;
  const service = { urn: urn("kubernetes:core/v1:Service", "web"), type: "kubernetes:core/v1:Service", provider: "" };
  const inputs = { metadata: { name: "web", namespace: "shop" } };
  const step = (event: string, op: string, more: object = service) =>
    ({ [event]: { metadata: { op, new: { inputs }, ...more } } }) as unknown as EngineEvent;
  const diagnostic = (severity: string, message: string, urn?: string) =>
    ({ diagnosticEvent: { severity, message, urn, color: "never", prefix: "" } }) as unknown as EngineEvent;
  const told = (...events: EngineEvent[]) => {
    const observer = quietObserver();
    const handler = new PulumiEvents(observer);
    events.forEach(handler.onEvent);
    handler.close();
    return { ...observer, programErrors: handler.programErrors };
  };

  it("are told as changes of resources, not of components", () => {
    const component = { urn: "urn:pulumi:dev::p::talos-mesh:apps:Bookinfo::b", type: "talos-mesh:apps:Bookinfo" };
    const { changes } = told(
      ...[step("resourcePreEvent", "create", component), step("resOutputsEvent", "create", component)],
      ...[step("resourcePreEvent", "create"), step("resOutputsEvent", "create")],
    );
    assert.deepEqual([...changes], [["Service shop/web", "created"]]);
  });

  it("count a replacement once", () => {
    const ops = ["create-replacement", "replace", "delete-replaced"];
    const { changes, order } = told(
      ...ops.flatMap((op) => [step("resourcePreEvent", op), step("resOutputsEvent", op)]),
    );
    assert.deepEqual([[...changes], order.length], [[["Service shop/web", "replaced"]], 1]);
  });

  it("count a resource once in a run of two passes", () => {
    const { changes, order } = told(
      ...[step("resourcePreEvent", "update"), step("resOutputsEvent", "update")],
      ...[step("resourcePreEvent", "refresh"), step("resOutputsEvent", "refresh")],
      ...[step("resourcePreEvent", "same"), step("resOutputsEvent", "same")],
    );
    assert.deepEqual([[...changes], order.length], [[["Service shop/web", "updated"]], 1]);
  });

  it("give the reason with the resource that failed, and the program's errors apart", () => {
    const { changes, text, programErrors } = told(
      step("resourcePreEvent", "create"),
      diagnostic("error", "no such image", service.urn),
      step("resOpFailedEvent", "create"),
      diagnostic("error", "update failed"),
      diagnostic("error", "1 setting needs a change", "urn:pulumi:dev::p::pulumi:pulumi:Stack::p-dev"),
    );
    assert.equal(changes.get("Service shop/web"), "failed");
    assert.match(text(), /no such image/);
    assert.deepEqual(programErrors, ["1 setting needs a change"]);
  });

  it("leave nothing open when the run is cut short", () => {
    assert.equal(told(step("resourcePreEvent", "create")).changes.get("Service shop/web"), "failed");
  });
});

describe("a failure of the Pulumi CLI", () => {
  const dump = new Error("code: -2\n stdout: \n stderr: ^C received; cancelling\n err?: Error: killed\n");

  it("is told as a stop where the person has stopped it, without what the CLI has printed", () => {
    const stopped = explained(dump, { stack: "dev", signal: AbortSignal.abort() });
    assert.ok(stopped instanceof UserError);
    assert.equal(stopped.message, 'The run of the stack "dev" was stopped.');
    assert.equal(explained(dump, { stack: "dev", signal: new AbortController().signal }), dump);
  });
});

describe("a question to the Pulumi CLI", () => {
  it("that it cannot answer yet is told with the next step", () => {
    const missing = explanation("error: current stack does not have output property 'kubeconfig'", "lab");
    assert.match(missing, /no output kubeconfig yet.*`npm start -- --stack lab` completes it/);
    assert.match(explanation("error: no stack named 'dev' found", "dev"), /not deployed; `npm start` deploys it/);
    assert.match(explanation("error: no such host", "dev"), /no answer: error: no such host/);
  });
});

describe("a stack's exported state", () => {
  const kubeconfig = {
    "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
    plaintext: '"apiVersion: v1"',
  };
  const deployment = {
    resources: [
      { urn: "u", type: "pulumi:providers:kubernetes", inputs: { kubeconfig } },
      {
        urn: "urn:pulumi:dev::p::talos-mesh:mesh:Istio$kubernetes:helm.sh/v3:Release::istiod",
        ...{ type: "kubernetes:helm.sh/v3:Release", id: "istio-system/istiod", inputs: {} },
      },
      {
        urn: "urn:pulumi:dev::p::talos-mesh:apps:B$kubernetes:core/v1:Service::web",
        type: "kubernetes:core/v1:Service",
        inputs: { apiVersion: "v1", kind: "Service", metadata: { name: "web", namespace: "shop" } },
        outputs: { metadata: { name: "web", namespace: "shop", uid: "1" } },
      },
    ],
  };

  it("says what should be in the cluster, and how to reach it", () => {
    const found = expectedOf(deployment).map(({ layer, target }) => [
      layer,
      target.kind,
      target.namespace,
      target.name,
    ]);
    assert.deepEqual(found, [
      ["mesh", "release", "istio-system", "istiod"],
      ["apps", "object", "shop", "web"],
    ]);
    assert.deepEqual(accessOf(deployment), { kubeconfig: "apiVersion: v1" });
    assert.equal(accessOf(null), undefined);
  });

  it("says which cluster of a kubeconfig is meant, as its current context may be another", () => {
    const [provider] = deployment.resources;
    assert.ok(provider);
    const inputs = { ...provider.inputs, context: "staging" };
    assert.deepEqual(accessOf({ resources: [{ ...provider, inputs }] }), {
      kubeconfig: "apiVersion: v1",
      context: "staging",
    });
  });

  it("gives the objects as they were deployed, their secrets as they are", () => {
    const data = { ...kubeconfig, plaintext: '{"token":"aGk="}' };
    const secret = {
      ...{ urn: "urn:pulumi:dev::p::kubernetes:core/v1:Secret::login", type: "kubernetes:core/v1:Secret" },
      inputs: { apiVersion: "v1", kind: "Secret", metadata: { name: "login" }, data },
      outputs: { metadata: { name: "login", namespace: "default" } },
    };
    assert.deepEqual(expectedOf({ resources: [secret] })[0]?.deployed, {
      ...{ apiVersion: "v1", kind: "Secret", metadata: { name: "login", namespace: "default" } },
      data: { token: "aGk=" },
    });
  });
});
