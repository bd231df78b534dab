import assert from "node:assert/strict";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { copiedFrom, dropCopiedRecords, recordHome } from "../../../cli/engine/records";
import { removeEmptyFolders, stackFolder } from "../../../embedded/engine/stack-folder";

describe("the records of a project", () => {
  let folder: string;
  let original: string;
  let other: string;
  beforeEach(() => {
    folder = realpathSync(mkdtempSync(path.join(tmpdir(), "talos-mesh-home-")));
    [original, other] = [path.join(folder, "original"), path.join(folder, "other")];
    mkdirSync(original);
    recordHome(original);
    mkdirSync(stackFolder(original, "dev").folder);
    writeFileSync(stackFolder(original, "dev").engine, "embedded\n");
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it("are a copy's in a copy, which drops its own and leaves the original's", () => {
    assert.equal(copiedFrom(original), undefined);
    cpSync(original, other, { recursive: true });
    assert.equal(copiedFrom(other), original);
    dropCopiedRecords(other);
    assert.equal(copiedFrom(other), undefined);
    assert.ok(existsSync(stackFolder(original, "dev").engine));
  });

  it("go with a project that was moved", () => {
    renameSync(original, other);
    assert.equal(copiedFrom(other), undefined);
    recordHome(other);
    mkdirSync(original);
    assert.equal(copiedFrom(other), undefined);
  });

  it("stay the same under another name of the folder", () => {
    symlinkSync(original, other);
    assert.equal(copiedFrom(other), undefined);
  });

  it("leave no folder behind when nothing is recorded any more", () => {
    rmSync(stackFolder(original, "dev").engine);
    removeEmptyFolders(stackFolder(original, "dev"));
    assert.ok(!existsSync(path.join(original, ".talos-mesh")));
  });
});
