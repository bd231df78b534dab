import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { stringify } from "yaml";
import { scenarios, valuesOf } from "./inputs";

const folder = path.join(__dirname, "golden");
const update = process.env.UPDATE_GOLDEN === "1";

describe("golden values of the addons' charts", () => {
  before(() => {
    assert.ok(!(update && process.env.CI), "UPDATE_GOLDEN rewrites the files that CI compares with: unset it in CI");
  });

  for (const [name, input] of Object.entries(scenarios)) {
    it(`${name}: are those of the golden file`, () => {
      const file = path.join(folder, `${name}.yaml`);
      const text = stringify(Object.fromEntries(valuesOf(input())), { aliasDuplicateObjects: false });
      if (update) writeFileSync(file, text);
      assert.equal(
        text,
        readFileSync(file, "utf8"),
        "after an intended change: UPDATE_GOLDEN=1, and review the difference",
      );
    });
  }

  it("have a case for every file", () => {
    assert.deepEqual(
      readdirSync(folder).sort(),
      Object.keys(scenarios)
        .map((name) => `${name}.yaml`)
        .sort(),
    );
  });
});
