import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parse, stringify } from "yaml";
import { environmentImages } from "../../components/images";
import { asTree } from "../../components/shared/merge";
import { schemaProblems } from "../../components/validation/structural-schema";
import { chartsVariable, crdSchemas, unknownPaths } from "../support/official-charts";
import { skip } from "../support/skip";
import { productsOf, scenarios, settingsOf } from "./inputs";

const folder = path.join(__dirname, "golden");
const update = process.env.UPDATE_GOLDEN === "1";

describe("golden values and objects of the platform's products", () => {
  for (const name of scenarios) {
    it(`${name}: are those of the golden file`, () => {
      const file = path.join(folder, `${name}.yaml`);
      const made = productsOf(settingsOf(name)).map(({ product: { chart, namespace }, ...rest }) => {
        return [`${chart.name} ${chart.version} in ${namespace}`, rest] as const;
      });
      const text = stringify(Object.fromEntries(made), { aliasDuplicateObjects: false });
      if (update) writeFileSync(file, text);
      assert.equal(
        text,
        readFileSync(file, "utf8"),
        "after an intended change: UPDATE_GOLDEN=1, and review the difference",
      );
    });
  }

  it("have a case for every file", () => {
    assert.deepEqual(readdirSync(folder).sort(), scenarios.map((name) => `${name}.yaml`).sort());
  });
});

/** Every image that values name, in any of the forms that charts take. */
function imagesIn(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  const { repository, tag } = value as { readonly repository?: unknown; readonly tag?: unknown };
  if (typeof repository === "string" && typeof tag === "string") return [`${repository}:${tag}`];
  return Object.values(value).flatMap(imagesIn);
}

describe("images of the platform's products", () => {
  for (const name of scenarios) {
    it(`${name}: are those in the values, from the mirror and by digest`, () => {
      const settings = settingsOf(name);
      const digest = `sha256:${"a".repeat(64)}`;
      const images = {
        ...settings.images,
        mirrors: { "quay.io": "registry.example.com:5000/quay" },
        digests: { controller: digest, "cert-manager-controller": digest },
      };
      const mirrored = { ...settings, images };
      const listed = environmentImages(mirrored).filter(({ component }) => component === "platform");
      const pulled = productsOf(mirrored).flatMap(({ values }) => imagesIn(values));
      assert.deepEqual(listed.map(({ image }) => image).sort(), [...new Set(pulled)].sort());
      assert.ok(
        pulled.some((image) => image.endsWith(`@${digest}`)) && !pulled.some((image) => image.startsWith("quay")),
      );
    });
  }
});

describe("the official chart of a product", function () {
  let charts = "";
  before(function () {
    const given = process.env[chartsVariable];
    if (given === undefined) skip(this, `${chartsVariable} does not name a folder with the charts of other projects`);
    charts = given;
  });

  for (const name of scenarios) {
    it(`reads each value, and serves each object: ${name}`, function () {
      for (const { product, values, objects } of productsOf(settingsOf(name))) {
        const { chart } = product;
        const home = path.join(charts, `${chart.name}-${chart.version}`);
        if (!existsSync(home)) skip(this, `${chartsVariable} has no ${chart.name}-${chart.version}`);
        const unknown = Object.entries(values).flatMap(([key, value]) => {
          // Values of a chart within the chart.
          const inner = path.join(home, "charts", key, "values.yaml");
          const isInner = existsSync(inner);
          const text = readFileSync(isInner ? inner : path.join(home, "values.yaml"), "utf8");
          return unknownPaths(isInner ? asTree(value) : { [key]: value }, text, parse(text));
        });
        assert.deepEqual(unknown, [], chart.name);
        const schemas = crdSchemas(home);
        for (const { apiVersion, kind, spec } of objects) {
          const schema = schemas.get(`${apiVersion} ${kind}`) ?? assert.fail(`the chart has no ${apiVersion} ${kind}`);
          assert.deepEqual([...schemaProblems(schema, spec, [])], [], kind);
        }
      }
    });
  }
});
