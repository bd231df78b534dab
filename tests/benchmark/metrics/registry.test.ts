import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { hasSchedule } from "../../../components/benchmark/metrics/record";
import {
  budgetedMetrics,
  type CostMetric,
  describeBudgets,
  metrics,
  type RunMetric,
} from "../../../components/benchmark/metrics/registry";
import { benchmarkPlan, blocksNote } from "../../../components/benchmark/plan/plan";
import { resolveBenchmark } from "../../../components/benchmark/plan/settings";
import { parseBaseline } from "../../../components/benchmark/report/baseline";
import { budgetLines, budgetMessage } from "../../../components/benchmark/report/budgets";
import { csvOf, markdownOf } from "../../../components/benchmark/report/outputs";
import { htmlOf } from "../../../components/benchmark/report/page";
import { type Report, reportOf } from "../../../components/benchmark/report/report";
import { benchmark } from "../../../components/settings/sections/benchmark";
import { measured, standardSettings } from "../report/measured";

const p75: RunMetric = {
  ...{ name: "p75", title: "p75 latency", unit: "fortnights", better: "lower", isOf: hasSchedule },
  read: (outcome) => (outcome.kind === "requests" ? outcome.corrected?.percentiles["75"] : undefined),
  budget: { unit: "fortnights", verb: "add", advice: "add a rate to benchmark.qps" },
  summary: { unit: "fortnights at p75", more: "adds", less: "takes away" },
  questions: ["latency", "growth", "stability"],
};
const containers: CostMetric = {
  ...{ name: "containers", title: "containers of the mesh", unit: "containers", heading: "containers" },
  isOf: hasSchedule,
  read: (parts) => parts.reduce((sum, { usage }) => sum + usage.containers, 0),
  counter: { unit: "1", read: ({ containers }) => containers },
  summary: { mesh: "containers in the mesh" },
  budget: { unit: "containers", verb: "use", of: "mesh", advice: "add a rate to benchmark.qps" },
};

describe("the registry of metrics", () => {
  it("has unique names", () => {
    for (const names of [
      [...metrics.runs, ...metrics.costs].map(({ name }) => name),
      budgetedMetrics().map(({ name }) => name),
    ]) {
      assert.equal(new Set(names).size, names.length, names.join());
    }
  });

  it("is the table of docs/benchmark.md", () => {
    const page = readFileSync(path.resolve(__dirname, "../../../docs/benchmark.md"), "utf8");
    const [, table = ""] = /<!-- metrics -->([^]*)<!-- \/metrics -->/.exec(page) ?? [];
    const rows = table.trim().split("\n").slice(2);
    assert.deepEqual(
      rows.map((row) =>
        row
          .split("|")
          .slice(1, -1)
          .map((cell) => cell.trim()),
      ),
      [...metrics.runs, ...metrics.costs].map(({ name, title, unit, budget }) => [
        ...[`\`${name}\``, title, unit, budget ? `\`${budget.name ?? name}\`` : "-"],
      ]),
    );
  });

  it("describes every budget in the schema of the settings", () => {
    for (const { name, budget } of budgetedMetrics()) {
      assert.ok(describeBudgets().includes(`\`${name}\``) && describeBudgets().includes(budget.unit), name);
    }
  });
});

