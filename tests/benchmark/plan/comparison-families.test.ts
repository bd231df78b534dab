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

describe("families of comparisons", () => {
  it("let the headline be told from chance in 7 blocks, however much else is measured", () => {
    const of = reportOf(measured({ ...large, blocks: 7 }), { budgets: {} });
    assert.match(of.sentences[0] ?? "", /^sidecar adds 2\.0\d \[/);
    assert.match(of.sentences[1] ?? "", /^ambient adds 0\.\d+ \[/);
    const { difference } = of.figures.find(({ metric, scenario }) => metric === "p50" && scenario === "sidecar") ?? {};
    // 4 arms and 3 scenarios: 12 comparisons take 9 blocks.
    assert.deepEqual([difference?.significant, difference?.blocksNeeded], [false, 9]);
    assert.match(markdownOf(of), /\(too few blocks to tell: it takes 9\)/);
    assert.doesNotMatch(markdownOf(of), /\| p50 \| sidecar .*chance/);
  });

  it("lose nothing by a control", () => {
    const pOf = (control: boolean) => {
      const of = reportOf(measured({ ...large, control, blocks: 8 }), { budgets: {} });
      return of.figures.find(({ metric, scenario }) => metric === "p90" && scenario === "sidecar")?.difference?.p;
    };
    assert.equal(pOf(true), pOf(false));
  });

  it("warn in the sentence of a control that differs", () => {
    const known = measured({ ...large, blocks: 7 });
    const records = known.records.map((record) => {
      const { outcome, scenario } = record;
      if (outcome?.kind !== "requests" || !outcome.corrected || scenario !== "control") return record;
      const percentiles = { ...outcome.corrected.percentiles, "99": 50 };
      return { ...record, outcome: { ...outcome, corrected: { ...outcome.corrected, percentiles } } };
    });
    const of = reportOf({ ...known, records }, { budgets: {} });
    assert.match(of.sentences.at(-1) ?? "", /More than chance where nothing differs: do not trust smaller differences/);
    assert.match(of.sentences[0] ?? "", /7 of 7 blocks\)\.$/);
  });
});

describe("a plan", () => {
  it("says before it is measured which differences its blocks cannot tell from chance", () => {
    assert.equal(
      noteOf({ scenarios: ["none", "sidecar", "ambient", "waypoint"], blocks: 7 }),
      "talos-mesh:benchmark.blocks: 7 are too few to tell any difference to none from chance at p50, p90, p99, p99.9, " +
        "mean, rate, throughput; 10 are enough for all, and for the headline these are",
    );
    assert.match(
      noteOf({ blocks: 5, control: true }) ?? "",
      /: 5 are .* at p50, p90, p99, headline, p99\.9, .*; \d are enough for all$/,
    );
  });

  it("speaks of no headline where no HTTP has a fixed rate", () => {
    assert.match(noteOf({ qps: [0], transactions: true, blocks: 6 }) ?? "", / enough for all$/);
  });

  it("has nothing to say of enough blocks, or where nothing is compared", () => {
    assert.equal(noteOf({ ...large, blocks: 10 }), undefined);
    assert.equal(noteOf({ scenarios: ["none"], blocks: 1 }), undefined);
    assert.equal(noteOf({ preset: "istio-tools", scenarios: ["none", "sidecar", "ambient", "waypoint"] }), undefined);
  });
});
