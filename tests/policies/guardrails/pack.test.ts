import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { credentials, type ServiceError } from "@grpc/grpc-js";
import { AnalyzerClient } from "@pulumi/pulumi/proto/analyzer_grpc_pb";
import {
  AnalyzeRequest,
  type AnalyzerInfo,
  AnalyzerResource,
  AnalyzerResourceOptions,
  AnalyzeStackRequest,
  EnforcementLevel,
} from "@pulumi/pulumi/proto/analyzer_pb";
import { runtime } from "@pulumi/pulumi";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";
import { type JavaScriptValue, Struct } from "google-protobuf/google/protobuf/struct_pb";
import { stringify } from "yaml";
import { stackFileVariable } from "../../../components/settings/context";
import type { GuardedResource } from "../../../policies/guardrails/guardrail";
import { guardrails } from "../../../policies/guardrails/registry";
import { projectRoot } from "../../support/program";

const pack = path.join(projectRoot, "policies/guardrails");

type Answer<Response> = (error: ServiceError | null, response: Response) => void;

/** The policy pack in a process of its own, spoken to as the Pulumi CLI does. */
class RunningPack {
  private constructor(
    private readonly child: ChildProcess,
    private readonly client: AnalyzerClient,
  ) {}

  static async start(config: Readonly<Record<string, string>>, stackFile: string): Promise<RunningPack> {
    const runner = require.resolve("@pulumi/pulumi/cmd/run-policy-pack");
    const env = {
      ...process.env,
      PULUMI_NODEJS_PROJECT: "talos-mesh",
      PULUMI_NODEJS_STACK: "test",
      PULUMI_CONFIG: JSON.stringify(config),
      [stackFileVariable]: stackFile,
    };
    const stdio = ["ignore", "pipe", "inherit"] as const;
    const child = spawn(process.execPath, [runner, "127.0.0.1:1", pack], { cwd: pack, env, stdio: [...stdio] });
    // The first line is the port that it listens on.
    const [port] = (await once(child.stdout, "data")) as [Buffer];
    return new RunningPack(child, new AnalyzerClient(`127.0.0.1:${String(port).trim()}`, credentials.createInsecure()));
  }

  async levels(): Promise<Readonly<Record<string, EnforcementLevel>>> {
    const info = await this.answer<AnalyzerInfo>((done) => this.client.getAnalyzerInfo(new Empty(), done));
    return Object.fromEntries(info.getPoliciesList().map((each) => [each.getName(), each.getEnforcementlevel()]));
  }

  async analyze(resource: GuardedResource) {
    const request = described(new AnalyzeRequest(), resource);
    return diagnostics(await this.answer((done) => this.client.analyze(request, done)));
  }

  async analyzeStack(resources: readonly GuardedResource[]) {
    const request = new AnalyzeStackRequest();
    request.setResourcesList(resources.map((resource) => described(new AnalyzerResource(), resource)));
    return diagnostics(await this.answer((done) => this.client.analyzeStack(request, done)));
  }

  async stop(): Promise<void> {
    this.client.close();
    const ended = once(this.child, "exit");
    this.child.kill();
    await ended;
  }

  private answer<Response>(ask: (done: Answer<Response>) => unknown): Promise<Response> {
    return new Promise((resolve, reject) => {
      ask((error, response) => (error ? reject(new Error(error.details)) : resolve(response)));
    });
  }
}

function described<Message extends AnalyzeRequest | AnalyzerResource>(message: Message, resource: GuardedResource) {
  const options = new AnalyzerResourceOptions();
  options.setProtect(resource.protect);
  message.setOptions(options);
  message.setType(resource.type);
  message.setUrn(resource.urn);
  message.setName(resource.name);
  message.setProperties(Struct.fromJavaScript(resource.props as Readonly<Record<string, JavaScriptValue>>));
  return message;
}

function diagnostics(response: {
  getDiagnosticsList(): { getPolicyname(): string; getEnforcementlevel(): EnforcementLevel; getMessage(): string }[];
}) {
  return response
    .getDiagnosticsList()
    .map((each) => [each.getPolicyname(), each.getEnforcementlevel(), own(each.getMessage())] as const);
}

/** The SDK puts the description of the policy before the message. */
function own(message: string): string {
  return message.slice(message.indexOf("\n") + 1);
}

const example = (id: string) => {
  const found = guardrails.find((each) => each.id === id);
  assert.ok(found);
  return found.failing.resources ?? [];
};

