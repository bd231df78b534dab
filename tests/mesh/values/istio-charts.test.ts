import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import path from "node:path";
import { parse, parseAllDocuments } from "yaml";
import { effectiveValues, readIstioChart, unknownKeys } from "../../../components/mesh/values/chart-folder";
import { type ChartName, profiles, scopes } from "../../../components/mesh/values/common-values";
import type { HelmValues } from "../../../components/shared/helm-release";
import { isTree } from "../../../components/shared/merge";
import { givenValues } from "../../../cli/commands/profile";
import { findHelm } from "../../embedded/charts/helm";
import { skip } from "../../support/skip";
import { meshInput } from "./inputs";

/** Istio's own charts of the pinned version, one folder each; they are not part of this project. */
const variable = "TALOS_MESH_ISTIO_CHARTS";

/** Keys whose mapping the templates pass on unchanged, so that no default has to name its keys. */
const passedOn = ["meshConfig", "env", "tolerations"];

/** Paths of values that neither a default nor a template of the chart knows. */
function unknownPaths(values: HelmValues, defaults: unknown, known: ReadonlySet<string>, at: string[] = []): string[] {
  return Object.entries(values).flatMap(([key, value]) => {
    const below = isTree(defaults) ? defaults[key] : undefined;
    const here = [...at, key];
    if (below === undefined && !(at.length === 0 && known.has(key))) return [here.join(".")];
    if (!isTree(value) || passedOn.includes(key)) return [];
    return unknownPaths(value, below, known, here);
  });
}

describe("Istio's own charts", function () {
  this.timeout(120_000);
  let folder = "";
  let helm = "";

  before(function () {
    const given = process.env[variable];
    if (given === undefined) skip(this, `${variable} does not name a folder with Istio's own charts`);
    const found = findHelm();
    if (found === undefined) skip(this, "there is no helm in PATH or in the tool cache");
    [folder, helm] = [given, found];
  });

  const chart = (name: ChartName) => readIstioChart(folder, name) ?? assert.fail(`no chart ${name} in ${folder}`);

  function rendered(name: ChartName, values: HelmValues): { kind: string; data?: Record<string, string> }[] {
    const args = ["template", name, path.join(folder, name), "--namespace", "istio-system", "--values", "-"];
    const { status, stdout, stderr } = spawnSync(helm, args, { input: JSON.stringify(values), encoding: "utf8" });
    assert.equal(status, 0, stderr);
    return parseAllDocuments(stdout).flatMap((document) => {
      const object = document.toJS() as { kind: string } | null;
      return object ? [object] : [];
    });
  }

  const everything = {
    namespaces: { shop: { dataPlane: "ambient" as const } },
    waypoints: [{ namespace: "shop" }],
    accessLog: false,
    dnsCapture: true,
    untaintNodes: true,
    proxyResources: { requests: { cpu: "10m" } },
    revision: "1-31-1",
    compatibilityVersion: "1.30",
  };

  it("read every value that this program sets", () => {
    for (const [name, values] of givenValues(meshInput({ ...everything, profile: "demo" }, { simulatedNodes: true }))) {
      const { defaults, keys } = chart(name);
      const scope = scopes[name];
      const scoped = scope === undefined ? {} : { [scope]: { ...defaults } };
      const chosen = { profile: "", compatibilityVersion: "", platform: "" };
      const unknown = unknownPaths(values, { ...defaults, ...scoped, ...chosen }, new Set(["global", "meshConfig"]));
      assert.deepEqual(unknown, [], name);
      assert.deepEqual(unknownKeys(chart(name), { path: [], chart: name, values }), []);
      assert.ok(keys.top.size > 5);
    }
  });

  for (const profile of Object.keys(profiles)) {
    it(`render profile ${profile} on both data planes`, () => {
      for (const dataPlane of ["sidecar", "ambient"] as const) {
        const mesh = { ...everything, namespaces: {}, profile: profile as keyof typeof profiles, dataPlane };
        for (const [name, values] of givenValues(meshInput(mesh))) assert.ok(rendered(name, values).length > 0);
      }
    });

    it(`see with profile ${profile} the values that effectiveValues returns`, () => {
      const [, values = {}] = [...givenValues(meshInput({ ...everything, profile: profile as "demo" }))][1] ?? [];
      const seen = effectiveValues(chart("istiod"), values);
      const [config] = rendered("istiod", values).filter(({ kind, data }) => kind === "ConfigMap" && data?.["mesh"]);
      const mesh = parse(config?.data?.["mesh"] ?? "") as HelmValues;
      for (const [key, value] of Object.entries(seen["meshConfig"] as HelmValues)) {
        if (key !== "defaultConfig") assert.deepEqual(mesh[key], value, key);
      }
      const deployment = JSON.stringify(rendered("istiod", values).find(({ kind }) => kind === "Deployment"));
      const { resources, env } = seen as { resources: object; env: Readonly<Record<string, unknown>> };
      assert.ok(deployment.includes(JSON.stringify(resources)), "resources");
      for (const [name, value] of Object.entries(env)) {
        assert.ok(deployment.includes(JSON.stringify({ name, value })), name);
      }
    });
  }
});
