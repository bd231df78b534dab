import assert from "node:assert/strict";
import { addonCharts } from "../../../components/observability/charts";
import { addonValues } from "../../../components/observability/releases";
import { addonPages } from "../../../components/shared/addons";
import { addonChartNames } from "../../../scripts/vendor/stand-in-charts";
import { dashboardMaps, scenarios, watched } from "../../observability/inputs";
import { skip } from "../../support/skip";
import { findHelm, refusal, render, type RenderedObject } from "./helm";

describe("rendering the addons' stand-in charts", function () {
  this.timeout(60_000);
  let helm = "";

  before(function () {
    const found = findHelm();
    if (found === undefined) skip(this, "there is no helm in PATH or in the tool cache");
    helm = found;
  });

  /** Every object of a scenario, by its release. */
  function objectsOf(scenario: string): Map<string, RenderedObject[]> {
    const input = scenarios[scenario]?.();
    assert.ok(input);
    const charts = addonCharts(input.observability, input.meshVersion);
    return new Map(
      [...addonValues(input, watched, dashboardMaps)].map(([release, values]) => {
        const chart = charts.get(release)?.chart ?? "";
        return [release, render(helm, { chart, release, values, namespace: input.observability.namespace })];
      }),
    );
  }

  it("stand in for every chart that the settings can ask for", () => {
    const all = Object.values(scenarios).flatMap((input) => {
      const { observability, meshVersion } = input();
      return [...addonCharts(observability, meshVersion).values()].map(({ chart }) => chart);
    });
    assert.deepEqual([...addonChartNames].sort(), [...new Set(all)].sort());
  });

  for (const scenario of ["development", "production", "mirrored", "zipkin"]) {
    it(`${scenario}: offer each page at its Service and port, and say that they are stand-ins`, () => {
      for (const [release, objects] of objectsOf(scenario)) {
        for (const { kind, metadata } of objects) {
          assert.equal(metadata.labels["talos-mesh/stand-in"], "true", `${release}: ${kind}/${metadata.name}`);
        }
        const page = Object.entries(addonPages).find(([name]) => name === release)?.[1];
        if (!page) continue;
        const service = objects.find(({ kind, metadata }) => kind === "Service" && metadata.name === page.service);
        const { ports } = service?.["spec"] as { ports: { port: number }[] };
        assert.ok(
          ports.some(({ port }) => port === page.port),
          `${release}: no port ${page.port}`,
        );
      }
    });
  }

  it("claim a volume only where the settings ask for one", () => {
    const claims = (scenario: string) =>
      [...objectsOf(scenario)]
        .filter(([, objects]) => objects.some(({ kind }) => kind === "PersistentVolumeClaim"))
        .map(([release]) => release)
        .sort();
    assert.deepEqual(claims("development"), []);
    assert.deepEqual(claims("production"), ["grafana", "jaeger", "loki", "prometheus"]);
  });

  it("refuse to go without a password and a key, where the official charts would make their own", () => {
    assert.match(refusal(helm, { chart: "grafana" }) ?? "", /admin\.existingSecret/);
    assert.match(refusal(helm, { chart: "kiali-server" }) ?? "", /login_token\.signing_key/);
  });
});
