import assert from "node:assert/strict";
import { csvOf, htmlOf, markdownOf } from "../../../components/benchmark/report/outputs";
import { failures, type Measured, type Report, reportOf } from "../../../components/benchmark/report/report";
import { benchmark } from "../../../components/settings/sections/benchmark";
import { asked, measured, spoilt } from "./measured";

const known = measured(asked);
const noBudgets = { budgets: {} };
const report = reportOf(known, noBudgets);
const figure = (of: Report, scenario: string, metric: string, arm = "http-c10-q1000-1024B") => {
  const found = of.figures.find((each) => each.arm === arm && each.scenario === scenario && each.metric === metric);
  assert.ok(found, `${scenario} ${metric}`);
  return found;
};
const budgets = (given: Record<string, object>) => benchmark.parse({ budgets: given }).budgets;

describe("the report of a benchmark", () => {
  it("finds what a scenario adds, though blocks differ more than that", () => {
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

  it("finds nothing in the control", () => {
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

  it("gives the share of the TCP rate that is lost", () => {
    const { estimate } = figure(report, "sidecar", "throughput lost", "tcp-1-upload");
    assert.ok(Math.abs(estimate.median - 40) < 1.5, String(estimate.median));
  });

  it("takes off what is used without load, and counts per 1,000 requests a second", () => {
    const mesh = report.costs.find(({ scenario, component }) => scenario === "sidecar" && component === "mesh");
    assert.ok(mesh?.cpu && Math.abs(mesh.cpu.median - 0.2) < 1e-9);
    // Two proxies of 60 MiB, and istiod.
    assert.ok(Math.abs(mesh.memory.median - 320) < 1e-9);
    const proxy = report.costs.find(
      ({ scenario, component }) => scenario === "sidecar" && component === "server proxy",
    );
    assert.ok(proxy && Math.abs(proxy.memory.median - 60) < 1e-9);
    assert.equal(
      report.costs.some(({ scenario }) => scenario === "none"),
      false,
    );
  });

  it("takes off of what everything shares what it took in the block's none, and not what it took hours before", () => {
    const usage = (cores: number) => ({ ztunnel: { cores, memory: 2 ** 20, containers: 2 } });
    // A ztunnel that others keep busier from block to block, and 0.06 vCPU per 1,000/s for the benchmark.
    const busy = spoilt(known, ({ scenario, block }) => ({
      usage: usage(0.05 * block + (scenario === "ambient" ? 0.06 : 0)),
    }));
    const { costs } = reportOf({ ...busy, idle: { ambient: usage(0.01) } }, noBudgets);
    const ztunnel = costs.find(({ scenario, component }) => scenario === "ambient" && component === "ztunnel");
    assert.ok(ztunnel?.cpu?.interval);
    for (const found of [ztunnel.cpu.median, ztunnel.cpu.interval.low, ztunnel.cpu.interval.high]) {
      assert.ok(Math.abs(found - 0.06) < 1e-9, String(found));
    }
    assert.ok(Math.abs(ztunnel.memory.median - 0.5) < 1e-9);
  });

  it("gives no CPU where there was no idle figure or no counter", () => {
    const blind = reportOf({ ...known, idle: {} }, noBudgets);
    assert.ok(blind.costs.length > 0 && blind.costs.every(({ cpu }) => cpu === undefined));
  });

  it("says in a sentence what a manager wants to know", () => {
    const [sidecar, ambient, control] = report.sentences;
    assert.match(
      sidecar ?? "",
      /^sidecar adds (1\.9|2\.0)\d \[1\.\d\d, 2\.\d\d\] ms at p99, 0\.200 \[0\.200, 0\.200\] vCPU per 1,000 requests a second in all of the mesh, 60\.0 \[.*\] MiB a proxy \(at 1000 requests a second over 10 connections; 10 of 10 blocks\)\.$/,
    );
    assert.match(ambient ?? "", /^ambient adds 0\.[45]\d+ \[/);
    assert.match(
      control ?? "",
      /^control, which is none once more, shows no difference from none beyond chance \(.* ms at p99\)/,
    );
  });

  it("says it of the rate where nothing has a schedule", () => {
    const saturated = measured({ scenarios: ["none", "sidecar"], qps: [0], tcpStreams: [], transactions: false });
    const first = (of: Measured) => reportOf(of, noBudgets).sentences[0];
    const where = "(HTTP saturation, 10 connections, 1024 B; 10 of 10 blocks).";
    assert.equal(
      first(saturated),
      `sidecar shows no difference from none beyond chance (0 [0, 0] % of the rate) ${where}`,
    );
    const slower = spoilt(saturated, ({ scenario, outcome }) =>
      scenario === "sidecar" && outcome?.kind === "requests" ? { outcome: { ...outcome, actualQps: 3000 } } : {},
    );
    assert.equal(first(slower), `sidecar loses 40.0 [40.0, 40.0] % of the rate ${where}`);
  });

  it("leaves runs that do not count out of the figures and shows them", () => {
    const odd = spoilt(known, ({ scenario, block }) =>
      scenario === "sidecar" && block === 3 ? { problems: ["9 of 100 requests failed"], outcome: undefined } : {},
    );
    const of = reportOf(odd, noBudgets);
    assert.equal(figure(of, "sidecar", "p99").estimate.blocks, 9);
    assert.equal(figure(of, "sidecar", "p99").difference?.blocks, 9);
    assert.equal(figure(of, "none", "p99").estimate.blocks, 10);
    for (const text of [markdownOf(of), htmlOf(of), csvOf(of)]) assert.match(text, /9 of 100 requests failed/);
  });

  it("has no difference, and no budget kept, where everything of a scenario is invalid", () => {
    const odd = spoilt(known, ({ scenario }) => (scenario === "sidecar" ? { problems: ["restarted"] } : {}));
    const of = reportOf(odd, { budgets: budgets({ "sidecar.p99": { max: 100 } }) });
    assert.equal(
      of.figures.some(({ scenario }) => scenario === "sidecar"),
      false,
    );
    const where = "at 1000 requests a second over 10 connections";
    assert.equal(of.sentences[0], `sidecar: no result, as 10 of 10 runs of sidecar do not count (${where}).`);
    assert.deepEqual(
      failures(of).map(({ name, verdict }) => [name, verdict]),
      [["sidecar.p99", "not measured"]],
    );
  });

  it("says that it is not complete while runs are missing, but not for a scenario that cannot be measured", () => {
    assert.equal(report.complete, true);
    assert.equal(reportOf({ ...known, records: known.records.slice(1) }, noBudgets).complete, false);
    const without: Measured = {
      ...known,
      records: known.records.filter(({ scenario }) => scenario !== "ambient"),
      scenarios: known.scenarios.map((each) =>
        each.scenario === "ambient" ? { ...each, state: "not measured", reason: "there is no ztunnel" } : each,
      ),
    };
    const of = reportOf(without, noBudgets);
    assert.equal(of.complete, true);
    assert.match(markdownOf(of), /\| ambient \| not measured: there is no ztunnel \|/);
    assert.match(of.sentences[1] ?? "", /^ambient: not measured, as .*: there is no ztunnel \(at 1000/);
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

  it("are judged on the upper bound of the interval, and not on the median", () => {
    const difference = figure(report, "sidecar", "p99").difference;
    assert.ok(difference?.interval);
    const between = (difference.median + difference.interval.high) / 2;
    assert.deepEqual(judged({ "sidecar.p99": { max: between } }), [["sidecar.p99", "sidecar", "exceeded"]]);
    assert.deepEqual(judged({ "sidecar.p99": { max: difference.interval.high } }), [
      ["sidecar.p99", "sidecar", "within"],
    ]);
  });

  it("without a scenario are for all of the mesh, and never for the control", () => {
    assert.deepEqual(judged({ p99: { max: 1 } }), [
      ["p99", "sidecar", "exceeded"],
      ["p99", "ambient", "within"],
    ]);
  });

  it("are there for CPU, memory and throughput", () => {
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

  it("fail or warn, as they say", () => {
    const of = reportOf(known, { budgets: budgets({ p50: { max: 0, onExceed: "warn" }, p99: { max: 0 } }) });
    assert.deepEqual(
      failures(of).map(({ name }) => name),
      ["p99", "p99"],
    );
  });
});
