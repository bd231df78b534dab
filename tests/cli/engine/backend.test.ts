import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { failure } from "../../../cli/engine/pulumi-cli";
import { checkBackend, workspaceOf } from "../../../cli/engine/pulumi-workspace";
import { recordedEngine, recordEngine } from "../../../cli/engine/records";
import { UserError } from "../../../components/shared/problem";

describe("the backend that a stack was deployed with", () => {
  let projectRoot: string;
  let project: { projectRoot: string; stack: string };
  beforeEach(() => {
    projectRoot = mkdtempSync(path.join(tmpdir(), "talos-mesh-backend-"));
    project = { projectRoot, stack: "dev" };
  });
  afterEach(() => rmSync(projectRoot, { recursive: true, force: true }));

  const deployedWith = (env: NodeJS.ProcessEnv) => recordEngine(project, "pulumi", workspaceOf(project, env).choice);
  const continueWith = (env: NodeJS.ProcessEnv) => checkBackend(project, workspaceOf(project, env));
  const record = () => readFileSync(path.join(projectRoot, ".talos-mesh", "dev", "engine"), "utf8");

  it("is kept, also when named by its address; before the first deployment any will do", () => {
    continueWith({ PULUMI_BACKEND_URL: "s3://states" });
    deployedWith({});
    continueWith({});
    continueWith({ PULUMI_BACKEND_URL: `file://${projectRoot}/.talos-mesh/pulumi/` });
    deployedWith({ PULUMI_BACKEND_URL: "s3://states/", PULUMI_CONFIG_PASSPHRASE: "x" });
    continueWith({ PULUMI_BACKEND_URL: "s3://states", PULUMI_CONFIG_PASSPHRASE_FILE: "/y" });
    assert.equal(recordedEngine(project), "pulumi");
  });

  it("is required where another is chosen, with both names and what to set", () => {
    deployedWith({});
    assert.throws(
      () => continueWith({ PULUMI_BACKEND_URL: "s3://other" }),
      /deployed with the backend file:\/\/\S+\/\.talos-mesh\/pulumi; s3:\/\/other has no state of it\.\nUnset PULUMI_BACKEND_URL/,
    );
    deployedWith({ PULUMI_BACKEND_URL: "s3://states" });
    const wanted = /backend s3:\/\/states; \S+ has no state of it\.\nSet PULUMI_BACKEND_URL=s3:\/\/states /;
    assert.throws(() => continueWith({}), wanted);
    assert.throws(() => continueWith({ PULUMI_BACKEND_URL: "s3://other" }), wanted);
  });

  it("is required with its passphrase", () => {
    deployedWith({});
    assert.throws(() => continueWith({ PULUMI_CONFIG_PASSPHRASE: "x" }), /\nUnset PULUMI_CONFIG_PASSPHRASE /);
    deployedWith({ PULUMI_CONFIG_PASSPHRASE: "x" });
    assert.throws(() => continueWith({}), /passphrase of yours.*\nSet PULUMI_CONFIG_PASSPHRASE or /);
  });

  it("is recorded without any secret", () => {
    const url = "postgres://me:hunter2@db/states?sslmode=on&password=hunter3";
    deployedWith({ PULUMI_BACKEND_URL: url, PULUMI_CONFIG_PASSPHRASE: "hunter4" });
    assert.match(record(), /^pulumi\nbackend: postgres:\/\/db\/states/);
    assert.doesNotMatch(record(), /hunter/);
    continueWith({ PULUMI_BACKEND_URL: url, PULUMI_CONFIG_PASSPHRASE: "x" });
    assert.throws(
      () => continueWith({ PULUMI_BACKEND_URL: "s3://a:hunter5@b", PULUMI_CONFIG_PASSPHRASE: "x" }),
      (error: Error) => error instanceof UserError && !error.message.includes("hunter"),
    );
  });

  it("explains a wrong passphrase by what to set", () => {
    const text = "code: 255\n stdout: \n stderr: error: getting secrets manager: incorrect passphrase\n";
    const { message } = failure(text, { stack: "dev" }, text);
    assert.match(message, /passphrase.*"dev".*PULUMI_CONFIG_PASSPHRASE/s);
    assert.doesNotMatch(message, /code: 255/);
    assert.equal(failure("no such host", { stack: "dev" }, "no such host").message, "no such host");
  });
});
