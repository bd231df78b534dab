import assert from "node:assert/strict";
import { parseBaseline } from "../../../components/benchmark/report/baseline";
import { markdownOf } from "../../../components/benchmark/report/outputs";
import { type Report, reportOf } from "../../../components/benchmark/report/report";
import { standardSettings, measured } from "./measured";

const known = measured(standardSettings);
const noBudgets = { budgets: {} };
const report = reportOf(known, noBudgets);

describe("the comparison with a baseline", () => {
  const against = (earlier: Report) => {
    const baseline = parseBaseline(JSON.stringify(earlier));
    const changes = reportOf(known, { budgets: {}, baseline }).baseline?.changes ?? [];
    return changes.filter(({ metric, scenario }) => metric === "p99" && scenario === "sidecar")[0]?.verdict;
  };
  const scaled = (factor: number) => {
    const records = known.records.map((record) => {
      const { outcome } = record;
      if (outcome?.kind !== "requests" || !outcome.corrected) return record;
      const scaled = Object.entries(outcome.corrected.percentiles).map(([key, value]) => [key, value * factor]);
      const percentiles = Object.fromEntries(scaled) as Record<string, number>;
      return { ...record, outcome: { ...outcome, corrected: { ...outcome.corrected, percentiles } } };
    });
    return reportOf({ ...known, records }, noBudgets);
  };

  it("agrees for most figures of two measurements of one plan, and counts them", () => {
    assert.equal(against(report), "agrees");
    const again = reportOf(measured(standardSettings, "again"), noBudgets);
    assert.equal(against(again), "agrees");
    const { baseline, sentences } = reportOf(known, { budgets: {}, baseline: parseBaseline(JSON.stringify(again)) });
    for (const kind of ["difference", "value"] as const) {
      const judged = baseline?.changes.filter((each) => each.of === kind) ?? [];
      const agreeing = judged.filter(({ verdict }) => verdict === "agrees").length;
      assert.ok(judged.length > 20 && agreeing >= 0.9 * judged.length, `${agreeing} of ${judged.length}`);
      assert.match(sentences.at(-1) ?? "", new RegExp(`\\b${agreeing} of ${judged.length} ${kind}`));
    }
    assert.match(sentences.at(-1) ?? "", /^Compared with the baseline of .*; plan and environment are the same\.$/);
  });

  it("lists what differs in environment and plan, and counts missing figures", () => {
    const other = measured({ ...standardSettings, duration: "30s", qps: [500, 1000] }, "again");
    const clientNode = { ...other.environment.clientNode, kernel: "6.6", mtu: undefined };
    const earlier = reportOf({ ...other, environment: { ...other.environment, clientNode } }, noBudgets);
    const result = reportOf(known, { budgets: {}, baseline: parseBaseline(JSON.stringify(earlier)) });
    const differing = result.baseline?.differing.map(({ path, before, now }) => [path, before, now]);
    assert.deepEqual(differing, [
      ["environment.clientNode.kernel", "6.6", "6.12"],
      ["plan.arms.http-c10-q1000-1024B.seconds", "30", "60"],
      ["plan.runs", String(other.plan.runs.length), String(known.plan.runs.length)],
      ["environment.clientNode.mtu", "-", "1450"],
    ]);
    assert.ok(result.baseline && result.baseline.missing > 0);
    assert.match(
      result.sentences.at(-1) ?? "",
      /figures were not measured now; values of plan and environment that differ: 4\.$/,
    );
    assert.match(markdownOf(result), /\| environment\.clientNode\.kernel \| 6\.6 \| 6\.12 \|/);
  });

  it("is better or worse where the interval excludes zero", () => {
    assert.equal(against(scaled(3)), "better");
    assert.equal(against(scaled(0.3)), "worse");
  });

  it("is unknown without intervals, and refuses a file of another schema", () => {
    const few = reportOf(measured({ qps: [1000], blocks: 3 }), noBudgets);
    assert.equal(against(few), "unknown");
    assert.throws(() => parseBaseline("{}"), /schemaVersion/);
    assert.throws(() => parseBaseline(JSON.stringify({ ...report, schemaVersion: 99 })), /schema version 99/);
  });
});