describe("the policy pack", () => {
  let folder: string;
  let running: RunningPack | undefined;
  before(() => (folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-pack-"))));
  after(() => rmSync(folder, { recursive: true }));
  afterEach(async () => {
    await running?.stop();
    running = undefined;
  });

  async function start(sections: Readonly<Record<string, unknown>>, secrets?: Readonly<Record<string, unknown>>) {
    const stackFile = path.join(folder, "Pulumi.test.yaml");
    writeFileSync(stackFile, stringify({ config: { ...(secrets && { "talos-mesh:secrets": secrets }) } }));
    const texts = Object.entries(sections).map(([name, value]) => {
      return [`talos-mesh:${name}`, typeof value === "string" ? value : JSON.stringify(value)] as const;
    });
    running = await RunningPack.start(Object.fromEntries(texts), stackFile);
    return running;
  }

  it("has a policy for each guardrail, at the level of the environment", async () => {
    const levels = {
      advisory: EnforcementLevel.ADVISORY,
      mandatory: EnforcementLevel.MANDATORY,
      disabled: EnforcementLevel.DISABLED,
    };
    for (const environment of ["dev", "production"] as const) {
      const expected = guardrails.map(({ id, severity }) => [id, levels[severity[environment]]] as const);
      assert.deepEqual(await (await start({ environment })).levels(), Object.fromEntries(expected));
      await running?.stop();
      running = undefined;
    }
  });

  it("fails a resource of production, and does not judge the same in dev", async () => {
    const [fault] = example("no-faults");
    assert.ok(fault);
    const message = "VirtualService/bookinfo/reviews: spec.http[0] injects a fault (abort); remove fault from the rule";
    const production = await start({ environment: "production" });
    assert.deepEqual(await production.analyze(fault), [["no-faults", EnforcementLevel.MANDATORY, message]]);
    await production.stop();
    assert.deepEqual(await (await start({ environment: "dev" })).analyze(fault), []);
  });

  it("judges all resources together, and the stack file's secrets", async () => {
    const secrets = { encrypted: { secure: "v1:abc" }, plain: "hunter2" };
    const found = await (await start({ environment: "staging" }, secrets)).analyzeStack(example("mtls-strict"));
    assert.deepEqual(
      found.map(([id, level, message]) => [id, level, message.split(";")[0]]),
      [
        [
          "mtls-strict",
          EnforcementLevel.MANDATORY,
          "PeerAuthentication/istio-system/default: is PERMISSIVE, which accepts plain text",
        ],
        [
          "mtls-strict",
          EnforcementLevel.MANDATORY,
          "Release/istio-system/istiod: no PeerAuthentication of the whole mesh is STRICT",
        ],
        [
          "egress-closed",
          EnforcementLevel.MANDATORY,
          "Release/istio-system/istiod: outboundTrafficPolicy is not set, and ALLOW_ANY by default",
        ],
        ["no-plain-secrets", EnforcementLevel.MANDATORY, "talos-mesh:secrets.plain is plain text in the stack file"],
        [
          "high-availability",
          EnforcementLevel.ADVISORY,
          "Release/istio-system/istiod: needs at least 2 replicas (found 1), a spread over nodes",
        ],
      ],
    );
  });

  it("judges the inputs of a stack whose outputs are not known yet", async () => {
    const resources = example("mtls-strict");
    const started = await start({ environment: "dev" });
    for (const resource of resources) await started.analyze(resource);
    const found = await started.analyzeStack(resources.map((resource) => ({ ...resource, props: {} })));
    assert.deepEqual(
      found.map(([id]) => id),
      ["mtls-strict", "mtls-strict", "egress-closed"],
    );
  });

  it("takes exceptions from the configuration, until they end", async () => {
    const [fault] = example("no-faults");
    assert.ok(fault);
    const exception = {
      id: "no-faults",
      resource: "VirtualService/bookinfo/reviews",
      reason: "a game day of the team",
    };
    const until = (day: string) => ({
      environment: "production",
      guardrails: { exceptions: [{ ...exception, until: day }] },
    });
    const valid = await start(until("9999-12-31"));
    assert.deepEqual(await valid.analyze(fault), []);
    assert.deepEqual(await valid.analyzeStack([]), []);
    await valid.stop();
    const ended = await start(until("2020-01-31"));
    assert.equal((await ended.analyze(fault)).length, 1);
    const [[id, level, message = ""] = []] = await ended.analyzeStack([]);
    assert.deepEqual([id, level], ["exceptions-current", EnforcementLevel.MANDATORY]);
    assert.match(
      message,
      /^talos-mesh:guardrails\.exceptions\[0\], no-faults of VirtualService\S+, ended on 2020-01-31/,
    );
  });

  it("judges what is known of a resource of which a part is not", async () => {
    const [fault] = example("no-faults");
    assert.ok(fault);
    const { unknownValue } = runtime;
    const props = { ...fault.props, status: unknownValue, metadata: { name: "reviews", namespace: unknownValue } };
    const found = await (await start({ environment: "production" })).analyze({ ...fault, props });
    assert.deepEqual(
      found.map(([id, , message]) => [id, message.split(":")[0]]),
      [["no-faults", "VirtualService/reviews"]],
    );
  });
});
