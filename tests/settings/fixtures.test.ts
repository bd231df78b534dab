import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { SettingsError } from "../../components/shared/problem";
import { readStack } from "../../components/validation/stack";
import { root } from "./stack-files";

const bad = path.join(root, "tests/fixtures/bad");
const good = path.join(root, "tests/fixtures/good");
/** A project without defaults, with the files that fixtures name. */
const project = path.join(root, "tests/fixtures/project");

function names(folder: string, extension: string): string[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith(extension))
    .map((file) => path.basename(file, extension))
    .sort();
}

/** The message for a stack file, without its folder; undefined where it is accepted. */
function messageFor(folder: string, name: string): string | undefined {
  try {
    readStack(project, path.join(folder, `${name}.yaml`));
    return undefined;
  } catch (error) {
    assert.ok(error instanceof SettingsError, String(error));
    return error.message.replaceAll(`${folder}/`, "");
  }
}

describe("bad stack files", () => {
  it("have a message each, and no message is left over", () => {
    assert.deepEqual(names(bad, ".yaml"), names(bad, ".txt"));
  });

  it("get different messages", () => {
    const bodies = names(bad, ".txt").map((name) =>
      readFileSync(path.join(bad, `${name}.txt`), "utf8")
        .split("\n")
        .slice(1)
        .join("\n"),
    );
    assert.equal(new Set(bodies).size, bodies.length);
  });

  for (const name of names(bad, ".yaml")) {
    it(`${name}: gets exactly its message`, () => {
      assert.equal(`${messageFor(bad, name)}\n`, readFileSync(path.join(bad, `${name}.txt`), "utf8"));
    });
  }
});

describe("good stack files", () => {
  for (const name of names(good, ".yaml")) {
    it(`${name}: is accepted`, () => {
      assert.equal(messageFor(good, name), undefined);
    });
  }
});
