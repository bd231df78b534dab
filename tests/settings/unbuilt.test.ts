import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import path from "node:path";
import { parseSettings } from "../../components/validation/parse";
import type { Settings } from "../../components/settings/schema";
import { unbuiltParts, withoutUnbuilt } from "../../components/validation/unbuilt";
import { readStackFile, root, stacks } from "./stack-files";

function parseFile(file: string): Settings {
  const { sections, secretNames } = readStackFile(path.join(root, file));
  return parseSettings(sections, { secretNames }).settings;
}

const files = [
  ...stacks.map((stack) => `Pulumi.${stack}.yaml`),
  ...readdirSync(path.join(root, "tests/fixtures/good")).map((name) => `tests/fixtures/good/${name}`),
];

describe("settings without what is not built", () => {
  for (const file of files) {
    it(`of ${path.basename(file)} can be built, and what was left out is what a deployment refuses`, () => {
      const settings = parseFile(file);
      const before = structuredClone(settings);
      const { settings: rest, leftOut } = withoutUnbuilt(settings);
      assert.deepEqual(unbuiltParts(rest), []);
      assert.deepEqual(leftOut, unbuiltParts(settings));
      assert.deepEqual(settings, before, "the settings that were given stay as they are");
    });
  }

  it("leave the stack dev as it is", () => {
    const settings = parseFile("Pulumi.dev.yaml");
    assert.deepEqual(withoutUnbuilt(settings), { settings, leftOut: [] });
  });

  it("keep the article's policies that are built", () => {
    const { settings } = withoutUnbuilt(parseFile("Pulumi.article.yaml"));
    assert.deepEqual(settings.traffic, parseFile("Pulumi.article.yaml").traffic);
    assert.equal(settings.security.authorization?.allow.length, 5);
  });

  it("keep the cluster, whatever its kind", () => {
    const { settings } = withoutUnbuilt(parseFile("Pulumi.article.yaml"));
    assert.deepEqual(settings.cluster, parseFile("Pulumi.article.yaml").cluster);
  });
});