describe("a metric that is added to the registry", () => {
  const known = measured({ ...standardSettings, qps: [100, 1000] });
  const budgets = benchmark.parse({ budgets: { "sidecar.p75": { max: 1 }, containers: { max: 2 } } }).budgets;
  const plan = benchmarkPlan(resolveBenchmark(benchmark.parse({ ...standardSettings, qps: [100, 1000], blocks: 5 })));
  const without = { report: reportOf(known, { budgets: {} }), note: blocksNote(plan) };
  let report: Report;

  before(() => {
    (metrics.runs as RunMetric[]).push(p75);
    (metrics.costs as CostMetric[]).push(containers);
    const earlier = reportOf(measured({ ...standardSettings, qps: [100, 1000] }, "again"), { budgets: {} });
    report = reportOf(known, { budgets, baseline: parseBaseline(JSON.stringify(earlier)) });
  });

  after(() => {
    (metrics.runs as RunMetric[]).pop();
    (metrics.costs as CostMetric[]).pop();
  });

  it("is in report.json, with its comparison", () => {
    const figures = report.figures.filter(({ metric }) => metric === "p75");
    assert.equal(figures.length, 2 * known.plan.scenarios.length);
    assert.ok(figures.every(({ scenario, difference }) => (difference === undefined) === (scenario === "none")));
    const read = JSON.parse(JSON.stringify(report)) as { costs: { component: string; containers?: object }[] };
    assert.ok(read.costs.some(({ component, containers }) => component === "mesh" && containers !== undefined));
  });

  it("is in the CSV", () => {
    const csv = csvOf(report);
    assert.match(csv, /,p75,fortnights,[\d.]+\r\n/);
    assert.match(csv, /,ztunnel containers,1,1\r\n/);
  });

  it("is in the tables of Markdown and HTML", () => {
    for (const text of [markdownOf(report), htmlOf(report)]) {
      assert.match(text, /p75(?: \| |<\/td><td>)sidecar/);
      assert.match(text, /MiB(?: \| |<\/th><th>)containers/);
      assert.match(text, /(?:\| |<td>)3\.00 \\?\[3\.00, 3\.00\]/);
    }
  });

  it("is in the pictures", () => {
    const html = htmlOf(report);
    const captions = [...html.matchAll(/<figcaption>([^<]*)</g)].map(([, caption]) => caption);
    for (const caption of [
      "latency, fortnights",
      "p75, fortnights",
      "p75, HTTP 100/s, 10 connections, 1024 B",
      "containers, containers",
    ]) {
      assert.ok(captions.includes(caption), caption);
    }
    const [, containers = ""] = /<figcaption>containers, containers<(.*)<\/figure>/.exec(html) ?? [];
    assert.match(containers, /<p>sidecar<.*<span>whole mesh<.*--median:3\.000;.*<span>3\.00 \[3\.00, 3\.00\]</);
  });

  it("is in the summary, and in the comparison family of the summary", () => {
    const [sidecar = ""] = report.sentences;
    assert.match(sidecar, /^sidecar adds .* ms at p99, adds .* fortnights at p75, .* containers in the mesh \(/);
    const pOf = (result: typeof report) =>
      result.figures.find(
        ({ metric, arm, scenario }) => metric === "p99" && arm === "http-c10-q1000-1024B" && scenario === "sidecar",
      )?.difference?.p;
    // Two scenarios: 2 comparisons without p75, and 4 with it.
    const [alone, together] = [pOf(without.report), pOf(report)];
    assert.ok(alone !== undefined && together !== undefined && Math.abs(together - 2 * alone) < 1e-9);
  });

  it("is in the note on the number of blocks", () => {
    assert.match(blocksNote(plan) ?? "", /p75/);
    assert.doesNotMatch(without.note ?? "", /p75/);
  });

  it("is compared with the baseline", () => {
    const changes = report.baseline?.changes.filter(({ metric }) => metric === "p75") ?? [];
    assert.ok(changes.length > 0 && changes.every(({ unit }) => unit === "fortnights"));
    assert.deepEqual(new Set(changes.map(({ of }) => of)), new Set(["value", "difference"]));
  });

  it("can have a budget", () => {
    assert.ok(["p75", "containers"].every((name) => budgetedMetrics().some((each) => each.name === name)));
    assert.deepEqual(
      report.budgets.map(({ name, scenario, verdict }) => [name, scenario, verdict]),
      [
        ["sidecar.p75", "sidecar", "exceeded"],
        ["containers", "sidecar", "exceeded"],
        ["containers", "ambient", "within"],
      ],
    );
    assert.match(
      budgetLines(report.budgets).join("\n"),
      /budget sidecar\.p75, sidecar: exceeded: .* of 1\.00 fortnights/,
    );
    assert.match(budgetMessage(report.budgets), /sidecar may add 1\.00 fortnights; upper bound/);
    assert.match(budgetMessage(report.budgets), /sidecar may use 2\.00 containers; upper bound 3\.00/);
  });
});
