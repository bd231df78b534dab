import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { stringify } from "yaml";
import {
  ambientRefusal,
  capabilities,
  type Capability,
  type Demand,
  type RefusedInAmbient,
} from "../../policies/capabilities";
import { compilePolicies } from "../../policies/compile";
import { CrdSchemas } from "../support/crd-schema";
import { ambientShop, ambientSources, refusals, shopModel, shopSources } from "../support/policy-models";
import { demands } from "./demands";

const folder = path.join(__dirname, "golden-ambient");
const update = process.env.UPDATE_GOLDEN === "1";
const rows = Object.entries(capabilities) as [Demand, Capability][];

/** Refused as part of another demand, whose reason is given. */
const reasons: Partial<Record<Demand, RefusedInAmbient>> = { backoff: "retries", unmatchedPreflights: "cors" };

describe("each row of the table of capabilities", () => {
  const schemas = new CrdSchemas();

  before(() => {
    assert.ok(!(update && process.env.CI), "UPDATE_GOLDEN rewrites what CI is to compare with: unset it in CI");
    if (update) mkdirSync(folder, { recursive: true });
  });

  for (const [demand, { sidecar, ambient, since }] of rows) {
    const { words, places } = demands[demand];

    it(`${demand}: compiles for sidecars, to nothing that the CRDs do not know`, () => {
      assert.ok("native" in sidecar || "converted" in sidecar);
      for (const object of compilePolicies(shopModel(words, places))) assert.deepEqual(schemas.problems(object), []);
    });

    if ("refused" in ambient) {
      it(`${demand}: is refused in ambient, with the reason and what works instead`, () => {
        const found = refusals(ambientSources(words, places)).join("\n");
        assert.ok(found.includes(ambientRefusal(reasons[demand] ?? (demand as RefusedInAmbient))), found);
      });
    } else {
      it(`${demand}: compiles for ambient to what was agreed`, () => {
        const objects = compilePolicies(ambientShop(words, places));
        for (const object of objects) {
          assert.deepEqual(schemas.problems(object), [], `${object.kind} ${object.metadata.name}`);
        }
        const text = objects
          .map((object) => stringify(object, { lineWidth: 0, aliasDuplicateObjects: false }))
          .join("---\n");
        const file = path.join(folder, `${demand}.yaml`);
        if (update) writeFileSync(file, text);
        assert.equal(text, readFileSync(file, "utf8"), "after a wanted change: UPDATE_GOLDEN=1, and review it");
      });
    }

    if (since !== undefined) {
      it(`${demand}: is refused by name for a release whose API does not have it`, () => {
        const found = refusals(shopSources(words, { ...places, istioVersion: "1.22.1" })).join("\n");
        assert.match(found, new RegExp(`needs Istio ${since} or newer, and mesh.version is 1.22.1`));
      });
    }
  }

  it("says of no data plane that its effect was seen where it is refused", () => {
    const wrong = rows.filter(([, { seen, ambient }]) => seen?.includes("ambient") && "refused" in ambient);
    assert.deepEqual(wrong, []);
  });

  it("has a golden file, and no file is left over", () => {
    const expected = rows.filter(([, { ambient }]) => !("refused" in ambient)).map(([demand]) => `${demand}.yaml`);
    assert.deepEqual(readdirSync(folder).sort(), expected.sort());
  });
});
