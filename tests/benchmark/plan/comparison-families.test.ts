import assert from "node:assert/strict";
import { benchmarkPlan, blocksNote } from "../../../components/benchmark/plan/plan";
import { resolveBenchmark } from "../../../components/benchmark/plan/settings";
import { markdownOf } from "../../../components/benchmark/report/outputs";
import { reportOf } from "../../../components/benchmark/report/report";
import { benchmark } from "../../../components/settings/sections/benchmark";
import type { z } from "zod";
import { measured } from "../report/measured";

const large: z.input<typeof benchmark> = {
  ...{ scenarios: ["none", "sidecar", "ambient", "waypoint"], control: true },
  ...{ qps: [100, 1000], connections: [4, 16], tcpStreams: [], transactions: false },
};
const noteOf = (settings: z.input<typeof benchmark>) =>
  blocksNote(benchmarkPlan(resolveBenchmark(benchmark.parse(settings))));

describe("comparison families", () => {
  it("let the headline be significant with 7 blocks, whatever else is measured", () => {
    const report = reportOf(measured({ ...large, blocks: 7 }), { budgets: {} });
    assert.match(report.sentences[0] ?? "", /^sidecar adds 2\.0\d \[/);
    assert.match(report.sentences[1] ?? "", /^ambient adds 0\.\d+ \[/);
    const { difference } =
      report.figures.find(({ metric, scenario }) => metric === "p50" && scenario === "sidecar") ?? {};
    // 4 arms and 3 scenarios: 12 comparisons need 9 blocks.
    assert.deepEqual([difference?.significant, difference?.blocksNeeded], [false, 9]);
    assert.match(markdownOf(report), /\(too few blocks: 9 are needed\)/);
    assert.doesNotMatch(markdownOf(report), /\| p50 \| sidecar .*not significant/);
  });

  it("do not lose power by a control", () => {
    const pOf = (control: boolean) => {
      const report = reportOf(measured({ ...large, control, blocks: 8 }), { budgets: {} });
      return report.figures.find(({ metric, scenario }) => metric === "p90" && scenario === "sidecar")?.difference?.p;
    };
    assert.equal(pOf(true), pOf(false));
  });

  it("warn in the summary of a control that differs", () => {
    const known = measured({ ...large, blocks: 7 });
    const records = known.records.map((record) => {
      const { outcome, scenario } = record;
      if (outcome?.kind !== "requests" || !outcome.corrected || scenario !== "control") return record;
      const percentiles = { ...outcome.corrected.percentiles, "99": 50 };
      return { ...record, outcome: { ...outcome, corrected: { ...outcome.corrected, percentiles } } };
    });
    const report = reportOf({ ...known, records }, { budgets: {} });
    assert.match(
      report.sentences.at(-1) ?? "",
      /This difference is significant although nothing differs: do not trust smaller ones\.$/,
    );
    assert.match(report.sentences[0] ?? "", /7 of 7 blocks\)\.$/);
  });
});

describe("the note on the number of blocks", () => {
  it("names the metrics whose differences cannot be significant", () => {
    assert.equal(
      noteOf({ scenarios: ["none", "sidecar", "ambient", "waypoint"], blocks: 7 }),
      "talos-mesh:benchmark.blocks: with 7 blocks, no difference from scenario none can be significant for p50, p90, p99, p99.9, " +
        "mean, rate, throughput; 10 blocks are enough for all, and 7 for the headline",
    );
    assert.match(
      noteOf({ blocks: 5, control: true }) ?? "",
      /: with 5 blocks, .* for p50, p90, p99, headline, p99\.9, .*; \d blocks are enough for all$/,
    );
  });

  it("does not mention the headline where no HTTP arm has a fixed rate", () => {
    assert.match(noteOf({ qps: [0], transactions: true, blocks: 6 }) ?? "", / enough for all$/);
  });

  it("is absent with enough blocks, and where nothing is compared", () => {
    assert.equal(noteOf({ ...large, blocks: 10 }), undefined);
    assert.equal(noteOf({ scenarios: ["none"], blocks: 1 }), undefined);
    assert.equal(noteOf({ preset: "istio-tools", scenarios: ["none", "sidecar", "ambient", "waypoint"] }), undefined);
  });
});
