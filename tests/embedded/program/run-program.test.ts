import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import path from "node:path";
import {
  isSecret,
  runProgram,
  unwrapSecrets,
  type ProgramResult,
  type Registration,
  type ResourceHost,
} from "../../../embedded/program/run-program";
import { projectRoot } from "../../support/program";
import { writeStackFile } from "./stack-files";

type Response = ReturnType<ResourceHost["register"]>;

const echo = ({ name, inputs }: Registration): Response =>
  Promise.resolve({ id: name, state: { ...inputs, stdout: `stdout of ${name}` } });

function run(
  program: string,
  config: Record<string, unknown> = {},
  register: (registration: Registration) => Response = echo,
): Promise<ProgramResult> {
  return runProgram({
    projectRoot,
    stack: "test",
    configFile: writeStackFile({ config }),
    main: `tests/fixtures/programs/${program}.ts`,
    host: { register },
  });
}

describe("the program host", () => {
  it("begins a registration when all that it depends on has ended, and independent ones together", async () => {
    const running = new Set<string>();
    const together = new Map<string, string[]>();
    const ended: string[] = [];
    const waiting: (() => void)[] = [];
    const endedAt = new Map<string, string[]>();
    await run("ordered", {}, async (registration) => {
      if (!registration.custom) return echo(registration);
      running.add(registration.name);
      endedAt.set(registration.name, [...ended]);
      // Each ends when no other can begin any more, so that independent ones run together.
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
        setImmediate(() => setImmediate(() => waiting.splice(0).forEach((release) => release())));
      });
      together.set(registration.name, [...running].sort());
      running.delete(registration.name);
      ended.push(registration.name);
      return echo(registration);
    });

    assert.deepEqual(together.get("a"), ["a", "b"], "independent resources run side by side");
    assert.deepEqual(
      [...(endedAt.get("c") ?? [])].sort(),
      ["a", "b"],
      "c waits for the whole component before its own",
    );
    assert.deepEqual([...(endedAt.get("d") ?? [])].sort(), ["a", "b"]);
    assert.deepEqual([...(endedAt.get("source") ?? [])].sort(), ["a", "b", "c", "d"]);
    assert.equal(ended.at(-1), "through-output");
  });

  it("passes what an output was computed from, with the host's value in it", async () => {
    const { registrations } = await run("ordered");
    const source = registrations.find(({ name }) => name === "source");
    const through = registrations.find(({ name }) => name === "through-output");
    assert.equal(through?.inputs.create, "echo stdout of source");
    assert.deepEqual(through?.propertyDependencies, { create: [source?.urn] });
    assert.deepEqual(through?.dependencies, [source?.urn]);
  });

  it("fails with the resource's name, registers nothing that depends on it, and waits for what has begun", async () => {
    const seen: string[] = [];
    let slowEnded = false;
    let failed: () => void;
    const failure = new Promise<void>((resolve) => (failed = resolve));
    const running = run("waits-for-failure", {}, async (registration) => {
      seen.push(registration.name);
      if (registration.name === "broken") {
        failed();
        throw new Error("exit status 1");
      }
      await failure;
      await new Promise((resolve) => setImmediate(resolve));
      slowEnded = true;
      return echo(registration);
    });
    await assert.rejects(running, {
      name: "RegistrationError",
      message: "broken (command:local:Command): exit status 1",
      urn: "urn:pulumi:test::talos-mesh::command:local:Command::broken",
    });
    assert.deepEqual(seen, ["broken", "slow"]);
    assert.equal(slowEnded, true);
  });

  it("reports every failure when several resources fail side by side", async () => {
    const failing = run("waits-for-failure", {}, async ({ name }) => {
      await new Promise((resolve) => setImmediate(resolve));
      throw new Error(`no ${name}`);
    });
    await assert.rejects(failing, {
      name: "SeveralErrors",
      message: "broken (command:local:Command): no broken\nslow (command:local:Command): no slow",
    });
  });

  it("passes every option of a resource", async () => {
    const { registrations } = await run("details", { "talos-mesh:token": { secure: "v1:abc" } });
    const [machine, provider, component, inner, map] = ["machine", "provider", "component", "inner", "map"].map(
      (name) => registrations.find((each) => each.name === name),
    );
    assert.equal(registrations.length, 5);
    assert.equal(machine?.protect, true);
    assert.equal(machine?.deleteBeforeReplace, true);
    assert.deepEqual(machine?.ignoreChanges, ["create"]);
    assert.deepEqual(machine?.additionalSecretOutputs, ["stdout"]);
    assert.deepEqual(machine?.customTimeouts, { create: "5m", update: undefined, delete: "1m" });
    assert.equal(map?.protect, false);
    assert.equal(map?.deleteBeforeReplace, undefined);
    assert.equal(map?.deletedWith, machine?.urn);
    assert.equal(map?.provider, `${provider?.urn}::provider`);
    assert.equal(map?.parent, inner?.urn);
    assert.equal(inner?.parent, component?.urn);
    assert.equal(component?.parent, undefined);
    assert.equal(
      map?.urn,
      "urn:pulumi:test::talos-mesh::test:index:Group$test:index:Inner$kubernetes:core/v1:ConfigMap::map",
    );
  });

  it("keeps secrets wrapped in inputs, through outputs, and in exports", async () => {
    const { registrations, outputs } = await run("details", { "talos-mesh:token": { secure: "v1:abc" } });
    const machine = registrations.find(({ name }) => name === "machine");
    const map = registrations.find(({ name }) => name === "map");
    assert.ok(isSecret(machine?.inputs.stdin));
    assert.equal(unwrapSecrets(machine?.inputs.stdin), "[secret talos-mesh:token]");
    assert.equal(JSON.stringify(machine?.inputs.environment), '{"PLAIN":"shown"}');
    const data = map?.inputs.data as Record<string, unknown>;
    assert.ok(isSecret(data.token) && !isSecret(data.plain));
    assert.equal(unwrapSecrets(data.token), "Bearer [secret talos-mesh:token]");
    const provider = registrations.find(({ name }) => name === "provider");
    assert.ok(isSecret(provider?.inputs.kubeconfig), "stdout was declared secret");
    assert.ok(isSecret(outputs.kubeconfig));
    assert.deepEqual(outputs.plain, { number: 1, list: ["a"], none: null });
  });

  it("starts from nothing each time, with another configuration", async () => {
    const first = await run("details", { token: { secure: "x" }, nested: { a: [1, true] } });
    const second = await run("details", { token: { secure: "x" } });
    assert.deepEqual(first.outputs.nested, { a: [1, true] });
    assert.equal(second.outputs.nested, null);
    assert.equal(second.registrations.length, first.registrations.length);
  });

  it("runs two programs one after the other", async () => {
    const [first, second] = await Promise.all([run("ordered"), run("details", { token: "x" })]);
    assert.equal(first.registrations.length, 8);
    assert.equal(second.registrations.length, 5);
  });
});

