import assert from "node:assert/strict";
import { csvOf } from "../../../components/benchmark/report/outputs";
import { type Report, reportOf } from "../../../components/benchmark/report/report";
import { measured } from "./measured";

/** A line of report.csv, read without our code. */
interface Row {
  readonly block: number;
  readonly arm: string;
  readonly scenario: string;
  readonly metric: string;
  readonly value: number;
}

function validRows(csv: string): Row[] {
  const [, ...lines] = csv.trimEnd().split("\r\n");
  return lines.flatMap((line) => {
    const [block, arm = "", scenario = "", , valid, , metric = "", , value] = line.split(",");
    return valid === "true" ? [{ block: Number(block), arm, scenario, metric, value: Number(value) }] : [];
  });
}

/** The median. */
function middle(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length / 2;
  const places = Number.isInteger(half) ? [half - 1, half] : [Math.floor(half)];
  return places.reduce((sum, place) => sum + (sorted[place] ?? NaN), 0) / places.length;
}

/** Two-sided p of the signed-rank test, by counting all choices of signs. */
function byCounting(differences: readonly number[]): number {
  const sizes = differences.filter((each) => each !== 0).map(Math.abs);
  const ranks = sizes.map((size) => {
    const places = [...sizes].sort((a, b) => a - b).flatMap((other, place) => (other === size ? [place + 1] : []));
    return places.reduce((sum, place) => sum + place, 0) / places.length;
  });
  const signed = (isPositive: (index: number) => boolean) =>
    Math.abs(ranks.reduce((sum, rank, index) => sum + (isPositive(index) ? rank : -rank), 0));
  const positive = differences.filter((each) => each !== 0).map((each) => each > 0);
  const found = signed((index) => positive[index] ?? false);
  const choices = Array.from({ length: 2 ** ranks.length }, (_, mask) => signed((index) => (mask >> index) % 2 === 1));
  return choices.filter((each) => each >= found - 1e-9).length / choices.length;
}

/** Holm by its definition: the k-th smallest p times the number not yet rejected, and never below an earlier one. */
function adjusted(known: ReadonlyMap<string, number>): Map<string, number> {
  const order = [...known].sort(([, a], [, b]) => a - b);
  return new Map(
    order.map(([name], place) => [
      name,
      Math.min(1, Math.max(...order.slice(0, place + 1).map(([, p], at) => p * (order.length - at)))),
    ]),
  );
}

/** By arm and scenario: the differences from none in the blocks that have both runs. */
function pairs(rows: readonly Row[], metric: string): Map<string, number[]> {
  const found = new Map<string, number[]>();
  const own = rows.filter((row) => row.metric === metric);
  for (const { block, arm, scenario, value } of own.filter((row) => row.scenario !== "none")) {
    const none = own.find((row) => row.scenario === "none" && row.arm === arm && row.block === block);
    const name = `${arm} ${scenario}`;
    if (none) found.set(name, [...(found.get(name) ?? []), value - none.value]);
  }
  return found;
}

describe("the figures of a report", () => {
  const scenarios = ["none", "sidecar", "ambient"] as const;
  const known = measured({ scenarios: [...scenarios], control: true, qps: [100, 1000], tcpStreams: [1], blocks: 9 });
  // Some runs are invalid, so that not every block has every pair.
  const records = known.records.map((record, index) =>
    index % 17 === 0 ? { ...record, problems: ["failed"] } : record,
  );
  const report: Report = reportOf({ ...known, records }, { budgets: {} });
  const rows = validRows(csvOf(report));
  const headline = "http-c10-q1000-1024B";

  it("can be reproduced from report.csv: medians, differences, p", () => {
    let checked = 0;
    for (const metric of ["p50", "p99", "p99 raw", "mean", "rate", "throughput"]) {
      const differences = pairs(rows, metric);
      const raw = new Map([...differences].map(([name, values]) => [name, byCounting(values)]));
      const isFirst = (name: string) => metric === "p99" && name.startsWith(`${headline} `);
      const families = [true, false].flatMap((first) =>
        [true, false].map(
          (control) =>
            new Map([...raw].filter(([name]) => isFirst(name) === first && name.endsWith(" control") === control)),
        ),
      );
      const p = new Map(families.flatMap((family) => [...adjusted(family)]));
      for (const figure of report.figures.filter((each) => each.metric === metric)) {
        const name = `${figure.arm} ${figure.scenario}`;
        const own = rows.filter(
          (row) => row.metric === metric && row.arm === figure.arm && row.scenario === figure.scenario,
        );
        assert.equal(figure.estimate.blocks, own.length, `${metric}, ${name}`);
        assert.equal(figure.estimate.median, middle(own.map(({ value }) => value)), `${metric}, ${name}`);
        assert.equal(figure.difference === undefined, figure.scenario === "none");
        if (!figure.difference) continue;
        assert.equal(figure.difference.blocks, differences.get(name)?.length, `${metric}, ${name}`);
        assert.equal(figure.difference.median, middle(differences.get(name) ?? []), `${metric}, ${name}`);
        assert.ok(Math.abs(figure.difference.p - (p.get(name) ?? NaN)) < 1e-9, `${metric}, ${name}`);
        checked++;
      }
    }
    // p50, p99 and mean of 4 arms, p99 raw of 2, rate of 2, throughput of 2; 3 scenarios each.
    assert.equal(checked, (3 * 4 + 2 + 2 + 2) * 3);
  });

  it("have a unit and a number of blocks", () => {
    for (const { metric, unit, estimate, values } of report.figures) {
      assert.ok(unit !== "" && estimate.blocks === values.length && estimate.blocks > 0, metric);
    }
    assert.ok(report.figures.some(({ estimate }) => estimate.blocks < known.plan.blocks));
  });
});
