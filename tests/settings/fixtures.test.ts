import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { SettingsError } from "../../components/shared/problem";
import { parseSettings } from "../../components/validation/parse";
import { unbuiltParts } from "../../components/validation/unbuilt";
import { readStackFile, root } from "./stack-files";

const bad = path.join(root, "tests/fixtures/bad");
const good = path.join(root, "tests/fixtures/good");

function names(folder: string, extension: string): string[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith(extension))
    .map((file) => path.basename(file, extension))
    .sort();
}

/** The message a stack file gets; undefined where it is accepted. Files named unbuilt-* are judged as a deployment's. */
function messageFor(folder: string, name: string): string | undefined {
  const { sections, secretNames } = readStackFile(path.join(folder, `${name}.yaml`));
  const refuse = name.startsWith("unbuilt-") ? unbuiltParts : undefined;
  try {
    parseSettings(sections, { secretNames, file: `${name}.yaml`, refuse });
    return undefined;
  } catch (error) {
    assert.ok(error instanceof SettingsError, String(error));
    return error.message;
  }
}

describe("bad stack files", () => {
  it("have a message each, and no message is left over", () => {
    assert.deepEqual(names(bad, ".yaml"), names(bad, ".txt"));
  });

  it("get different messages, so that none stands twice", () => {
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
