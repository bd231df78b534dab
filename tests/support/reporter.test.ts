import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { projectRoot } from "./program";

describe("the reporter of npm test", () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-reporter-"))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** Runs files of tests by themselves, and gives the lines of standard output. */
  function run(files: Readonly<Record<string, string>>): string[] {
    for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), text);
    const mocha = path.join(projectRoot, "node_modules/mocha/bin/mocha.js");
    const reporter = path.join(projectRoot, "tests/support/reporter.cjs");
    const { stdout } = spawnSync(process.execPath, [mocha, "--reporter", reporter, ...Object.keys(files)], {
      cwd: folder,
      encoding: "utf8",
      env: { ...process.env, TALOS_MESH_TEST_RESULT: undefined },
    });
    return stdout.split("\n").map((line) => line.replace(/\d+\.\d s$/, "T s"));
  }

  it("tells of a file as soon as it is done, and of failures and counts at the end", () => {
    const suite = (...tests: string[]) => `describe("it", () => { ${tests.join("; ")} });`;
    const lines = run({
      "a.test.js": suite('it("one", () => {})', 'it("two", () => {})') + suite('it("three", () => {})'),
      "b.test.js": suite(
        'it("speaks", () => console.log("b runs"))',
        'it("fails", () => { throw new Error("b failed"); })',
      ),
      "c.test.js": suite('before(() => console.log("c prepares"))', 'it("runs", () => {})'),
    });
    assert.deepEqual(lines.slice(0, 5), [
      "ok     a.test.js  3 passed  T s",
      "b runs",
      "FAILED b.test.js  1 passed, 1 failed  T s",
      "c prepares",
      "ok     c.test.js  1 passed  T s",
    ]);
    assert.deepEqual(lines.slice(5, 8), ["", "1) it fails", "Error: b failed"]);
    assert.equal(lines.at(-2), "5 passed, 1 failed, 0 skipped");
  });

  it("corrects the line of a file in which something fails after its end", () => {
    const lines = run({
      "a.test.js": 'it("leaves", () => { setTimeout(() => { throw new Error("late"); }, 50); });',
      "b.test.js": 'it("waits", () => new Promise((resolve) => setTimeout(resolve, 500)));',
    });
    assert.equal(lines[0], "ok     a.test.js  1 passed  T s");
    assert.equal(lines.at(-2)?.includes("1 failed"), true);
  });
});
