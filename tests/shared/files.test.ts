import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { filledIn, writeFileAtomically, writeJsonAtomically } from "../../components/shared/files";

describe("an atomic write", () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-files-"))));
  afterEach(() => rmSync(folder, { recursive: true }));

  it("creates missing folders, replaces the file, and leaves nothing else", () => {
    const file = path.join(folder, "a", "b.json");
    writeFileAtomically(file, "old");
    writeFileSync(`${file}.part`, "half of what a killed process wrote");
    writeJsonAtomically(file, { a: 1 });
    assert.equal(readFileSync(file, "utf8"), '{\n  "a": 1\n}\n');
    assert.deepEqual(readdirSync(path.dirname(file)), ["b.json"]);
  });

  it("makes a file for its owner only, unless a mode is given", () => {
    const modeOf = (name: string, mode?: number) => {
      writeFileAtomically(path.join(folder, name), "", mode);
      return statSync(path.join(folder, name)).mode & 0o777;
    };
    assert.deepEqual([modeOf("a"), modeOf("b", 0o644)], [0o600, 0o644]);
  });
});

describe("a file with placeholders", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-files-"));
  after(() => rmSync(folder, { recursive: true }));
  const file = path.join(folder, "rules.yaml");

  it("gets the values of its placeholders, and keeps everything else", () => {
    writeFileSync(file, "a: <first> and <second>, 1 < 2 <first>\n");
    assert.equal(filledIn(file, { first: "$&", second: "2" }), "a: $& and 2, 1 < 2 $&\n");
  });

  it("is refused where a placeholder has no value", () => {
    writeFileSync(file, "a: <third>\n");
    assert.throws(() => filledIn(file, { first: "1" }), /rules\.yaml: no value for <third>/);
  });
});
