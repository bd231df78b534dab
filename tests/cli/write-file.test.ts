import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { writeNewFile } from "../../cli/write-file";
import { UserError } from "../../components/shared/problem";

describe("a file that a command writes", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-write-"));
  const at = (...names: readonly string[]) => path.join(folder, ...names);
  before(() => {
    mkdirSync(at("folder"));
    writeFileSync(at("file"), "kept");
    symlinkSync(at("nowhere", "x"), at("dangling"));
    symlinkSync(at("loop"), at("loop"));
  });
  after(() => rmSync(folder, { recursive: true }));

  it("is new, with the permissions of its kind", () => {
    writeNewFile(at("new"), "text", 0o600);
    assert.equal(readFileSync(at("new"), "utf8"), "text");
    assert.equal(statSync(at("new")).mode & 0o777, 0o600);
  });

  const there = "is there already; name another, or remove it.";
  const refused: Readonly<Record<string, readonly [names: readonly string[], reason: string]>> = {
    "an existing file": [["file"], there],
    "a folder": [["folder"], there],
    "a dangling link": [["dangling"], there],
    "a link to itself": [["loop"], there],
    "a folder that does not exist": [
      ["nowhere", "x"],
      "cannot be written: its folder does not exist; create the folder, or name another file.",
    ],
    "a file as a folder": [["file", "x"], "cannot be written (ENOTDIR); name a file in a folder that you may write."],
    "a long name": [["a".repeat(300)], "cannot be written (ENAMETOOLONG); name a file in a folder that you may write."],
  };
  for (const [what, [names, reason]] of Object.entries(refused)) {
    it(`is refused at ${what}, with the reason`, () => {
      assert.throws(
        () => writeNewFile(at(...names), "text"),
        (error: Error) => error instanceof UserError && error.message === `${at(...names)} ${reason}`,
      );
      assert.equal(readFileSync(at("file"), "utf8"), "kept");
    });
  }
});
