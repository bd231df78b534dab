import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { projectRoot } from "../../support/program";
import { skip } from "../../support/skip";

function run(program: string, ...args: string[]) {
  return spawnSync(program, args, { cwd: projectRoot, encoding: "utf8" });
}

// `npm run check` checks syntax and length of shell scripts.
describe("shell scripts", () => {
  it("have no finding of shellcheck", function () {
    this.timeout(120_000);
    if (run("shellcheck", "--version").status !== 0) skip(this, "shellcheck is not installed");
    const scripts = run("git", "ls-files", "*.sh").stdout.trim().split("\n");
    const { status, stdout } = run("shellcheck", ...scripts);
    assert.equal(status, 0, stdout);
  });
});
