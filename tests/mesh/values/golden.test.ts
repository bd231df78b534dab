import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { stringify } from "yaml";
import { profiles } from "../../../components/mesh/values/common-values";
import type { SettingsInput } from "../../../components/settings/schema";
import { givenValues } from "../../../cli/commands/profile";
import { meshInput } from "./inputs";

const folder = path.join(__dirname, "../golden");
const update = process.env.UPDATE_GOLDEN === "1";

const dataPlanes: Readonly<Record<string, Partial<SettingsInput["mesh"]>>> = {
  sidecar: { dataPlane: "sidecar" },
  ambient: { dataPlane: "ambient" },
  mixed: { dataPlane: "sidecar", namespaces: { shop: { dataPlane: "ambient" } } },
};

const cases = Object.keys(profiles).flatMap((profile) =>
  Object.entries(dataPlanes)
    // Refused: no namespace of that mesh would be ambient.
    .filter(([dataPlane]) => profile !== "ambient" || dataPlane !== "sidecar")
    .map(([dataPlane, mesh]) => ({ name: `${profile}-${dataPlane}`, mesh: { ...mesh, profile } as typeof mesh })),
);

describe("golden values of Istio's charts", () => {
  before(() => {
    assert.ok(!(update && process.env.CI), "UPDATE_GOLDEN rewrites what CI is to compare with: unset it in CI");
  });

  for (const { name, mesh } of cases) {
    it(`${name}: are those of the golden file`, () => {
      const file = path.join(folder, `${name}.yaml`);
      const text = stringify(Object.fromEntries(givenValues(meshInput(mesh))), { aliasDuplicateObjects: false });
      if (update) writeFileSync(file, text);
      const wanted = readFileSync(file, "utf8");
      assert.equal(text, wanted, "after a wanted change: UPDATE_GOLDEN=1, and review the difference");
    });
  }

  it("have a case for every file", () => {
    assert.deepEqual(readdirSync(folder).sort(), cases.map(({ name }) => `${name}.yaml`).sort());
  });
});