describe("a faulty program", () => {
  const misbehave = (how: string, register = echo): Promise<ProgramResult> => run("misbehaving", { how }, register);

  it("that throws rejects with its own error", async () => {
    await assert.rejects(misbehave("throws"), (error: Error) => {
      assert.equal(error.message, "a setting is wrong");
      assert.ok("__pulumiRunError" in error);
      return true;
    });
  });

  it("that throws in an unawaited apply has failed", async () => {
    await assert.rejects(misbehave("throws in an apply"), { message: "not awaited" });
  });

  it("that registers two resources with one name is refused", async () => {
    await assert.rejects(misbehave("registers twice"), {
      message: "base (command:local:Command): is registered twice; two resources of a type and parent need two names",
    });
  });

  it("that logs an error has failed", async () => {
    await assert.rejects(misbehave("logs an error"), { message: "said, not thrown" });
  });

  it("that calls a function of a provider gets an error", async () => {
    await assert.rejects(misbehave("calls a function"), {
      message: "command:local:run: this engine has no functions of providers",
    });
  });

  it("does not change the next run and the process's own handlers", async () => {
    const before = process.listeners("unhandledRejection");
    await assert.rejects(misbehave("throws in an apply"));
    assert.deepEqual(process.listeners("unhandledRejection"), before);
    assert.equal((await misbehave("not at all")).registrations.length, 1);
  });

  it("that does not end has failed, where Node would exit with 0", () => {
    const configFile = writeStackFile({ config: { how: "never ends" } });
    const script = `
      require("./cli/bin/register.cjs");
      require("./embedded/program/run-program.ts").runProgram({
        projectRoot: process.cwd(), stack: "test", configFile: ${JSON.stringify(configFile)},
        main: "tests/fixtures/programs/misbehaving.ts", host: { register: async () => ({ state: {} }) },
      }).catch((error) => { console.log(error.message); process.exitCode = 7; });`;
    const { status, stdout, stderr } = spawnSync(process.execPath, ["-e", script], {
      cwd: path.resolve(projectRoot),
      encoding: "utf8",
    });
    assert.equal(stdout, "the program did not end: it waits for a value that never comes\n");
    assert.equal(stderr, "");
    assert.equal(status, 7);
  });
});
