import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileProblems, productionFiles } from "../../../scripts/check/files";

describe("the check of files", () => {
  let root: string;
  beforeEach(() => (root = mkdtempSync(path.join(tmpdir(), "talos-mesh-check-"))));
  afterEach(() => rmSync(root, { recursive: true }));

  const write = (file: string, text: string) => {
    mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
    writeFileSync(path.join(root, file), text);
  };

  it("finds a shell script that bash cannot read", () => {
    write("components/good.sh", "echo good\n");
    write("components/bad.sh", "if true; then\n");
    const [problem, ...others] = fileProblems(root);
    assert.match(problem ?? "", /components\/bad\.sh: line 2: syntax error/);
    assert.deepEqual(others, []);
  });

  it("finds a file of more than 300 lines, in any language", () => {
    write("cli/long.cjs", "\n".repeat(301));
    write("cli/fits.sh", "\n".repeat(300));
    assert.deepEqual(fileProblems(root), ["cli/long.cjs: has 301 lines; at most 300"]);
  });

  it("finds words that the glossary replaces, and leaves their technical uses", () => {
    write("cli/words.ts", "// One line.\n// It stands here.\n// A stand-in chart, a standard.\n");
    write("README.md", "Nobody knows.\n");
    assert.deepEqual(fileProblems(root), [
      'cli/words.ts:2: "stands": write is, is in',
      'README.md:1: "Nobody": write the component, the client, the caller',
    ]);
  });

  it("counts TypeScript, JavaScript and shell scripts of the program only", () => {
    const files = ["index.ts", "cli/a.cjs", "embedded/c.sh", "scripts/b.mjs", ".github/scripts/f.ts"];
    for (const file of [...files, "embedded/d.yaml", "tests/e.ts"]) write(file, "");
    assert.deepEqual(productionFiles(root), files);
  });
});
