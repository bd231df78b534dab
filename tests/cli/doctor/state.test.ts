import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { examine, type DoctorContext } from "../../../cli/doctor/doctor";
import { readDeployment, stateChecks } from "../../../cli/doctor/state";
import { about, lines, context } from "./contexts";

describe("the doctor of the state", () => {
  let folder: string;
  const before = { ...process.env };
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-doctor-"));
    mkdirSync(path.join(folder, "bin"));
    writeFileSync(path.join(folder, "Pulumi.yaml"), "name: demo\nruntime: nodejs\n");
    Object.assign(process.env, env());
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
    process.env = { ...before };
  });

  const env = () => ({
    PATH: `${folder}/bin:${path.dirname(process.execPath)}:/usr/bin:/bin`,
    PULUMI_BACKEND_URL: pathToFileURL(path.join(folder, "backend")).href,
    PULUMI_CONFIG_PASSPHRASE: "x",
    PULUMI_HOME: folder,
    HOME: folder,
  });

  /** A CLI with these answers. */
  const cli = (answers: Readonly<Record<string, string>>) => {
    const cases = Object.entries(answers).map(([command, run]) => `"${command}"*) ${run};;`);
    const script = `#!/bin/sh\ncase "$*" in version*) echo v3.250.0;; ${cases.join(" ")} *) echo "unknown: $*" >&2; exit 1;; esac\n`;
    writeFileSync(path.join(folder, "bin/pulumi"), script, { mode: 0o755 });
  };
  const exported = (deployment: object) => `cat <<'JSON'\n${JSON.stringify({ version: 3, deployment })}\nJSON\n`;
  const listed = (stacks: readonly object[]) => `echo '${JSON.stringify(stacks)}'`;

  const found = async (subject: string, more: Partial<DoctorContext> = {}) => {
    const choice = { projectRoot: folder, stack: "some", configFile: path.join(folder, "Pulumi.some.yaml") };
    const given = context({ ...choice, env: env(), deployment: () => readDeployment(choice, env()), ...more });
    return lines(await examine(given, about(stateChecks, subject)));
  };

  const manifest = { time: "2026-06-12T12:00:00Z", version: "v3.250.0" };

  it("works where nothing is installed and nothing is deployed", async () => {
    assert.deepEqual(await found("state"), ["ok: state: none that can be read: no Pulumi CLI is installed"]);
    for (const subject of ["pending operations", "secrets"]) assert.deepEqual(await found(subject), []);
    assert.deepEqual(await found("locks"), ["ok: state: none"]);
    cli({ "stack export": `echo "error: no stack named 'some' found" >&2; exit 255` });
    assert.deepEqual(await found("state"), [
      "ok: state: the stack is not deployed; `npm start -- --stack some` deploys it",
    ]);
  });

  it("reports the age of the state, whether the stack is selected, and an update in progress", async () => {
    const resources = [{ urn: "a::b::c::d", type: "t" }];
    const one = { name: "some", current: true };
    cli({ "stack export": exported({ manifest, resources }), "stack ls": listed([one]) });
    assert.deepEqual(await found("state"), ["ok: state: 1 resources, last changed 3 days ago"]);
    const busy = { name: "organization/some", updateInProgress: true };
    cli({
      "stack export": exported({ manifest, resources }),
      "stack ls": listed([{ name: "dev", current: true }, busy]),
    });
    assert.deepEqual((await found("state")).slice(1), [
      "warning: state: an update is in progress",
      "ok: state: `pulumi` without --stack works on dev here: pulumi stack select some",
    ]);
  });

  it("reports what a killed run was doing", async () => {
    const pending = [{ type: "creating", resource: { urn: "urn:pulumi:some::demo::t::istio-base", type: "t" } }];
    cli({ "stack export": exported({ manifest, resources: [], pending_operations: pending }) });
    assert.deepEqual(await found("pending operations"), ["warning: state: a run was killed in: creating istio-base"]);
    cli({ "stack export": exported({ manifest, resources: [] }) });
    assert.deepEqual(await found("pending operations"), ["ok: state: none"]);
  });

  it("reports locks: of a live CLI, of a killed one, and of a run of our own", async () => {
    const locks = path.join(folder, "backend/.pulumi/locks/organization/demo/some");
    mkdirSync(locks, { recursive: true });
    const lock = path.join(locks, "abc.json");
    writeFileSync(lock, JSON.stringify({ pid: 2 ** 22 + 1 }));
    const [line = "", ...more] = await found("locks");
    assert.match(line, /^warning: state: a CLI that was killed, or one on another machine, holds abc\.json$/);
    assert.deepEqual(more, []);
    assert.deepEqual(await found("locks"), [line], "the lock is left as it is");
  });

  it("reports what encrypts the secrets", async () => {
    const state = (more: object) => cli({ "stack export": exported({ manifest, resources: [], ...more }) });
    state({ secrets_providers: { type: "passphrase" } });
    assert.deepEqual(await found("secrets"), ["ok: state: encrypted by a passphrase"]);
    writeFileSync(path.join(folder, "Pulumi.some.yaml"), "secretsprovider: awskms://alias/a\nconfig: {}\n");
    assert.deepEqual(await found("secrets"), ["ok: state: encrypted by awskms://alias/a"]);
    state({});
    assert.match((await found("secrets")).join(), /^warning: state: no secrets provider encrypts the state$/);
  });

  it("reports a wrong passphrase and a backend without login, without a secret", async () => {
    cli({ "stack export": "echo 'error: incorrect passphrase' >&2; exit 255" });
    const [passphrase] = await examine(
      context({
        projectRoot: folder,
        env: env(),
        deployment: () => readDeployment({ projectRoot: folder, stack: "some", configFile: "" }, env()),
      }),
      about(stateChecks, "state"),
    );
    assert.equal(passphrase?.level, "error");
    assert.match(passphrase.next ?? "", /PULUMI_CONFIG_PASSPHRASE/);
    cli({ "stack export": "echo 'error: PULUMI_ACCESS_TOKEN must be set for login' >&2; exit 255" });
    assert.deepEqual(await found("state"), ["not known: state: the Pulumi CLI is not logged in to a backend"]);
    // The same is said once.
    for (const subject of ["pending operations", "secrets"]) assert.deepEqual(await found(subject), []);
    cli({ "stack export": "echo 'error: could not reach the backend' >&2; exit 255" });
    assert.match((await found("state")).join(), /^error: state: .*could not reach the backend/);
  });

  it("does not leave behind a CLI that hangs", async () => {
    cli({ "stack export": "exec sleep 300" });
    const choice = { projectRoot: folder, stack: "some", configFile: "" };
    const ended = new AbortController();
    const reading = assert.rejects(readDeployment(choice, env(), ended.signal), /doctor reads the stack's state, and/);
    ended.abort();
    await reading;
  });

  it("reads no state of a stack that the embedded engine has deployed", async () => {
    mkdirSync(path.join(folder, ".talos-mesh/some"), { recursive: true });
    writeFileSync(path.join(folder, ".talos-mesh/some/engine"), "embedded\n");
    cli({});
    assert.deepEqual(await found("state"), [
      "ok: state: deployed by the embedded engine, which keeps no state but its cluster; its cluster is gone",
    ]);
  });

  it("refuses another backend than the stack was deployed with", async () => {
    mkdirSync(path.join(folder, ".talos-mesh/some"), { recursive: true });
    writeFileSync(path.join(folder, ".talos-mesh/some/engine"), "pulumi\nbackend: s3://a\npassphrase: given\n");
    cli({});
    assert.match(
      (await found("state")).join(),
      /^error: state: The stack "some" was deployed with the backend s3:\/\/a/,
    );
  });
});
