import assert from "node:assert/strict";
import type { Model } from "../../components/model/model";
import { benchmarkChecks } from "../../components/validation/benchmark";
import { benchmarkScenarios } from "../../components/model/data-planes";
import { benchmark } from "../../components/settings/sections/benchmark";
import { mesh } from "../../components/settings/sections/mesh";
import type { z } from "zod";

const meshOf = (more: object = {}) => mesh.parse({ version: "1.31.1", ...more });
const ambient = { profile: "ambient", dataPlane: "ambient" };

function problems(settings: z.input<typeof benchmark>, ofMesh: object = {}): string[] {
  // The checks read nothing else of the model.
  const model = { settings: { benchmark: benchmark.parse(settings), mesh: meshOf(ofMesh) } } as Model;
  const context = {
    environment: "dev" as const,
    secretNames: new Set<string>(),
    secretTexts: new Map<string, string>(),
    projectRoot: "",
    deploys: false,
    sections: {},
  };
  return benchmarkChecks.flatMap((check) =>
    [...check(model, context)].map(({ path, message }) => `${path.join(".")}: ${message}`),
  );
}

describe("the settings of a benchmark", () => {
  it("are all optional", () => {
    assert.deepEqual(problems({}), []);
  });

  it("must include none", () => {
    assert.deepEqual(problems({ scenarios: ["sidecar"] }), [
      'benchmark.scenarios: found sidecar; add "none", with which the others are compared',
    ]);
  });

  it("contain no value twice", () => {
    assert.deepEqual(problems({ scenarios: ["none", "none"], qps: [100, 100], keepAlive: [true, true] }), [
      "benchmark.scenarios.1: value none already exists, at benchmark.scenarios[0]; change or remove one of them",
      "benchmark.qps.1: value 100 already exists, at benchmark.qps[0]; change or remove one of them",
      "benchmark.keepAlive.1: value true already exists, at benchmark.keepAlive[0]; change or remove one of them",
    ]);
  });

  it("contain no payload size that the server cannot send", () => {
    assert.equal(benchmark.safeParse({ payloadSizes: [262_145] }).success, false);
    assert.deepEqual(problems({ preset: "article", payloadSizes: [1024] }), [
      "benchmark.payloadSizes: found 1024; preset article requests details, whose response has a fixed size; remove one of them",
    ]);
  });

  it("contain budgets of known metrics and measured scenarios only", () => {
    assert.deepEqual(problems({ budgets: { p99: { max: 5 }, "sidecar.cpu": { max: 0.5 } } }), []);
    assert.deepEqual(
      problems({ scenarios: ["none", "sidecar"], budgets: { p98: { max: 5 }, "ambient.p99": { max: 1 } } }),
      [
        "benchmark.budgets.p98: unknown budget; did you mean p90?",
        "benchmark.budgets.ambient.p99: scenario ambient is not measured; add it to benchmark.scenarios",
      ],
    );
  });

  it("contain no budget that no arm of the plan measures", () => {
    const given = { cpu: { max: 1 }, "sidecar.memory": { max: 80 }, throughput: { max: 30 }, p99: { max: 5 } };
    assert.deepEqual(problems({ qps: [0], tcpStreams: [], budgets: given }), [
      "benchmark.budgets.throughput: found a budget for throughput, which no arm of the plan measures; set benchmark.tcpStreams: [1]",
      "benchmark.budgets.cpu: found a budget for cpu, which no arm of the plan measures; add a rate to benchmark.qps",
      "benchmark.budgets.sidecar.memory: found a budget for memory, which no arm of the plan measures; add a rate to benchmark.qps",
    ]);
    assert.match(
      problems({ preset: "istio-tools", budgets: given }).join(),
      /^benchmark\.budgets\.throughput: [^:]*: \[1\]$/,
    );
    assert.deepEqual(problems({ qps: [0, 100], tcpStreams: [1], budgets: given }), []);
  });

  it("measure all data planes of the mesh by default", () => {
    const scenarios = (ofMesh: object) => benchmarkScenarios(benchmark.parse({}), meshOf(ofMesh));
    assert.deepEqual(scenarios({}), ["none", "sidecar"]);
    assert.deepEqual(scenarios(ambient), ["none", "ambient"]);
    assert.deepEqual(scenarios({ ...ambient, namespaces: { old: { dataPlane: "sidecar" } } }), [
      ...["none", "sidecar", "ambient"],
    ]);
    assert.deepEqual(problems({ budgets: { "ambient.p99": { max: 1 } } }, ambient), []);
    assert.deepEqual(problems({ budgets: { "ambient.p99": { max: 1 } } }), [
      "benchmark.budgets.ambient.p99: scenario ambient is not measured; add it to benchmark.scenarios",
    ]);
  });

  it("contain ambient and waypoint only for a mesh with ztunnel, and sidecar for any", () => {
    const asked = { scenarios: ["none" as const, "sidecar" as const, "ambient" as const, "waypoint" as const] };
    const message = (name: string) =>
      `found ${name}, which needs ztunnel, and a mesh of dataPlane sidecar has none; remove it, or set mesh.dataPlane: ambient, where sidecar can be measured as well`;
    assert.deepEqual(problems(asked), [
      `benchmark.scenarios.2: ${message("ambient")}`,
      `benchmark.scenarios.3: ${message("waypoint")}`,
    ]);
    assert.deepEqual(problems(asked, ambient), []);
  });

  it("need enough blocks for an interval where there is a budget", () => {
    assert.deepEqual(problems({ blocks: 3 }), []);
    assert.deepEqual(problems({ blocks: 3, budgets: { p99: { max: 5 } } }), [
      "benchmark.blocks: found 3; budgets are evaluated on an interval, which takes at least 7",
    ]);
  });
});
