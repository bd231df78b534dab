import assert from "node:assert/strict";
import { failures } from "../../../components/benchmark/report/budgets";
import { csvOf, markdownOf } from "../../../components/benchmark/report/outputs";
import { htmlOf } from "../../../components/benchmark/report/page";
import { type Measured, type Report, reportOf } from "../../../components/benchmark/report/report";
import { benchmark } from "../../../components/settings/sections/benchmark";
import { standardSettings, measured, withChangedRuns } from "./measured";

const known = measured(standardSettings);
const noBudgets = { budgets: {} };
const report = reportOf(known, noBudgets);
const figure = (result: Report, scenario: string, metric: string, arm = "http-c10-q1000-1024B") => {
  const found = result.figures.find((each) => each.arm === arm && each.scenario === scenario && each.metric === metric);
  assert.ok(found, `${scenario} ${metric}`);
  return found;
};
const budgets = (given: Record<string, object>) => benchmark.parse({ budgets: given }).budgets;

describe("the report of a benchmark", () => {
  it("finds what a scenario adds, although blocks differ more than that", () => {
    for (const [scenario, added] of [
      ["sidecar", 2],
      ["ambient", 0.5],
    ] as const) {
      const { difference } = figure(report, scenario, "p99");
      assert.ok(difference?.interval && difference.significant);
      assert.ok(difference.interval.low < added && added < difference.interval.high);
      assert.ok(difference.interval.high - difference.interval.low < 0.2);
    }
  });

  it("finds no difference in the control", () => {
    for (const metric of ["p50", "p90", "p99"]) {
      const { difference } = figure(report, "control", metric);
      assert.equal(difference?.significant, false, metric);
      assert.ok(difference?.interval && difference.interval.low < 0 && difference.interval.high > 0, metric);
    }
  });

  it("gives corrected and raw latencies, and the rate where there is no schedule", () => {
    const [corrected, raw] = [figure(report, "none", "p99"), figure(report, "none", "p99 raw")];
    assert.ok(Math.abs(corrected.estimate.median - 2 * raw.estimate.median) < 1e-9);
    assert.equal(figure(report, "none", "rate", "request-response").estimate.median, 5000);
    assert.equal(
      report.figures.some(({ arm, metric }) => arm === "http-c10-q1000-1024B" && metric === "rate"),
      false,
    );
  });

  it("gives the share of the TCP throughput that is lost", () => {
    const { estimate } = figure(report, "sidecar", "throughput lost", "tcp-1-upload");
    assert.ok(Math.abs(estimate.median - 40) < 1.5, String(estimate.median));
  });

  it("subtracts usage without load, and gives CPU per 1,000 requests a second", () => {
    const mesh = report.costs.find(({ scenario, component }) => scenario === "sidecar" && component === "mesh");
    assert.ok(mesh?.cpu && Math.abs(mesh.cpu.median - 0.2) < 1e-9);
    // Two proxies of 60 MiB, and istiod.
    assert.ok(Math.abs((mesh.memory?.median ?? NaN) - 320) < 1e-9);
    const proxy = report.costs.find(
      ({ scenario, component }) => scenario === "sidecar" && component === "server proxy",
    );
    assert.ok(proxy && Math.abs((proxy.memory?.median ?? NaN) - 60) < 1e-9);
    assert.equal(
      report.costs.some(({ scenario }) => scenario === "none"),
      false,
    );
  });

  it("subtracts for shared parts the usage in the block's none, and not that at the start", () => {
    const usage = (cores: number) => ({ ztunnel: { cores, memory: 2 ** 20, containers: 2 } });
    // Other traffic of the ztunnel grows from block to block; the benchmark uses 0.06 vCPU per 1,000/s.
    const busy = withChangedRuns(known, ({ scenario, block }) => ({
      usage: usage(0.05 * block + (scenario === "ambient" ? 0.06 : 0)),
    }));
    const { costs } = reportOf({ ...busy, idle: { ambient: usage(0.01) } }, noBudgets);
    const ztunnel = costs.find(({ scenario, component }) => scenario === "ambient" && component === "ztunnel");
    assert.ok(ztunnel?.cpu?.interval);
    for (const found of [ztunnel.cpu.median, ztunnel.cpu.interval.low, ztunnel.cpu.interval.high]) {
      assert.ok(Math.abs(found - 0.06) < 1e-9, String(found));
    }
    assert.ok(Math.abs((ztunnel.memory?.median ?? NaN) - 0.5) < 1e-9);
  });

  it("gives no CPU without usage at idle or without counters", () => {
    const blind = reportOf({ ...known, idle: {} }, noBudgets);
    assert.ok(blind.costs.length > 0 && blind.costs.every(({ cpu }) => cpu === undefined));
  });

  it("has a summary sentence for every scenario", () => {
    const [sidecar, ambient, control] = report.sentences;
    assert.match(
      sidecar ?? "",
      /^sidecar adds (1\.9|2\.0)\d \[1\.\d\d, 2\.\d\d\] ms at p99, 0\.200 \[0\.200, 0\.200\] vCPU per 1,000 requests a second for the whole mesh, 60\.0 \[.*\] MiB per proxy \(at 1000 requests a second over 10 connections; 10 of 10 blocks\)\.$/,
    );
    assert.match(ambient ?? "", /^ambient adds 0\.[45]\d+ \[/);
    assert.match(control ?? "", /^control, a second none, shows no significant difference from none \(.* ms at p99\)/);
  });

  it("summarises the rate where no arm has a schedule", () => {
    const saturated = measured({ scenarios: ["none", "sidecar"], qps: [0], tcpStreams: [], transactions: false });
    const first = (result: Measured) => reportOf(result, noBudgets).sentences[0];
    const where = "(HTTP saturation, 10 connections, 1024 B; 10 of 10 blocks).";
    assert.equal(
      first(saturated),
      `sidecar shows no significant difference from none (0 [0, 0] % of the rate) ${where}`,
    );
    const slower = withChangedRuns(saturated, ({ scenario, outcome }) =>
      scenario === "sidecar" && outcome?.kind === "requests" ? { outcome: { ...outcome, actualQps: 3000 } } : {},
    );
    assert.equal(first(slower), `sidecar loses 40.0 [40.0, 40.0] % of the rate ${where}`);
  });

  it("leaves invalid runs out of the figures, and lists them", () => {
    const odd = withChangedRuns(known, ({ scenario, block }) =>
      scenario === "sidecar" && block === 3 ? { problems: ["9 of 100 requests failed"], outcome: undefined } : {},
    );
    const result = reportOf(odd, noBudgets);
    assert.equal(figure(result, "sidecar", "p99").estimate.blocks, 9);
    assert.equal(figure(result, "sidecar", "p99").difference?.blocks, 9);
    assert.equal(figure(result, "none", "p99").estimate.blocks, 10);
    for (const text of [markdownOf(result), htmlOf(result), csvOf(result)])
      assert.match(text, /9 of 100 requests failed/);
  });

  it("has no difference, and no budget that is kept, where all runs of a scenario are invalid", () => {
    const odd = withChangedRuns(known, ({ scenario }) => (scenario === "sidecar" ? { problems: ["restarted"] } : {}));
    const result = reportOf(odd, { budgets: budgets({ "sidecar.p99": { max: 100 } }) });
    assert.equal(
      result.figures.some(({ scenario }) => scenario === "sidecar"),
      false,
    );
    const where = "at 1000 requests a second over 10 connections";
    assert.equal(result.sentences[0], `sidecar: no result, because 10 of 10 runs of sidecar are invalid (${where}).`);
    assert.deepEqual(
      failures(result).map(({ name, verdict }) => [name, verdict]),
      [["sidecar.p99", "not measured"]],
    );
  });

  it("is incomplete while runs are missing, except those of a scenario that cannot be measured", () => {
    assert.equal(report.complete, true);
    assert.equal(reportOf({ ...known, records: known.records.slice(1) }, noBudgets).complete, false);
    const without: Measured = {
      ...known,
      records: known.records.filter(({ scenario }) => scenario !== "ambient"),
      scenarios: known.scenarios.map((each) =>
        each.scenario === "ambient" ? { ...each, state: "not measured", reason: "there is no ztunnel" } : each,
      ),
    };
    const result = reportOf(without, noBudgets);
    assert.equal(result.complete, true);
    assert.match(markdownOf(result), /\| ambient \| not measured: there is no ztunnel \|/);
    assert.match(
      result.sentences[1] ?? "",
      /^ambient: not measured, because of ambient: there is no ztunnel \(at 1000/,
    );
  });

  it("is the same for the same journal", () => {
    assert.deepEqual(reportOf(known, noBudgets), report);
    assert.equal(htmlOf(reportOf(known, noBudgets)), htmlOf(report));
  });
});

describe("budgets", () => {
  const judged = (given: Record<string, object>) =>
    reportOf(known, { budgets: budgets(given) }).budgets.map(({ name, scenario, verdict }) => [
      name,
      scenario,
      verdict,
    ]);

  it("are judged by the upper bound of the interval, and not by the median", () => {
    const difference = figure(report, "sidecar", "p99").difference;
    assert.ok(difference?.interval);
    const between = (difference.median + difference.interval.high) / 2;
    assert.deepEqual(judged({ "sidecar.p99": { max: between } }), [["sidecar.p99", "sidecar", "exceeded"]]);
    assert.deepEqual(judged({ "sidecar.p99": { max: difference.interval.high } }), [
      ["sidecar.p99", "sidecar", "within"],
    ]);
  });

  it("without a scenario apply to all of the mesh, and never to the control", () => {
    assert.deepEqual(judged({ p99: { max: 1 } }), [
      ["p99", "sidecar", "exceeded"],
      ["p99", "ambient", "within"],
    ]);
  });

  it("can be set for CPU, memory and throughput", () => {
    assert.deepEqual(
      judged({
        "sidecar.cpu": { max: 0.19 },
        "sidecar.memory": { max: 61 },
        "sidecar.throughput": { max: 45 },
        "ambient.throughput": { max: 30 },
      }),
      [
        ["sidecar.cpu", "sidecar", "exceeded"],
        ["sidecar.memory", "sidecar", "within"],
        ["sidecar.throughput", "sidecar", "within"],
        ["ambient.throughput", "ambient", "exceeded"],
      ],
    );
  });

  it("fail or warn as set", () => {
    const result = reportOf(known, { budgets: budgets({ p50: { max: 0, onExceed: "warn" }, p99: { max: 0 } }) });
    assert.deepEqual(
      failures(result).map(({ name }) => name),
      ["p99", "p99"],
    );
  });
});
