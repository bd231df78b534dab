import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { checkBackend } from "../../../cli/engine/pulumi-backend";
import { explained } from "../../../cli/engine/pulumi-errors";
import { workspaceOf } from "../../../cli/engine/pulumi-workspace";
import { recordedEngine, recordEngine } from "../../../cli/engine/recorded";
import { UserError } from "../../../embedded/program/errors";

describe("the backend that a stack was deployed with", () => {
  let projectRoot: string;
  let of: { projectRoot: string; stack: string };
  beforeEach(() => {
    projectRoot = mkdtempSync(path.join(tmpdir(), "talos-mesh-backend-"));
    of = { projectRoot, stack: "dev" };
  });
  afterEach(() => rmSync(projectRoot, { recursive: true, force: true }));

  const deployedWith = (env: NodeJS.ProcessEnv) => recordEngine(of, "pulumi", workspaceOf(of, env).choice);
  const goOnWith = (env: NodeJS.ProcessEnv) => checkBackend(of, workspaceOf(of, env));
  const record = () => readFileSync(path.join(projectRoot, ".talos-mesh", "dev", "engine"), "utf8");

  it("goes on with the same one, also named by its address, and with any before the first deployment", () => {
    goOnWith({ PULUMI_BACKEND_URL: "s3://states" });
    deployedWith({});
    goOnWith({});
    goOnWith({ PULUMI_BACKEND_URL: `file://${projectRoot}/.talos-mesh/pulumi/` });
    deployedWith({ PULUMI_BACKEND_URL: "s3://states/", PULUMI_CONFIG_PASSPHRASE: "x" });
    goOnWith({ PULUMI_BACKEND_URL: "s3://states", PULUMI_CONFIG_PASSPHRASE_FILE: "/y" });
    assert.equal(recordedEngine(of), "pulumi");
  });

  it("is asked for where another is chosen, by the names of both and what to set", () => {
    deployedWith({});
    assert.throws(
      () => goOnWith({ PULUMI_BACKEND_URL: "s3://other" }),
      /deployed with the backend file:\/\/\S+\/\.talos-mesh\/pulumi, and s3:\/\/other knows nothing.*\nUnset PULUMI_BACKEND_URL/,
    );
    deployedWith({ PULUMI_BACKEND_URL: "s3://states" });
    const wanted = /backend s3:\/\/states, and \S+ knows nothing.*\nSet PULUMI_BACKEND_URL=s3:\/\/states /;
    assert.throws(() => goOnWith({}), wanted);
    assert.throws(() => goOnWith({ PULUMI_BACKEND_URL: "s3://other" }), wanted);
  });

  it("is asked for with the passphrase that goes with it", () => {
    deployedWith({});
    assert.throws(() => goOnWith({ PULUMI_CONFIG_PASSPHRASE: "x" }), /\nUnset PULUMI_CONFIG_PASSPHRASE /);
    deployedWith({ PULUMI_CONFIG_PASSPHRASE: "x" });
    assert.throws(() => goOnWith({}), /passphrase of yours.*\nSet PULUMI_CONFIG_PASSPHRASE or /);
  });

  it("is recorded without any secret", () => {
    const url = "postgres://me:hunter2@db/states?sslmode=on&password=hunter3";
    deployedWith({ PULUMI_BACKEND_URL: url, PULUMI_CONFIG_PASSPHRASE: "hunter4" });
    assert.match(record(), /^pulumi\nbackend: postgres:\/\/db\/states/);
    assert.doesNotMatch(record(), /hunter/);
    goOnWith({ PULUMI_BACKEND_URL: url, PULUMI_CONFIG_PASSPHRASE: "x" });
    assert.throws(
      () => goOnWith({ PULUMI_BACKEND_URL: "s3://a:hunter5@b", PULUMI_CONFIG_PASSPHRASE: "x" }),
      (error: Error) => error instanceof UserError && !error.message.includes("hunter"),
    );
  });

  it("has what it says of a wrong passphrase told as what to set", () => {
    const raw = new Error("code: 255\n stdout: \n stderr: error: getting secrets manager: incorrect passphrase\n");
    const told = explained(raw, { stack: "dev" });
    assert.ok(told instanceof UserError);
    assert.match(told.message, /passphrase.*"dev".*PULUMI_CONFIG_PASSPHRASE/s);
    assert.doesNotMatch(told.message, /code: 255/);
    const wrapped = new UserError(raw.message, { cause: raw });
    assert.equal((explained(wrapped, { stack: "dev" }) as Error).message, told.message);
    const other = new Error("no such host");
    assert.equal(explained(other, { stack: "dev" }), other);
  });
});
