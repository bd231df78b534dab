import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { stringify } from "yaml";
import { compilePolicies } from "../../policies/compile";
import { CrdSchemas } from "../support/crd-schema";
import { shopModel } from "../support/policy-models";
import { scenarios } from "./scenarios";

const folder = path.join(__dirname, "golden");
const update = process.env.UPDATE_GOLDEN === "1";

describe("golden manifests of the sidecar compiler", () => {
  const schemas = new CrdSchemas();

  before(() => {
    assert.ok(!(update && process.env.CI), "UPDATE_GOLDEN rewrites what CI is to compare with: unset it in CI");
  });

  for (const [name, { words, places }] of Object.entries(scenarios)) {
    const file = path.join(folder, `${name}.yaml`);

    it(`compiles ${name} to what was agreed, and to nothing that the CRDs do not know`, () => {
      const objects = compilePolicies(shopModel(words, places));
      for (const object of objects)
        assert.deepEqual(schemas.problems(object), [], `${object.kind} ${object.metadata.name}`);
      const text = objects
        .map((object) => stringify(object, { lineWidth: 0, aliasDuplicateObjects: false }))
        .join("---\n");
      if (update) writeFileSync(file, text);
      assert.equal(
        text,
        readFileSync(file, "utf8"),
        "after a wanted change: UPDATE_GOLDEN=1, and review the difference",
      );
    });
  }

  it("has a scenario for every file", () => {
    const expected = Object.keys(scenarios).map((name) => `${name}.yaml`);
    assert.deepEqual(readdirSync(folder).sort(), expected.sort());
  });
});
