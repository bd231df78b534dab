import assert from "node:assert/strict";
import { armTitle, plannedRequests } from "../../../components/benchmark/metrics/record";
import { benchmarkPlan, estimatedSeconds, planIdentity } from "../../../components/benchmark/plan/plan";
import { resolveBenchmark } from "../../../components/benchmark/plan/settings";
import { benchmark } from "../../../components/settings/sections/benchmark";
import type { z } from "zod";

const planOf = (settings: z.input<typeof benchmark>, quick = false) =>
  benchmarkPlan(resolveBenchmark(benchmark.parse(settings), { quick }));
const ids = (settings: z.input<typeof benchmark>) => planOf(settings).arms.map(({ id }) => id);

describe("the plan of a benchmark", () => {
  it("holds every arm in every scenario once in every block", () => {
    const plan = planOf({ scenarios: ["none", "sidecar", "ambient"], blocks: 8 });
    const expected = plan.arms.flatMap(({ id }) => plan.scenarios.map((scenario) => `${id} ${scenario}`)).sort();
    for (let block = 1; block <= 8; block++) {
      const found = plan.runs.filter((run) => run.block === block).map(({ arm, scenario }) => `${arm.id} ${scenario}`);
      assert.deepEqual(found.sort(), expected);
    }
    assert.equal(new Set(plan.runs.map(({ id }) => id)).size, plan.runs.length);
  });

  it("runs the scenarios of an arm one after the other, in all orders", () => {
    const plan = planOf({ scenarios: ["none", "sidecar", "ambient"], blocks: 10 });
    const orders = new Set<string>();
    for (let at = 0; at < plan.runs.length; at += 3) {
      const together = plan.runs.slice(at, at + 3);
      assert.equal(new Set(together.map(({ arm, block }) => `${block} ${arm.id}`)).size, 1);
      orders.add(together.map(({ scenario }) => scenario).join());
    }
    assert.equal(orders.size, 6);
  });

  it("has the same order for the same seed, and another for another", () => {
    const order = (seed: number) => planOf({ seed }).runs.map(({ id }) => id);
    assert.deepEqual(order(3), order(3));
    assert.notDeepEqual(order(3), order(4));
  });

  it("adds a second none as a control", () => {
    assert.deepEqual(planOf({ control: true }).scenarios, ["none", "sidecar", "control"]);
  });

  it("measures what the article did with preset article, and more", () => {
    const plan = planOf({ preset: "article" });
    assert.equal(plan.target, "details");
    assert.deepEqual(
      plan.arms.map(({ id, seconds }) => [id, seconds]),
      [
        ["http-c10-q100-178B", 60],
        ["request-response", 10],
        ["connect", 10],
        ["tcp-1-upload", 10],
        ["tcp-1-download", 10],
      ],
    );
  });

  it("has the connections, rate and duration of istio-tools with that preset", () => {
    const plan = planOf({ preset: "istio-tools" });
    assert.deepEqual(
      plan.arms.map(({ id }) => id),
      [2, 4, 8, 16, 32, 64].map((connections) => `http-c${connections}-q1000-1024B`),
    );
    assert.ok(plan.arms.every(({ seconds }) => seconds === 240));
  });

  it("prefers the settings to the preset", () => {
    const plan = planOf({ preset: "istio-tools", connections: [16], duration: "30s", scenarios: ["none"] });
    assert.deepEqual(
      plan.arms.map(({ id, seconds }) => [id, seconds]),
      [["http-c16-q1000-1024B", 30]],
    );
    assert.deepEqual(plan.scenarios, ["none"]);
  });

  it("combines rates, connections, sizes and keep-alive; gRPC always keeps its connections", () => {
    const grid = ids({
      qps: [0, 500],
      connections: [1, 64],
      payloadSizes: [0],
      keepAlive: [true, false],
      grpc: true,
      tcpStreams: [],
      transactions: false,
    });
    assert.deepEqual(grid, [
      ...["http-c1-qmax-0B", "http-c1-q500-0B", "http-c64-qmax-0B", "http-c64-q500-0B"],
      ...["http-c1-qmax-0B-close", "http-c1-q500-0B-close", "http-c64-qmax-0B-close", "http-c64-q500-0B-close"],
      ...["grpc-c1-qmax-0B", "grpc-c1-q500-0B", "grpc-c64-qmax-0B", "grpc-c64-q500-0B"],
    ]);
  });

  it("repeats every arm on one node with sameNode", () => {
    const grid = ids({ qps: [100], tcpStreams: [1], transactions: false, sameNode: true });
    const other = ["http-c10-q100-1024B", "tcp-1-upload", "tcp-1-download"];
    assert.deepEqual(grid, [...other, ...other.map((id) => `${id}-same-node`)]);
  });

  it("is short with --quick, with enough blocks for intervals", () => {
    const plan = planOf({ preset: "article" }, true);
    assert.equal(plan.blocks, 7);
    assert.ok(plan.arms.every(({ seconds }) => seconds <= 5));
  });

  it("estimates its duration", () => {
    const { runs } = planOf({ qps: [100], tcpStreams: [], transactions: false, blocks: 10 });
    // 10 blocks, 2 scenarios, 60 s and 15 s of warm-up.
    assert.equal(estimatedSeconds(runs, 0), 1500);
    assert.equal(estimatedSeconds(runs.slice(10), 5), 800);
  });

  it("has a readable title for every arm", () => {
    const plan = planOf({
      ...{ qps: [0, 100], connections: [4, 10], keepAlive: [true, false] },
      ...{ sameNode: true, tcpStreams: [1, 4] },
    });
    const titles = plan.arms.map(armTitle);
    assert.equal(new Set(titles).size, titles.length);
    assert.ok(titles.includes("HTTP 100/s, 10 connections, 1024 B"));
    assert.ok(titles.includes("HTTP saturation, one connection per request, 4 at once, 1024 B, same node"));
    assert.ok(titles.includes("TCP 1 stream upload"));
  });

  it("has a number of requests for fixed rates only", () => {
    const [saturation, fixed] = planOf({ qps: [0, 100] }).arms;
    assert.equal(saturation && plannedRequests(saturation), undefined);
    assert.equal(fixed && plannedRequests(fixed), 6000);
  });
});

describe("the identity of a benchmark", () => {
  const identity = (settings: z.input<typeof benchmark>, version = "1.31.1") =>
    planIdentity(planOf(settings), version, settings.runId);
  const base = identity({});

  it("does not depend on budgets and baseline", () => {
    assert.equal(identity({}), base);
    assert.equal(identity({ budgets: { p99: { max: 5 } }, baseline: "./report.json" }), base);
  });

  it("depends on the plan, the mesh's version and runId", () => {
    const others = [
      identity({}, "1.31.2"),
      identity({ runId: "again" }),
      identity({ seed: 2 }),
      identity({ blocks: 11 }),
      identity({ scenarios: ["none"] }),
      identity({ duration: "61s" }),
      identity({ images: { fortio: "docker.io/fortio/fortio:1.67.0" } }),
    ];
    assert.equal(new Set([base, ...others]).size, others.length + 1);
  });
});
