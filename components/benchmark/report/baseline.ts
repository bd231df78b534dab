import { z } from "zod";
import { parseJson } from "../../shared/json";
import { UserError } from "../../shared/problem";
import { metrics } from "../metrics/registry";
import { type Bounded, changeBetween } from "../statistics/intervals";
import { type Figure, findFigure, type Results } from "./figures";

/** Version of report.json and of the journal. It changes when a reader of the old form would misread the new one. */
export const schemaVersion = 2;

interface BaselineChange extends Pick<Figure, "title" | "scenario" | "metric" | "unit"> {
  /** The value, or its difference from none, in which conditions that a day's runs share cancel out. */
  readonly of: "value" | "difference";
  readonly before: number;
  readonly now: number;
  readonly change: Bounded;
  /** `agrees` where the interval of the change contains zero; `unknown` without an interval. */
  readonly verdict: "agrees" | "better" | "worse" | "unknown";
}

export interface BaselineComparison {
  readonly identity: string;
  readonly finishedAt: string;
  /** Values of plan and environment that are not the same, by their path in report.json. */
  readonly differing: ReturnType<typeof differingIn>;
  readonly changes: readonly BaselineChange[];
  /** Number of the baseline's figures that were not measured now. */
  readonly missing: number;
}

const estimate = z.object({
  median: z.number(),
  interval: z.object({ low: z.number(), high: z.number() }).optional(),
});

const key = { arm: z.string(), scenario: z.string(), metric: z.string() };

const baseline = z.object({
  schemaVersion: z.literal(schemaVersion, { error: ({ input }) => `found schema version ${String(input)}` }),
  identity: z.string(),
  finishedAt: z.string(),
  environment: z.record(z.string(), z.unknown()),
  plan: z.looseObject({ arms: z.array(z.looseObject({ id: z.string() })) }),
  figures: z.array(z.object({ ...key, estimate, difference: estimate.optional() })),
});
export type Baseline = z.output<typeof baseline>;

interface Conditions {
  readonly environment: object;
  readonly plan: { readonly arms: readonly { readonly id: string }[] };
}

export function parseBaseline(text: string): Baseline {
  const json = parseJson(text);
  if (json === undefined) throw refusal("the file is not JSON");
  const { data, error } = baseline.safeParse(json);
  if (data) return data;
  const [issue] = error.issues;
  throw refusal(`${issue?.path.join(".")}: ${issue?.message}`);
}

function refusal(found: string): UserError {
  const expected = `expected a report.json of schema version ${schemaVersion}`;
  return new UserError(`talos-mesh:benchmark.baseline: ${found}; ${expected}`);
}

export function compareWithBaseline(now: Conditions & Pick<Results, "figures">, earlier: Baseline): BaselineComparison {
  const pairs = now.figures.flatMap((figure) => {
    const before = findFigure(earlier.figures, [figure.arm, figure.scenario], figure.metric);
    return before ? [{ figure, before }] : [];
  });
  const descriptors = new Map(metrics.runs.map((metric) => [metric.name, metric]));
  return {
    identity: earlier.identity,
    finishedAt: earlier.finishedAt,
    differing: differingIn(earlier, now),
    changes: pairs.flatMap(({ figure, before }) => {
      const { lostOf, better = "lower" } = descriptors.get(figure.metric) ?? {};
      // A share lost is a difference from none itself.
      const kind = lostOf === undefined ? "value" : "difference";
      const ofEstimate = change(figure, kind, better, before.estimate, figure.estimate);
      if (!before.difference || !figure.difference) return [ofEstimate];
      return [ofEstimate, change(figure, "difference", better, before.difference, figure.difference)];
    }),
    missing: earlier.figures.length - pairs.length,
  };
}

function change(
  { title, scenario, metric, unit }: Figure,
  kind: BaselineChange["of"],
  better: "lower" | "higher",
  before: Bounded,
  now: Bounded,
): BaselineChange {
  const change = changeBetween(before, now);
  const { median, interval } = change;
  const changed = median < 0 === (better === "lower") ? "better" : "worse";
  const verdict = !interval ? "unknown" : interval.low <= 0 && interval.high >= 0 ? "agrees" : changed;
  return { title, scenario, metric, unit, of: kind, before: before.median, now: now.median, change, verdict };
}

/** Number of figures that agree, with the number that would not by chance if nothing had changed. */
export function baselineSummary({ finishedAt, changes, differing, missing }: BaselineComparison): string {
  const counted = (["difference", "value"] as const).map((kind) => {
    const judged = changes.filter((each) => each.of === kind && each.verdict !== "unknown");
    const agreeing = judged.filter(({ verdict }) => verdict === "agrees").length;
    const what = kind === "difference" ? "differences from none" : "values";
    return judged.length === 0
      ? `no ${what} can be compared`
      : `${agreeing} of ${judged.length} ${what} agree (by chance, up to ${Math.ceil(judged.length / 20)} would not)`;
  });
  const parts = [
    ...counted,
    ...(missing > 0 ? [`${missing} of its figures were not measured now`] : []),
    differing.length > 0
      ? `values of plan and environment that differ: ${differing.length}`
      : "plan and environment are the same",
  ];
  return `Compared with the baseline of ${finishedAt}: ${parts.join("; ")}.`;
}

function differingIn(earlier: Conditions, current: Conditions) {
  const inBoth = (id: string) => [earlier, current].every(({ plan }) => plan.arms.some((arm) => arm.id === id));
  const valuesOf = ({ environment, plan }: Conditions) => {
    const arms = plan.arms.filter(({ id }) => inBoth(id)).map((arm) => [arm.id, arm]);
    return new Map(leaves({ environment, plan: { ...plan, arms: Object.fromEntries(arms) as object } }));
  };
  const [old, values] = [valuesOf(earlier), valuesOf(current)];
  return [...new Set([...old.keys(), ...values.keys()])]
    .map((path) => ({ path, before: old.get(path) ?? "-", now: values.get(path) ?? "-" }))
    .filter(({ before, now }) => before !== now);
}

function leaves(value: unknown, path: readonly string[] = []): [string, string][] {
  if (value === undefined) return [];
  if (Array.isArray(value)) return [[path.join("."), value.join(", ")]];
  if (typeof value !== "object" || value === null) {
    return [[path.join("."), typeof value === "string" ? value : JSON.stringify(value)]];
  }
  return Object.entries(value).flatMap(([key, each]) => leaves(each, [...path, key]));
}
