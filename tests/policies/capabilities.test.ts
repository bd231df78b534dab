import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { stringify } from "yaml";
import {
  ambientRefusal,
  capabilities,
  type Capability,
  type CapabilityName,
  type RefusedInAmbient,
} from "../../policies/capabilities";
import { compilePolicies } from "../../policies/compile";
import { CrdSchemas } from "../support/crd-schema";
import { ambientShop, ambientSources, refusals, shopModel, shopSources } from "../support/policy-models";
import { examples } from "./examples";

const folder = path.join(__dirname, "golden-ambient");
const update = process.env.UPDATE_GOLDEN === "1";
const rows = Object.entries(capabilities) as [CapabilityName, Capability][];

/** Refused as part of another capability, whose reason is given. */
const reasons: Partial<Record<CapabilityName, RefusedInAmbient>> = {
  sourceNamespace: "sourceWorkload",
  sourceLabels: "sourceWorkload",
};

describe("each row of the table of capabilities", () => {
  const schemas = new CrdSchemas();

  before(() => {
    assert.ok(!(update && process.env.CI), "UPDATE_GOLDEN rewrites the golden files: unset it in CI");
    if (update) mkdirSync(folder, { recursive: true });
  });

  for (const [name, { sidecar, ambient, since }] of rows) {
    const { settings, overrides } = examples[name];

    it(`${name}: compiles for sidecars, to objects that the CRDs accept`, () => {
      assert.ok("native" in sidecar || "converted" in sidecar);
      for (const object of compilePolicies(shopModel(settings, overrides)))
        assert.deepEqual(schemas.problems(object), []);
    });

    if ("refused" in ambient) {
      it(`${name}: is refused in ambient, with the reason and what works instead`, () => {
        const found = refusals(ambientSources(settings, overrides)).join("\n");
        assert.ok(found.includes(ambientRefusal(reasons[name] ?? (name as RefusedInAmbient))), found);
      });
    } else {
      it(`${name}: compiles for ambient to its golden file`, () => {
        const objects = compilePolicies(ambientShop(settings, overrides));
        for (const object of objects) {
          assert.deepEqual(schemas.problems(object), [], `${object.kind} ${object.metadata.name}`);
        }
        const text = objects
          .map((object) => stringify(object, { lineWidth: 0, aliasDuplicateObjects: false }))
          .join("---\n");
        const file = path.join(folder, `${name}.yaml`);
        if (update) writeFileSync(file, text);
        assert.equal(text, readFileSync(file, "utf8"), "to accept a change: UPDATE_GOLDEN=1, and review it");
      });
    }

    if (since !== undefined) {
      it(`${name}: is refused for a release whose API does not have it`, () => {
        const found = refusals(shopSources(settings, { ...overrides, istioVersion: "1.22.1" })).join("\n");
        assert.match(found, new RegExp(`needs Istio ${since} or newer, and mesh.version is 1.22.1`));
      });
    }
  }

  it("has no measured effect in a data plane that refuses it", () => {
    const wrong = rows.filter(([, { seen, ambient }]) => seen?.includes("ambient") && "refused" in ambient);
    assert.deepEqual(wrong, []);
  });

  it("has a golden file, and each golden file has a row", () => {
    const expected = rows.filter(([, { ambient }]) => !("refused" in ambient)).map(([name]) => `${name}.yaml`);
    assert.deepEqual(readdirSync(folder).sort(), expected.sort());
  });
});
