import assert from "node:assert/strict";
import { boundsOf, budgetLines, budgetMessage, judgeBudgets } from "../../../components/benchmark/report/budgets";
import { markdownOf } from "../../../components/benchmark/report/outputs";
import { type Report, reportOf } from "../../../components/benchmark/report/report";
import { previousOf } from "../../../components/benchmark/run/main";
import { benchmark } from "../../../components/settings/sections/benchmark";
import type { z } from "zod";
import { measured, withChangedRuns } from "./measured";

type Changed = Parameters<typeof withChangedRuns>[1];

const settings: z.input<typeof benchmark> = { scenarios: ["none", "sidecar"], tcpStreams: [1], transactions: false };
const budgets = (given: Record<string, object>) => benchmark.parse({ budgets: given }).budgets;

function reportWith(given: Record<string, object>, changed: Changed = () => ({}), planned = settings): Report {
  return reportOf(withChangedRuns(measured(planned), changed), { budgets: budgets(given) });
}

function verdicts(...args: Parameters<typeof reportWith>) {
  return reportWith(...args).budgets.map(({ scenario, verdict, where, why }) => [scenario, verdict, where, why]);
}

/** Invalid runs of sidecar at 1,000/s. */
const lost =
  (blocks: number, arm = "http-c10-q1000-1024B"): Changed =>
  (record) =>
    record.scenario === "sidecar" && record.arm === arm && record.block <= blocks
      ? { problems: ["only 80.0% of the planned requests were made"] }
      : {};
const at1000 = "HTTP 1000/s, 10 connections, 1024 B";

describe("a budget is not measured", () => {
  it("where one arm has only invalid runs, whatever the other arms have", () => {
    assert.deepEqual(verdicts({ "sidecar.p99": { max: 50 } }, lost(10)), [
      ["sidecar", "not measured", at1000, "10 of 10 runs are invalid"],
    ]);
    assert.deepEqual(verdicts({ "sidecar.cpu": { max: 50 } }, lost(10)), [
      ["sidecar", "not measured", at1000, "10 of 10 runs are invalid"],
    ]);
    assert.deepEqual(verdicts({ "sidecar.throughput": { max: 90 } }, lost(10, "tcp-1-download")), [
      ["sidecar", "not measured", "TCP 1 stream download", "10 of 10 runs are invalid"],
    ]);
  });

  it("where more than a tenth of an arm's runs are invalid", () => {
    for (const budget of ["sidecar.p99", "sidecar.memory"]) {
      const [verdict = []] = verdicts({ [budget]: { max: 500 } }, lost(3));
      assert.deepEqual([verdict[1], verdict[3]], ["not measured", "3 of 10 runs are invalid"], budget);
      assert.equal(verdicts({ [budget]: { max: 500 } }, lost(1))[0]?.[1], "within", budget);
    }
    const known = measured(settings);
    const records = known.records.flatMap((record) => [{ ...record, ...lost(3)(record) }, record]);
    const again = reportOf({ ...known, records }, { budgets: budgets({ "sidecar.p99": { max: 50 } }) });
    assert.equal(again.budgets[0]?.verdict, "within", "runs that are valid when repeated count");
  });

  it("where too few blocks have both runs", () => {
    const changed: Changed = (record) =>
      record.scenario === "none" && record.block <= 4 ? { problems: ["failed"] } : {};
    const [verdict] = verdicts({ "sidecar.p99": { max: 50 } }, changed);
    assert.deepEqual(verdict?.slice(1, 2).concat(verdict.slice(3)), [
      "not measured",
      "known for 6 of 10 blocks; an interval needs 7",
    ]);
  });

  it("where runs planned with 10,000 requests give no p99.9, and where the plan has no such arm", () => {
    const without: Changed = ({ outcome }) => {
      if (outcome?.kind !== "requests" || !outcome.corrected) return {};
      const known = Object.entries(outcome.corrected.percentiles).filter(([percent]) => percent !== "99.9");
      const percentiles = Object.fromEntries(known);
      return { outcome: { ...outcome, corrected: { ...outcome.corrected, percentiles } } };
    };
    const at100: Changed = (record) => (record.arm === "http-c10-q100-1024B" ? without(record) : {});
    const budget = { "sidecar.p99.9": { max: 50 } };
    assert.equal(verdicts(budget, at100)[0]?.[1], "within", "an arm of 6,000 requests is not judged by p99.9");
    assert.deepEqual(verdicts(budget, without), [
      ["sidecar", "not measured", at1000, "known for 0 of 10 blocks; an interval needs 7"],
    ]);
    assert.deepEqual(verdicts({ "sidecar.throughput": { max: 90 } }, undefined, { ...settings, tcpStreams: [] }), [
      ["sidecar", "not measured", undefined, "no arm of the plan measures it"],
    ]);
  });

  it("where the counters of one of the proxies are missing", () => {
    const changed: Changed = ({ usage }) => ({ usage: { ...usage, "server proxy": undefined } });
    const report = reportWith({ "sidecar.cpu": { max: 5 }, "sidecar.memory": { max: 500 } }, changed);
    assert.equal(
      report.costs.some(({ scenario, component }) => scenario === "sidecar" && component === "mesh"),
      false,
    );
    assert.deepEqual(
      report.budgets.map(({ verdict, where }) => [verdict, where]),
      [
        ["not measured", "HTTP 100/s, 10 connections, 1024 B"],
        ["not measured", "server proxy, HTTP 100/s, 10 connections, 1024 B"],
      ],
    );
  });
});

