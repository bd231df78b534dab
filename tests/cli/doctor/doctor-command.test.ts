import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Finding } from "../../../cli/doctor/doctor";
import { projectRoot } from "../../support/program";

describe("npm run doctor", function () {
  this.timeout(120_000);
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-doctor-"))));
  afterEach(() => rmSync(folder, { recursive: true }));

  function run(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    const entry = path.join(projectRoot, "cli/bin/talos-mesh.cjs");
    const bare = { HOME: folder, PULUMI_HOME: folder, TALOS_MESH_CACHE: folder, PATH: "/usr/bin:/bin" };
    return spawnSync(process.execPath, [entry, "doctor", ...args], {
      cwd: folder,
      env: { ...process.env, npm_lifecycle_event: undefined, INIT_CWD: undefined, ...bare, ...env },
      encoding: "utf8",
    });
  }

  const stackFile = (text: string) => {
    const file = path.join(folder, "Pulumi.some.yaml");
    writeFileSync(file, text);
    return file;
  };
  const embedded =
    "config:\n  talos-mesh:environment: dev\n  talos-mesh:cluster: { kind: embedded, name: a }\n  talos-mesh:mesh: { version: 1.31.1 }\n";

  it("finds no error with nothing installed and nothing deployed", () => {
    const { status, stdout, stderr } = run(["--stack", "some", "--config", stackFile(embedded), "--json"]);
    const findings = JSON.parse(stdout) as Finding[];
    assert.equal(stderr, "");
    assert.deepEqual(
      findings.filter(({ level }) => level === "error" || level === "not known"),
      [],
    );
    assert.equal(status, 0);
    const subjects = new Set(findings.map(({ subject }) => subject));
    for (const subject of [
      "stack file",
      "Node.js",
      "Pulumi CLI",
      "tools",
      "disk",
      "state",
      "locks",
      "access",
      "support",
    ]) {
      assert.ok(subjects.has(subject), subject);
    }
  });

  it("reports a stack file with problems, and all that does not depend on it", () => {
    const { status, stdout } = run(["--stack", "some", "--config", stackFile(embedded.replace("1.31.1", "1.99.0"))]);
    assert.equal(status, 1);
    assert.match(stdout, /✗ stack file .*1 problem in .*\n.*found 1\.99\.0; expected Istio/);
    assert.match(stdout, /✓ Node\.js/);
    assert.match(stdout, /✓ state/);
    assert.match(stdout, /\n1 error, /);
    const missing = run(["--stack", "some", "--config", path.join(folder, "Pulumi.none.yaml")]);
    assert.equal(missing.status, 1);
    assert.match(missing.stdout, /-> npm run new -- --stack NAME writes one/);
  });

  it("refuses a wrong command line", () => {
    assert.equal(run(["--stak", "some"]).status, 2);
  });
});
