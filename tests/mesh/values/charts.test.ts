import assert from "node:assert/strict";
import path from "node:path";
import {
  effectiveValues,
  readIstioChart,
  uncheckedValues,
  unknownValues,
} from "../../../components/mesh/values/chart-folder";
import { settingsSchema } from "../../../components/settings/schema";
import { projectRoot } from "../../support/program";
import { chartFolder } from "./chart-folder";
import { meshInput } from "./inputs";

type Mesh = Parameters<typeof meshInput>[0];

const [folder, remove] = chartFolder({
  istiod: {
    values: { replicaCount: 1, traceSampling: 1, env: {}, global: { hub: "docker.io/istio", proxy: { image: "p" } } },
    profiles: {
      demo: { pilot: { traceSampling: 100, env: { FROM: "profile", OLD: "profile" } }, ztunnel: { resources: {} } },
      "compatibility-version-1.30": { pilot: { env: { FROM: "compatibility", NEW: "false" } } },
      "platform-k3s": { pilot: { env: { FROM: "platform" } } },
    },
    templates: "{{ .Values.podLabels }} {{ $.Values.global.caName }} {{ (.Values.global).network }}",
  },
  ztunnel: { values: { hub: "docker.io/istio", logLevel: "info" } },
});

const istiod = () => readIstioChart(folder, "istiod") ?? assert.fail("the chart is there");

describe("the values that a chart's templates see", () => {
  after(remove);

  it("are merged from defaults, profile, compatibility version, platform and given values, in this order", () => {
    const seen = (given: object) => effectiveValues(istiod(), { ...given });
    const from = (given: object) => (seen(given)["env"] as Record<string, unknown>)["FROM"];
    assert.equal(seen({})["traceSampling"], 1);
    assert.equal(seen({ profile: "demo" })["traceSampling"], 100);
    assert.equal(from({ profile: "demo" }), "profile");
    assert.equal(from({ profile: "demo", compatibilityVersion: "1.30" }), "compatibility");
    assert.equal(from({ profile: "demo", compatibilityVersion: "1.30", platform: "k3s" }), "platform");
    assert.equal(from({ profile: "demo", platform: "k3s", pilot: { env: { FROM: "given" } } }), "given");
    assert.deepEqual(seen({ profile: "demo", compatibilityVersion: "1.30" })["env"], {
      FROM: "compatibility",
      OLD: "profile",
      NEW: "false",
    });
  });

  it("have the user's values over the profile's, which the chart alone would not", () => {
    const alone = effectiveValues(istiod(), { profile: "demo", traceSampling: 5 });
    assert.equal(alone["traceSampling"], 100);
    const [profile, values] = ["demo" as const, { istiod: { traceSampling: 5 } }];
    const ours = { ...meshInput({ profile, values }).mesh.values.istiod };
    assert.equal(effectiveValues(istiod(), { profile, pilot: ours })["traceSampling"], 5);
  });

  it("take images of ztunnel from `global` as well, and not what a profile sets for other charts", () => {
    const ztunnel = readIstioChart(folder, "ztunnel") ?? assert.fail("the chart is there");
    const hub = "registry.example";
    assert.equal(effectiveValues(ztunnel, { global: { hub } })["hub"], hub);
    assert.equal(effectiveValues(istiod(), { profile: "demo" })["ztunnel"], undefined);
  });

  it("are refused where the chart does not have the profile or platform", () => {
    assert.throws(() => effectiveValues(istiod(), { profile: "empty" }), /istiod 1\.31\.1 has no profile empty/);
    assert.throws(() => effectiveValues(istiod(), { platform: "talos" }), /has no platform talos/);
  });

  describe("are checked for keys that no template reads:", () => {
    const problems = (mesh: Mesh, source = folder) => {
      const charts = settingsSchema.shape.charts.parse({ source });
      return unknownValues({ mesh: meshInput(mesh).mesh, charts }, projectRoot).map(
        ({ path: at, message }) => `${at.join(".")}: ${message}`,
      );
    };

    it("at the top, under global and under pilot, with the most similar key", () => {
      const values = { istiod: { replicaCuont: 2, global: { hubb: "x" }, pilot: { traceSamplng: 1, podLabels: {} } } };
      assert.deepEqual(problems({ values }), [
        "mesh.values.istiod.replicaCuont: the chart istiod reads no such value; did you mean replicaCount?",
        "mesh.values.istiod.global.hubb: the chart istiod reads no such value; did you mean hub?",
        "mesh.values.istiod.pilot.traceSamplng: the chart istiod reads no such value; did you mean traceSampling?",
      ]);
    });

    it("in a canary's values", () => {
      const canary = { version: "1.31.1", revision: "next", values: { replicaCuont: 2 } };
      assert.match(problems({ canary }).join(), /^mesh\.canary\.values\.replicaCuont: /);
    });

    it("but not for keys without a default that a template names", () => {
      const values = { istiod: { podLabels: { a: "b" }, global: { caName: "x", network: "n" }, profile: "demo" } };
      assert.deepEqual(problems({ values }), []);
    });

    it("and reported as unchecked where the chart cannot be read", () => {
      const values = { istiod: { replicaCuont: 2 }, gateway: { replicas: 2 }, base: {} };
      const unchecked = (source: string) => {
        const charts = settingsSchema.shape.charts.parse({ source });
        return uncheckedValues({ mesh: meshInput({ values }).mesh, charts }, projectRoot);
      };
      assert.deepEqual(problems({ values }, "https://charts.example"), []);
      assert.deepEqual(unchecked("https://charts.example"), [["mesh", "values", "istiod"]]);
      assert.deepEqual(unchecked("auto"), [["mesh", "values", "istiod"]]);
      assert.deepEqual(unchecked(folder), []);
    });
  });

  it("are not checked with a stand-in chart, which has fewer keys", () => {
    assert.equal(readIstioChart(path.join(projectRoot, "embedded/charts"), "istiod"), undefined);
  });
});
