import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { flagOf } from "../../../cli/command";
import { answersOf, type Ask, problemOf, questions } from "../../../cli/new/questions";
import { projectRoot } from "../../support/program";

describe("npm run new", () => {
  let folder: string;
  before(() => (folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-new-"))));
  after(() => rmSync(folder, { recursive: true }));

  /** Without a terminal. */
  function run(name: string, ...args: readonly string[]) {
    const file = path.join(folder, `Pulumi.${name}.yaml`);
    const entry = path.join(projectRoot, "cli/bin/talos-mesh.cjs");
    const env = { ...process.env, npm_lifecycle_event: undefined, INIT_CWD: undefined };
    const { status, stdout, stderr } = spawnSync(process.execPath, [entry, "new", "--config", file, ...args], {
      cwd: folder,
      env,
      encoding: "utf8",
    });
    return {
      status,
      stdout,
      problems: stderr.split("\n\nUsage")[0],
      text: existsSync(file) && readFileSync(file, "utf8"),
    };
  }

  const machines = [
    "--endpoint",
    "https://10.0.0.10:6443",
    "--control-planes",
    "cp-1=10.0.0.11",
    "--workers",
    "w-1=10.0.0.21",
  ];

  it("writes the file, and prints what to do next", () => {
    const { status, stdout, problems, text } = run(
      "one",
      "--kind",
      "talos",
      ...machines,
      "--environment",
      "staging",
      "--host",
      "a.example.com",
    );
    assert.deepEqual([status, problems], [0, ""]);
    assert.match(String(text), /^# yaml-language-server: \$schema=.*talos-mesh\.schema\.json\n/);
    assert.match(String(text), /- \{ hostname: w-1, ipAddress: 10\.0\.0\.21, installDisk: \/dev\/sda \}/);
    assert.match(stdout, /^Pulumi\.one\.yaml written\.\n\nNext:\n {2}1\. read the file/);
    assert.match(stdout, /log in to a backend that others share/);
    assert.match(stdout, /deploy it: npm start -- --stack one --config Pulumi\.one\.yaml\n$/);
  });

  it("never changes a file that exists", () => {
    writeFileSync(path.join(folder, "Pulumi.there.yaml"), "mine");
    const { status, problems, text } = run("there", "--kind", "embedded");
    assert.deepEqual([status, text], [1, "mine"]);
    assert.match(String(problems), /Pulumi\.there\.yaml is there already, and is not changed/);
  });

  it("lists everything that is missing, with the flag for each, where there is no terminal", () => {
    const { status, problems, text } = run(
      "missing",
      "--kind",
      "talos",
      "--environment",
      "production",
      "--application",
      "own",
    );
    assert.deepEqual([status, text], [2, false]);
    const [first, ...flags] = String(problems).split("\n");
    assert.equal(first, "missing, and there is no terminal to ask on:");
    assert.deepEqual(
      flags.map((line) => line.trim().split(":")[0]),
      ["--endpoint", "--control-planes", "--workers", "--service", "--host"],
    );
    assert.match(String(run("kind").problems), /--kind: Kind of cluster \(embedded, docker, talos, existing\)$/);
  });

  it("refuses answers that cannot be used, all at once, and flags that do not apply", () => {
    const given = [
      "--kind",
      "embedded",
      "--environment",
      "production",
      "--kubeconfig",
      "a",
      "--addons",
      "some",
      "--host",
      "A_b",
    ];
    const { status, problems, text } = run("wrong", ...given);
    assert.deepEqual([status, text], [2, false]);
    assert.deepEqual(String(problems).split("\n"), [
      '--environment "production": expected one of: dev, staging',
      "--kubeconfig does not go with --kind embedded; remove it",
      `--host "A_b": expected a DNS name: lower-case letters, digits, '-' and '.'`,
      '--addons "some": expected one of: none, metrics, all',
    ]);
  });

  it("refuses what the questions cannot know, as a deployment does", () => {
    const twice = [
      "--endpoint",
      "https://10.0.0.10:6443",
      "--control-planes",
      "cp-1=10.0.0.11",
      "--workers",
      "w-1=10.0.0.11",
    ];
    const { status, problems, text } = run("twice", "--kind", "talos", ...twice);
    assert.deepEqual([status, text], [1, false]);
    assert.match(String(problems), /address 10\.0\.0\.11 already exists/);
  });

  it("asks on a terminal only what no flag gives and what applies", async () => {
    const asked: string[] = [];
    const replies = new Map<string, string>([
      [questions.application.text, "none"],
      [questions.addons.text, "none"],
    ]);
    const ask: Ask = (question, given) => {
      asked.push(question.text);
      return Promise.resolve(replies.get(question.text) ?? question.fallback?.(given) ?? assert.fail(question.text));
    };
    const answers = await answersOf({ kind: "embedded", dataPlane: "ambient" }, flagOf, ask);
    const { environment, application, gateway, addons } = questions;
    assert.deepEqual(asked, [environment.text, application.text, gateway.text, addons.text]);
    assert.deepEqual(answers, {
      kind: "embedded",
      environment: "dev",
      dataPlane: "ambient",
      application: "none",
      gateway: "NodePort",
      addons: "none",
    });
  });

  it("says what is expected of an answer", () => {
    assert.match(problemOf("cp-1", questions.controlPlanes, {}) ?? "", /expected name=value/);
    assert.match(problemOf("cp-1=10.0.0.300", questions.controlPlanes, {}) ?? "", /expected an IP address/);
    assert.match(problemOf("shop/front", questions.service, {}) ?? "", /expected NAMESPACE\/NAME:PORT/);
    assert.match(problemOf("shop/front:99999", questions.service, {}) ?? "", /65535|expected/);
    assert.match(problemOf("sda", questions.installDisk, {}) ?? "", /expected a device such as \/dev\/sda/);
    assert.equal(problemOf("cp-1=10.0.0.11, cp-2=fd00::2", questions.controlPlanes, {}), undefined);
  });
});
