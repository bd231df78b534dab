import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { root } from "../../cluster/talos/config/plans";

function run(...argv: string[]): { code: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["cli/bin/talos-mesh.cjs", "import-talhelper", ...argv],
    { cwd: root, encoding: "utf8" },
  );
  return { code: status, stdout, stderr };
}

const article = "tests/fixtures/talhelper/clusters/article/talconfig.yaml";

describe("npm run import:talhelper", () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-import-"));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("prints the stack file alone, and the rest on stderr", () => {
    const { code, stdout, stderr } = run(article);
    assert.equal(code, 0);
    assert.match(stdout, /^# yaml-language-server: .*\nconfig:\n {2}talos-mesh:environment: dev\n/);
    assert.match(stderr, /^To check:\n/);
  });

  it("writes a file, but does not overwrite one", () => {
    const out = path.join(folder, "Pulumi.imported.yaml");
    assert.equal(run(article, "--out", out).code, 0);
    const written = readFileSync(out, "utf8");
    assert.equal(written, run(article).stdout);
    const again = run(article, "--out", out);
    assert.equal(again.code, 1);
    assert.match(again.stderr, /is there already; name another, or remove it\.\n$/);
    assert.equal(readFileSync(out, "utf8"), written);
  });

  it("copies no secret, and prints the command that stores the secrets", () => {
    const secrets = "tests/fixtures/talhelper/talsecret.yaml";
    const { code, stdout, stderr } = run(article, "--secrets", secrets);
    assert.equal(code, 0);
    assert.match(stdout, /machineSecrets:\n\s+secret: talosSecrets/);
    assert.ok(!`${stdout}${stderr}`.includes("not-a-secret"));
    assert.ok(
      stderr.includes(`  pulumi config set --secret --path 'talos-mesh:secrets.talosSecrets' < '${secrets}'\n`),
      stderr,
    );
  });

  it("prints a command that decrypts an encrypted talsecret", () => {
    const secrets = path.join(folder, "talsecret.sops.yaml");
    writeFileSync(secrets, "cluster:\n    id: ENC[AES256_GCM,data:eA==]\nsops:\n    mac: ENC[AES256_GCM,data:eA==]\n");
    const { code, stderr } = run(article, "--secrets", secrets);
    assert.equal(code, 0);
    assert.match(stderr, /sops -d '.*talsecret\.sops\.yaml' \| pulumi config set --secret --path/);
  });

  it("reports what talhelper does with a talsecret and talosctl does not", () => {
    const secrets = path.join(folder, "talsecret.yaml");
    writeFileSync(secrets, "secrets:\n  aescbcencryptionsecret: not-a-secret\ntrustdinfo:\n  token: ${TOKEN}\n");
    const { code, stdout, stderr } = run(article, "--secrets", secrets);
    assert.equal(code, 0);
    assert.match(
      stderr,
      /^ {2}talsecret\.yaml: secrets\.aescbcencryptionsecret: .*Set cluster\.aescbcEncryptionSecret/m,
    );
    assert.match(stderr, /^ {2}talsecret\.yaml: has variables, which talhelper fills/m);
    assert.ok(!`${stdout}${stderr}`.includes("not-a-secret"));
  });

  it("writes nothing and fails where something essential is missing", () => {
    const out = path.join(folder, "nothing.yaml");
    const { code, stderr } = run("tests/fixtures/talhelper/encrypted.yaml", "--out", out);
    assert.equal(code, 1);
    assert.match(stderr, /^Missing; nothing was written:\n {2}encrypted\.yaml: is encrypted with SOPS/);
    assert.equal(existsSync(out), false);
  });

  it("names the file that does not exist", () => {
    const { code, stderr } = run(path.join(folder, "nowhere.yaml"));
    assert.equal(code, 1);
    assert.match(stderr, /nowhere\.yaml does not exist\.\n$/);
  });

  it("refuses wrong options with its usage", () => {
    for (const argv of [[], ["a", "b"], ["--wrong"]]) {
      const { code, stderr } = run(...argv);
      assert.equal(code, 2);
      assert.match(stderr, /Usage: npm run import:talhelper/);
    }
    assert.equal(run("--help").code, 0);
  });
});
