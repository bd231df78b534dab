import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import path from "node:path";
import { allCharts, allPages } from "../../../components/observability/addons/registry";
import { releasesOf, scenarios } from "../../observability/inputs";
import { projectRoot } from "../../support/program";
import { skip } from "../../support/skip";
import { findHelm, refusal, render, type RenderedObject } from "./helm";

/** Ports of the Services with a page, and of Loki's, which Grafana and Alloy use. */
const servicePorts: Readonly<Record<string, number>> = {
  ...Object.fromEntries(allPages().map(({ name, page }) => [name, page.port])),
  loki: 3100,
};

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
    const { namespace } = input.context;
    return new Map(
      releasesOf(input).map(({ release, chart, settings }) => {
        const values = release.values(settings, input.context);
        return [release.name, render(helm, { chart: chart.name, release: release.name, values, namespace })];
      }),
    );
  }

  it("exist for every chart that the settings can request", () => {
    const standIns = readdirSync(path.join(projectRoot, "embedded/charts"));
    for (const { name } of allCharts("1.31.1")) assert.ok(standIns.includes(name), name);
    const inScenarios = Object.values(scenarios).flatMap((input) => releasesOf(input()).map(({ chart }) => chart.name));
    assert.deepEqual(
      allCharts("1.31.1")
        .map(({ name }) => name)
        .sort(),
      [...new Set(inScenarios)].sort(),
    );
  });

  for (const scenario of ["development", "production", "mirrored", "zipkin"]) {
    it(`${scenario}: offer each page at its Service and port, and say that they are stand-ins`, () => {
      for (const [release, objects] of objectsOf(scenario)) {
        for (const { kind, metadata } of objects) {
          assert.equal(metadata.labels["talos-mesh/stand-in"], "true", `${release}: ${kind}/${metadata.name}`);
        }
        const { [release]: expected } = servicePorts;
        if (expected === undefined) continue;
        const service = objects.find(({ kind, metadata }) => kind === "Service" && metadata.name === release);
        const { ports } = service?.["spec"] as { ports: { port: number }[] };
        assert.ok(
          ports.some(({ port }) => port === expected),
          `${release}: no port ${expected}`,
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
