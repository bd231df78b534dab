import { shareInterval } from "../../components/verification/evaluation/statistics";

/** What Prometheus counted of the requests to a version. */
export interface Counted {
  readonly requests: number;
  /** Answers 5xx, and connections that broke. */
  readonly errors: number;
  /** Cumulative, by upper bound in milliseconds, ascending; the last bound is Infinity. */
  readonly buckets: readonly { readonly le: number; readonly count: number }[];
}

/** Percentage points by which the new version may be worse than the others. */
export interface Tolerance {
  readonly errors: number;
  readonly slow: number;
}

export interface Judgement {
  /** `on`: no worse, for sure; `back`: worse, for sure; `hold`: the requests so far do not show which. */
  readonly decision: "on" | "hold" | "back";
  readonly lines: readonly string[];
}

/** Of each interval; so the bounds of a difference are right at least 98 times of 100, in each look. */
const alpha = 0.01;

/** The share of requests of the other versions that is not slow. */
const quantile = 0.95;

/**
 * Compares a version with those that it replaces, in the same time: the share of errors, and the share of requests that take
 * longer than 95% of the others' requests.
 */
export function judge(canary: Counted, others: Counted, tolerance: Tolerance): Judgement {
  if (canary.requests === 0 || others.requests === 0) {
    const none = canary.requests === 0 ? "the new version" : "the other versions";
    return { decision: "hold", lines: [`no requests to ${none}`] };
  }
  const bound = slowBound(others);
  const comparisons = [
    compared("errors", (version) => version.errors, tolerance.errors),
    ...(bound === undefined ? [] : [compared(`over ${bound} ms`, (version) => slower(version, bound), tolerance.slow)]),
  ];
  const decisions = comparisons.map(({ decision }) => decision);
  const decision = decisions.includes("back") ? "back" : decisions.includes("hold") ? "hold" : "on";
  const noLatency = bound === undefined ? ["latency: no histogram of the other versions, so it is not judged"] : [];
  return { decision, lines: [...comparisons.map(({ line }) => line), ...noLatency] };

  function compared(title: string, seen: (version: Counted) => number, points: number) {
    const [mine, theirs] = [canary, others].map((version) => shareInterval(seen(version), version.requests, { alpha }));
    const [low, high] = [(mine?.low ?? 0) - (theirs?.high ?? 0), (mine?.high ?? 0) - (theirs?.low ?? 0)];
    const allowed = points / 100;
    const found: Judgement["decision"] = low > allowed ? "back" : high <= allowed ? "on" : "hold";
    const shares = [canary, others].map(
      (version) => `${percent(seen(version) / version.requests)} of ${Math.round(version.requests)}`,
    );
    return {
      decision: found,
      line: `${title}: ${shares.join(", the others ")}; difference ${percent(low)} to ${percent(high)}, allowed ${points}%`,
    };
  }
}

/** The smallest bound below which 95% of requests are; none where the histogram has no finite one. */
function slowBound({ buckets }: Counted): number | undefined {
  const all = buckets.at(-1)?.count ?? 0;
  const finite = buckets.filter(({ le }) => Number.isFinite(le));
  return all === 0 ? undefined : (finite.find(({ count }) => count >= quantile * all) ?? finite.at(-1))?.le;
}

function slower({ buckets, requests }: Counted, bound: number): number {
  const all = buckets.at(-1)?.count ?? 0;
  const fast = buckets.find(({ le }) => le === bound)?.count ?? all;
  // Counts of both metrics are read a moment apart.
  return Math.max(0, Math.min(requests, all - fast));
}

function percent(share: number): string {
  return `${(100 * share).toFixed(2)}%`;
}
