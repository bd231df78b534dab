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
    assert.ok(!(update && process.env.CI), "UPDATE_GOLDEN rewrites the golden files: unset it in CI");
  });

  for (const [name, { settings, overrides }] of Object.entries(scenarios)) {
    const file = path.join(folder, `${name}.yaml`);

    it(`compiles ${name} to its golden file, and to objects that the CRDs accept`, () => {
      const objects = compilePolicies(shopModel(settings, overrides));
      for (const object of objects)
        assert.deepEqual(schemas.problems(object), [], `${object.kind} ${object.metadata.name}`);
      const text = objects
        .map((object) => stringify(object, { lineWidth: 0, aliasDuplicateObjects: false }))
        .join("---\n");
      if (update) writeFileSync(file, text);
      assert.equal(text, readFileSync(file, "utf8"), "to accept a change: UPDATE_GOLDEN=1, and review the difference");
    });
  }

  it("has a scenario for every file", () => {
    const expected = Object.keys(scenarios).map((name) => `${name}.yaml`);
    assert.deepEqual(readdirSync(folder).sort(), expected.sort());
  });
});
