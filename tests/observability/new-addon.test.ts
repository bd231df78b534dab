import assert from "node:assert/strict";
import { runStack, type StackRun } from "../support/program";

/** The program of tests/fixtures/programs/new-addon.ts has one more addon: a descriptor, and a line in the registry. */
describe("an addon that is added to the registry", () => {
  let run: StackRun;
  before(async () => {
    const observability = { prometheus: {}, grafana: {}, pyroscope: { retention: "1d" } };
    run = await runStack({ main: "tests/fixtures/programs/new-addon.ts", overrides: { observability } });
  });

  it("has its settings in the schema of stack files", () => {
    const { properties } = run.outputs.schema as { properties: { config: { properties: Record<string, object> } } };
    const section = properties.config.properties["talos-mesh:observability"] as { properties: object };
    assert.deepEqual(Object.keys(section.properties).sort(), [
      "alerts",
      "grafana",
      "kiali",
      "loki",
      "namespace",
      "prometheus",
      "pyroscope",
      "tracing",
    ]);
  });

  it("has its image in the list of images", () => {
    const images = run.outputs.images as { component: string; image: string }[];
    const image = "docker.io/example/pyroscope:4.5.6";
    assert.deepEqual(
      images.filter(({ component }) => component === "observability"),
      [{ component: "observability", image, source: image }],
    );
  });

  it("is installed with its chart, its values and its Secret", () => {
    const release = run.one("Release", "observability-pyroscope");
    assert.equal(release.inputs.name, "pyroscope");
    assert.match(String(release.inputs.chart), /pyroscope-chart$/);
    assert.deepEqual(release.inputs.values, { retention: "1d", image: "docker.io/example/pyroscope:4.5.6" });
    assert.ok(run.dependsOn(release, run.one("Secret", "observability-pyroscope-token")));
    run.one("Command", "observability-pyroscope-token");
  });

  it("has its datasource in Grafana, its alerts in Prometheus and its notes in the outputs", () => {
    const values = (name: string) => JSON.stringify(run.one("Release", `observability-${name}`).inputs.values);
    assert.match(
      values("grafana"),
      /"uid":"pyroscope","url":"http:\/\/pyroscope\.observability\.svc\.cluster\.local:4040"/,
    );
    assert.match(values("prometheus"), /"name":"pyroscope"/);
    assert.ok((run.outputs.notes as string[]).includes("Pyroscope is not a real addon."));
  });

  it("is checked, by itself and for the secrets that it refers to", () => {
    const problems = run.outputs.problems as { path: string[]; message: string }[];
    assert.deepEqual(
      problems.map(({ path, message }) => `${path.join(".")}: ${message.split(";")[0]}`),
      [
        "observability.pyroscope.retention: found 0d",
        "observability.pyroscope.token.secret: found a name that talos-mesh:secrets does not have",
      ],
    );
  });

  it("has a page that the dashboard command opens", () => {
    assert.ok((run.outputs.pages as string[]).includes("pyroscope"));
    assert.deepEqual(run.outputs.page, {
      page: "pyroscope",
      service: "pyroscope",
      port: 4040,
      path: "/explore",
      namespace: "observability",
      login: { kind: "none" },
    });
  });

  it("gets a stand-in chart from the vendoring script", () => {
    assert.ok((run.outputs.standIns as string[]).includes("embedded/charts/pyroscope-chart/Chart.yaml"));
  });
});
