import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { markerFile, writeFolder } from "../../../cli/render/output-folder";

describe("the folder of a render", () => {
  let parent: string;
  let folder: string;
  beforeEach(() => {
    parent = mkdtempSync(path.join(tmpdir(), "talos-mesh-render-"));
    folder = path.join(parent, "deep", "out");
  });
  afterEach(() => rmSync(parent, { recursive: true }));

  const write = (...files: string[]): void => writeFolder(folder, new Map(files.map((file) => [file, `${file}\n`])));
  const entries = (): string[] => readdirSync(folder).sort();

  it("is made with all folders above it", () => {
    write("a.yaml", "b.yaml");
    assert.deepEqual(entries(), [markerFile, "a.yaml", "b.yaml"]);
    assert.equal(readFileSync(path.join(folder, "a.yaml"), "utf8"), "a.yaml\n");
  });

  it("loses what the new render does not have, and keeps what no render has written", () => {
    write("a.yaml", "b.yaml");
    writeFileSync(path.join(folder, "kustomization.yaml"), "mine");
    mkdirSync(path.join(folder, ".git"));
    write("b.yaml", "c.yaml");
    assert.deepEqual(entries(), [".git", markerFile, "b.yaml", "c.yaml", "kustomization.yaml"]);
    write("c.yaml");
    assert.deepEqual(entries(), [".git", markerFile, "c.yaml", "kustomization.yaml"]);
  });

  it("is refused when it holds other things, and left as it was", () => {
    mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(folder, "thesis.tex"), "years of work");
    assert.throws(() => write("a.yaml"), {
      name: "UserError",
      message: /: holds thesis\.tex, which no render has written\. Name/,
    });
    assert.deepEqual(entries(), ["thesis.tex"]);
    writeFileSync(path.join(folder, "more.tex"), "");
    assert.throws(() => write("a.yaml"), { message: /holds \w+\.tex and 1 more, which/ });
  });

  it("is refused when a file of the user's has the name of one of ours", () => {
    write("a.yaml");
    writeFileSync(path.join(folder, "b.yaml"), "mine");
    assert.throws(() => write("a.yaml", "b.yaml"), { name: "UserError", message: /b\.yaml would be overwritten/ });
    assert.equal(readFileSync(path.join(folder, "b.yaml"), "utf8"), "mine");
  });

  it("is refused when it is a file", () => {
    const file = path.join(parent, "file");
    writeFileSync(file, "");
    assert.throws(() => writeFolder(file, new Map()), { name: "UserError", message: /is a file; name a folder/ });
  });

  it("is refused where it cannot be created, with the reason and no stack trace", () => {
    symlinkSync(path.join(parent, "nowhere"), path.join(parent, "link"));
    for (const [place, code] of [
      [path.join(parent, "link"), "EEXIST"],
      [path.join(parent, "x".repeat(300)), "ENAMETOOLONG"],
      // A new folder vanishes there, and Node's own recursive mkdir never returns.
      ["/proc/self/render/out", "ENOENT"],
    ]) {
      assert.throws(() => writeFolder(place ?? "", new Map([["a.yaml", ""]])), {
        name: "UserError",
        message: `--out ${place}: cannot be used (${code}). Name a folder that you may write.`,
      });
    }
  });

  it("is recognized as ours after a run that was killed before its first file", () => {
    // A process number that no system gives out.
    mkdirSync(path.join(folder, `${markerFile}.99999999`), { recursive: true });
    write("a.yaml");
    assert.deepEqual(entries(), [markerFile, "a.yaml"]);
  });

  it("never loses a file elsewhere to an edited marker", () => {
    write("a.yaml");
    writeFileSync(path.join(parent, "deep", "precious"), "");
    writeFileSync(path.join(folder, markerFile), "a.yaml\n../precious\n");
    write("b.yaml");
    assert.deepEqual(readdirSync(path.join(parent, "deep")).sort(), ["out", "precious"]);
    assert.deepEqual(entries(), [markerFile, "b.yaml"]);
  });
});