describe("a memory budget", () => {
  it("is judged by the proxies that requests pass, and not by istiod", () => {
    const report = reportWith({ memory: { max: 61 } }, undefined, {
      ...settings,
      scenarios: ["none", "sidecar", "ambient"],
    });
    assert.ok(report.costs.some(({ component, memory }) => component === "istiod" && (memory?.median ?? 0) > 100));
    assert.deepEqual(
      report.budgets.map(({ scenario, verdict, upper }) => [scenario, verdict, upper]),
      [
        ["sidecar", "within", 60],
        ["ambient", "within", 60],
      ],
    );
  });
});

describe("messages about budgets", () => {
  it("name arm and reason where a budget is not measured", () => {
    const report = reportWith({ "sidecar.p99": { max: 50 } }, lost(10));
    assert.deepEqual(budgetLines(report.budgets), [
      `budget sidecar.p99, sidecar: not measured: ${at1000}: 10 of 10 runs are invalid`,
    ]);
    assert.match(
      budgetMessage(report.budgets),
      /^talos-mesh:benchmark\.budgets\.sidecar\.p99: not measured for sidecar, and so not kept: HTTP 1000\/s, .*: 10 of 10 runs are invalid\nnext: /,
    );
    assert.match(
      markdownOf(report),
      /\| sidecar\.p99 \| sidecar \| .* \| HTTP 1000\/s, .*: 10 of 10 runs are invalid \| not/,
    );
  });

  it("state what a scenario may add, use or lose", () => {
    const { budgets } = reportWith({
      ...{ "sidecar.p50": { max: 0.1 }, "sidecar.cpu": { max: 0.1 }, "sidecar.memory": { max: 50 } },
      "sidecar.throughput": { max: 30 },
    });
    const lines = budgetMessage(budgets).split("\n");
    for (const [index, expected] of [
      "sidecar may add 0.100 ms; upper bound ",
      "sidecar may use 0.100 vCPU per 1,000 requests a second; upper bound 0.200 (HTTP ",
      "sidecar may use 50.0 MiB; upper bound 60.0 (",
      "sidecar may lose 30.0 % of the TCP rate; upper bound 4",
    ].entries()) {
      assert.ok(lines[index]?.includes(expected), lines[index]);
    }
  });
});

describe("the bounds in the state of a stack", () => {
  it("give the same verdicts in the next deployment, with the reasons", () => {
    const given = { p99: { max: 50 }, cpu: { max: 5 }, memory: { max: 500 } };
    const report = reportWith(given, lost(10));
    const printed = JSON.stringify({ identity: "1", known: { nodes: [], bounds: boundsOf(report) } });
    const known = previousOf(printed)?.known;
    assert.ok(known);
    assert.deepEqual(judgeBudgets(report.plan.scenarios, budgets(given), known.bounds), report.budgets);
    assert.ok(report.budgets.some(({ verdict }) => verdict === "not measured"));
  });
});
