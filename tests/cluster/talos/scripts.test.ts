import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { projectRoot } from "../../support/program";
import { skip } from "../../support/skip";

function run(program: string, ...args: string[]) {
  return spawnSync(program, args, { cwd: projectRoot, encoding: "utf8" });
}

describe("shell scripts", function () {
  this.timeout(60_000);
  const scripts = run("git", "ls-files", "--cached", "--others", "--exclude-standard", "*.sh")
    .stdout.trim()
    .split("\n");

  it("have valid syntax, and at most 300 lines each", () => {
    assert.ok(scripts.length > 15, `found ${scripts.length}`);
    for (const script of scripts) {
      const { status, stderr } = run("bash", "-n", script);
      assert.equal(status, 0, stderr);
      assert.ok(readFileSync(path.join(projectRoot, script), "utf8").split("\n").length <= 301, script);
    }
  });

  it("have no finding of shellcheck", function () {
    if (run("shellcheck", "--version").status !== 0) skip(this, "shellcheck is not installed");
    const { status, stdout } = run("shellcheck", ...scripts);
    assert.equal(status, 0, stdout);
  });
});
