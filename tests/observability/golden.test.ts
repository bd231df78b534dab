import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { stringify } from "yaml";
import { addonValues } from "../../components/observability/releases";
import { dashboardMaps, scenarios, watched } from "./inputs";

const folder = path.join(__dirname, "golden");
const update = process.env.UPDATE_GOLDEN === "1";

describe("golden values of the addons' charts", () => {
  before(() => {
    assert.ok(!(update && process.env.CI), "UPDATE_GOLDEN rewrites what CI is to compare with: unset it in CI");
  });

  for (const [name, input] of Object.entries(scenarios)) {
    it(`${name}: are what was agreed`, () => {
      const file = path.join(folder, `${name}.yaml`);
      const values = addonValues(input(), watched, dashboardMaps);
      const text = stringify(Object.fromEntries(values), { aliasDuplicateObjects: false });
      if (update) writeFileSync(file, text);
      assert.equal(
        text,
        readFileSync(file, "utf8"),
        "after a wanted change: UPDATE_GOLDEN=1, and review the difference",
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
