import { z } from "zod";
import { OutputError, parseOutput } from "../measure/output-error";
import type { Figure } from "./figures";
import { type Metric, metrics } from "./metrics";
import { schemaVersion } from "./schema-version";

/** How a figure stands to that of an earlier report. */
export interface BaselineChange {
  readonly title: string;
  readonly scenario: string;
  readonly metric: Metric;
  readonly unit: string;
  readonly before: number;
  readonly now: number;
  /** `agrees` where the intervals meet; without both intervals nothing can be said. */
  readonly verdict: "agrees" | "better" | "worse" | "unknown";
}

const interval = z.object({ low: z.number(), high: z.number() }).optional();

const baseline = z.object({
  schemaVersion: z.number(),
  identity: z.string(),
  finishedAt: z.string(),
  figures: z.array(
    z.object({
      arm: z.string(),
      scenario: z.string(),
      metric: z.string(),
      estimate: z.object({ median: z.number(), interval }),
    }),
  ),
});
export type Baseline = z.output<typeof baseline>;

/** @throws OutputError for what is no report of this schema */
export function parseBaseline(text: string): Baseline {
  const found = parseOutput("the baseline", text, baseline);
  if (found.schemaVersion === schemaVersion) return found;
  throw new OutputError(
    `the baseline has schema version ${found.schemaVersion}, and this release reads ${schemaVersion}`,
  );
}

/** The figures that both have, in the order of the new ones. */
export function compareWithBaseline(figures: readonly Figure[], { figures: earlier }: Baseline): BaselineChange[] {
  return figures.flatMap(({ arm, scenario, metric, title, unit, estimate }): BaselineChange[] => {
    const before = earlier.find((each) => each.arm === arm && each.scenario === scenario && each.metric === metric);
    if (!before) return [];
    const place = { title, scenario, metric, unit, before: before.estimate.median, now: estimate.median };
    const [old, now] = [before.estimate.interval, estimate.interval];
    if (!old || !now) return [{ ...place, verdict: "unknown" as const }];
    if (now.low <= old.high && old.low <= now.high) return [{ ...place, verdict: "agrees" as const }];
    const lower = now.high < old.low;
    return [{ ...place, verdict: lower === (metrics[metric].better === "lower") ? "better" : "worse" }];
  });
}
