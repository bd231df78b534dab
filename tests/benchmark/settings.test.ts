import assert from "node:assert/strict";
import { benchmarkRules } from "../../components/validation/rules/benchmark";
import { benchmarkScenarios } from "../../components/model/benchmark-scenarios";
import type { Settings } from "../../components/settings/schema";
import { benchmark } from "../../components/settings/sections/benchmark";
import { mesh } from "../../components/settings/sections/mesh";
import type { z } from "zod";

const meshOf = (more: object = {}) => mesh.parse({ version: "1.31.1", ...more });
const ambient = { profile: "ambient", dataPlane: "ambient" };

function problems(settings: z.input<typeof benchmark>, ofMesh: object = {}): string[] {
  const whole = { benchmark: benchmark.parse(settings), mesh: meshOf(ofMesh) } as Settings;
  const context = { secretNames: new Set<string>(), secretTexts: new Map<string, string>() };
  return benchmarkRules.flatMap((rule) =>
    [...rule.check(whole, context)].map(({ path, message }) => `${path.join(".")}: ${message}`),
  );
}

describe("the settings of a benchmark", () => {
  it("may be left out, every one", () => {
    assert.deepEqual(problems({}), []);
  });

  it("need the scenario that the others are compared with", () => {
    assert.deepEqual(problems({ scenarios: ["sidecar"] }), [
      "benchmark.scenarios: found sidecar; add none, which the others are compared with",
    ]);
  });

  it("say nothing twice", () => {
    assert.deepEqual(problems({ scenarios: ["none", "none"], qps: [100, 100], keepAlive: [true, true] }), [
      "benchmark.scenarios.1: value none is there already, at scenarios[0]",
      "benchmark.qps.1: value 100 is there already, at qps[0]",
      "benchmark.keepAlive.1: value true is there already, at keepAlive[0]",
    ]);
  });

  it("ask for no answer that the server does not give", () => {
    assert.equal(benchmark.safeParse({ payloadSizes: [262_145] }).success, false);
    assert.deepEqual(problems({ preset: "article", payloadSizes: [1024] }), [
      "benchmark.payloadSizes: found 1024; preset article asks details, whose answer cannot be chosen; remove one of them",
    ]);
  });

  it("know the budgets that can be judged", () => {
    assert.deepEqual(problems({ budgets: { p99: { max: 5 }, "sidecar.cpu": { max: 0.5 } } }), []);
    assert.deepEqual(
      problems({ scenarios: ["none", "sidecar"], budgets: { p98: { max: 5 }, "ambient.p99": { max: 1 } } }),
      [
        "benchmark.budgets.p98: unknown budget; did you mean p90?",
        "benchmark.budgets.ambient.p99: scenario ambient is not measured; add it to benchmark.scenarios",
      ],
    );
  });

  it("set no budget for what the plan does not measure", () => {
    const given = { cpu: { max: 1 }, "sidecar.memory": { max: 80 }, throughput: { max: 30 }, p99: { max: 5 } };
    assert.deepEqual(problems({ qps: [0], tcpStreams: [], budgets: given }), [
      "benchmark.budgets.cpu: cpu is measured at fixed rates, and benchmark.qps has only saturation; add a rate to it",
      "benchmark.budgets.sidecar.memory: memory is measured at fixed rates, and benchmark.qps has only saturation; add a rate to it",
      "benchmark.budgets.throughput: throughput is that of TCP streams, and none are measured; set benchmark.tcpStreams: [1]",
    ]);
    assert.match(
      problems({ preset: "istio-tools", budgets: given }).join(),
      /^benchmark\.budgets\.throughput: [^:]*: \[1\]$/,
    );
    assert.deepEqual(problems({ qps: [0, 100], tcpStreams: [1], budgets: given }), []);
  });

  it("measure every data plane of the mesh where they name none", () => {
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

  it("do not ask for ztunnel's scenarios in a mesh without it; sidecars go with either", () => {
    const asked = { scenarios: ["none" as const, "sidecar" as const, "ambient" as const, "waypoint" as const] };
    const message = (name: string) =>
      `found ${name}, which needs ztunnel, and a mesh of dataPlane sidecar has none; remove it, or set mesh.dataPlane: ambient, where sidecar can be measured as well`;
    assert.deepEqual(problems(asked), [
      `benchmark.scenarios.2: ${message("ambient")}`,
      `benchmark.scenarios.3: ${message("waypoint")}`,
    ]);
    assert.deepEqual(problems(asked, ambient), []);
  });

  it("need the blocks of an interval where there is a budget", () => {
    assert.deepEqual(problems({ blocks: 3 }), []);
    assert.deepEqual(problems({ blocks: 3, budgets: { p99: { max: 5 } } }), [
      "benchmark.blocks: found 3; budgets are judged on an interval, which takes at least 7",
    ]);
  });
});
