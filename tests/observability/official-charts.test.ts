import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";
import { istioReleases } from "../../components/settings/versions";
import { asTree } from "../../components/shared/merge";
import { chartsVariable, unknownPaths } from "../support/official-charts";
import { skip } from "../support/skip";
import { addonInput, releasesOf, scenarios } from "./inputs";

/** Values that the charts pass on as they are: to the program as its configuration, or to Kubernetes. */
const passedOn: ReadonlySet<string> = new Set([
  "grafana.ini",
  "datasources.datasources.yaml",
  "serverFiles",
  "loki.limits_config",
  "external_services",
  "securityContext",
]);

/** Paths of values that the chart takes from the namespace of the release where they are not set. */
function namespaceDefaults(helpers: string): string[][] {
  const fallback = /\.Values\.([\w.]+)\s*}}\s*{{-? else -?}}\s*{{-? \.Release\.Namespace/g;
  return [...helpers.matchAll(fallback)].map(([, at = ""]) => at.split("."));
}

describe("the official chart", function () {
  let folder = "";
  before(function () {
    const given = process.env[chartsVariable];
    if (given === undefined) skip(this, `${chartsVariable} does not name a folder with the addons' own charts`);
    folder = given;
  });

  const everyIstio = [...istioReleases.keys()].map((minor) => {
    const settings = {
      prometheus: {},
      grafana: { url: "https://grafana.example.com" },
      kiali: {},
      tracing: { provider: "jaeger", url: "https://jaeger.example.com" },
    };
    return [`istio-${minor}`, () => addonInput(settings, `${minor}.1`)] as const;
  });

  for (const [scenario, input] of [...Object.entries(scenarios), ...everyIstio]) {
    it(`reads each value of the scenario, and no namespace but Istio's where Istio's is meant: ${scenario}`, function () {
      const { context, ...rest } = input();
      const missing: string[] = [];
      for (const { release, chart, settings } of releasesOf({ context, ...rest })) {
        const file = path.join(folder, `${chart.name}-${chart.version}`, "values.yaml");
        if (!existsSync(file)) {
          missing.push(`${chart.name}-${chart.version}`);
          continue;
        }
        const text = readFileSync(file, "utf8");
        const values = release.values(settings, context);
        const unknown = unknownPaths(values, text, parse(text), passedOn);
        assert.deepEqual(unknown, [], `${chart.name} ${chart.version}`);
        const helpers = readFileSync(path.join(path.dirname(file), "templates", "_helpers.tpl"), "utf8");
        for (const at of namespaceDefaults(helpers).filter((each) => each.at(-1) !== "namespaceOverride")) {
          const set = at.reduce<unknown>((below, key) => asTree(below)[key], values);
          assert.equal(set, "istio-system", `${chart.name} ${chart.version}: ${at.join(".")}`);
        }
      }
      if (missing.length > 0)
        skip(this, `${chartsVariable} has no ${missing.join(", no ")}; the other charts were compared`);
    });
  }
});
