import { z } from "zod";
import { OutputError, parseOutput } from "../measure/load-generators";
import { lostOf, type Metric, metrics } from "../metrics/registry";
import { type Change, changeBetween, type Known } from "../statistics/intervals";
import type { Figure } from "./figures";

/** How a figure stands to that of an earlier report. */
interface BaselineChange {
  readonly title: string;
  readonly scenario: string;
  readonly metric: Metric;
  readonly unit: string;
  /** Of a value, or of its difference to none, in which the conditions of the day drop out. */
  readonly of: "value" | "difference";
  readonly before: number;
  readonly now: number;
  readonly change: Change;
  /** `agrees` where the interval of the change holds zero; without an interval nothing can be said. */
  readonly verdict: "agrees" | "better" | "worse" | "unknown";
}

/** What is not the same as in the baseline; paths are those of report.json. */
interface Differing {
  readonly path: string;
  readonly before: string;
  readonly now: string;
}

/** An earlier report beside this one. */
export interface BesideBaseline {
  readonly identity: string;
  readonly finishedAt: string;
  readonly differing: readonly Differing[];
  readonly changes: readonly BaselineChange[];
  /** Figures of the baseline that were not measured now. */
  readonly missing: number;
}

const interval = z.object({ low: z.number(), high: z.number() }).optional();

const known = z.object({ median: z.number(), interval });

const baseline = z.object({
  schemaVersion: z.number(),
  identity: z.string(),
  finishedAt: z.string(),
  environment: z.record(z.string(), z.unknown()),
  plan: z.looseObject({ arms: z.array(z.looseObject({ id: z.string() })) }),
  figures: z.array(
    z.object({
      arm: z.string(),
      scenario: z.string(),
      metric: z.string(),
      estimate: known,
      difference: known.optional(),
    }),
  ),
});

export type Baseline = z.output<typeof baseline>;

/** What is compared of a report. */
interface Comparable {
  readonly environment: object;
  readonly plan: { readonly arms: readonly { readonly id: string }[] };
  readonly figures: readonly Figure[];
}

/** @throws OutputError for what is no report of this schema */
export function parseBaseline(text: string): Baseline {
  const found = parseOutput("the baseline", text, baseline);
  if (found.schemaVersion === schemaVersion) return found;
  throw new OutputError(
    `the baseline has schema version ${found.schemaVersion}, and this release reads ${schemaVersion}`,
  );
}

export function besideBaseline(report: Comparable, earlier: Baseline): BesideBaseline {
  const pairs = report.figures.flatMap((figure) => {
    const before = earlier.figures.find(
      ({ arm, scenario, metric }) => arm === figure.arm && scenario === figure.scenario && metric === figure.metric,
    );
    return before ? [{ figure, before }] : [];
  });
  return {
    ...{ identity: earlier.identity, finishedAt: earlier.finishedAt },
    differing: differingIn(earlier, report),
    changes: pairs.flatMap(({ figure, before }) => [
      // What is lost is a difference to none as it is.
      change(figure, lostOf[figure.metric] ? "difference" : "value", before.estimate, figure.estimate),
      ...(before.difference && figure.difference
        ? [change(figure, "difference", before.difference, figure.difference)]
        : []),
    ]),
    missing: earlier.figures.length - pairs.length,
  };
}

function change(figure: Figure, of: BaselineChange["of"], before: Known, now: Known): BaselineChange {
  const { title, scenario, metric, unit } = figure;
  const change = changeBetween(before, now);
  const place = { title, scenario, metric, unit, of, before: before.median, now: now.median, change };
  if (!change.interval) return { ...place, verdict: "unknown" };
  if (change.interval.low <= 0 && change.interval.high >= 0) return { ...place, verdict: "agrees" };
  return { ...place, verdict: change.median < 0 === (metrics[metric].better === "lower") ? "better" : "worse" };
}

/** How many agree, and how many would not if all were the same: what tells whether a result was repeated. */
export function baselineSentences({ finishedAt, changes, differing, missing }: BesideBaseline): string[] {
  const counted = (["difference", "value"] as const).map((of) => {
    const judged = changes.filter((each) => each.of === of && each.verdict !== "unknown");
    const agreeing = judged.filter(({ verdict }) => verdict === "agrees").length;
    const chance = Math.ceil(judged.length / 20);
    const what = of === "difference" ? "differences to none" : "values";
    return judged.length === 0
      ? `no ${what} can be compared`
      : `${agreeing} of ${judged.length} ${what} agree (by chance up to ${chance} would not)`;
  });
  const rest = [
    ...(missing > 0 ? [`${missing} of its figures were not measured now`] : []),
    differing.length > 0
      ? `${differing.length} things of plan and environment are not the same`
      : "plan and environment are the same",
  ];
  return [`Beside the baseline of ${finishedAt}: ${[...counted, ...rest].join("; ")}.`];
}

function differingIn(
  before: Pick<Comparable, "environment" | "plan">,
  now: Pick<Comparable, "environment" | "plan">,
): Differing[] {
  const shared = (id: string) => [before, now].every(({ plan }) => plan.arms.some((arm) => arm.id === id));
  const [old, current] = [before, now].map(({ environment, plan }) => {
    const arms = plan.arms.filter(({ id }) => shared(id)).map((arm) => [arm.id, arm] as const);
    return new Map(leaves({ environment, plan: { ...plan, arms: Object.fromEntries(arms) } }));
  });
  return [...new Set([...(old?.keys() ?? []), ...(current?.keys() ?? [])])].flatMap((path): Differing[] => {
    const [a = "-", b = "-"] = [old?.get(path), current?.get(path)];
    return a === b ? [] : [{ path, before: a, now: b }];
  });
}

/** Every value within, with its path. */
function leaves(value: unknown, path: readonly string[] = []): [string, string][] {
  if (value === undefined) return [];
  if (Array.isArray(value)) return [[path.join("."), value.join(", ")]];
  if (typeof value !== "object" || value === null) {
    return [[path.join("."), typeof value === "string" ? value : JSON.stringify(value)]];
  }
  return Object.entries(value).flatMap(([key, each]) => leaves(each, [...path, key]));
}

/** Of report.json: another where a reader of the old one would misread the new. */
export const schemaVersion = 2;
