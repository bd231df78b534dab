import type { Answer, Outcome, Probe, Series } from "../probe";
import type { Observation, SeriesResult, SuiteStatistics, Verdict } from "../result";
import { type Ending, endingOf } from "./answers";
import { isSentTo, type Mismatch, mismatchOf, outcomesOf } from "./outcomes";
import { isOwnedBy, obstruction, refutation } from "./reasons";
import { describeEvidence, describeMeasured, describeRequest, describeSeries } from "./descriptions";
import { deviates, isStatistical, sampleSize, shareInterval, sharesOf, straysAtMost } from "./statistics";

/** An observation that is of none of the expected outcomes. */
interface Deviation {
  readonly observation: Observation;
  readonly ending: Ending;
  /** The expected outcome that comes closest. */
  readonly outcome: Outcome;
  readonly mismatch: Mismatch;
}

/**
 * The verdict on the requests of a series.
 *
 * One rule tells `fails` from `control failed`. A request refutes a policy if it came past the policy (the application
 * answered, or an answer that the series names in `refutedBy`), or if the policy's own answer came where it should not: also
 * in a control. Whatever else ended it, a policy of another kind or no server, hides what the policy would have done:
 * `control failed`. So does a control whose answer is the right one but for its version, headers or time: the difference
 * that the effect shows is then there without the policy.
 */
export function evaluateSeries(
  probe: Pick<Probe, "kind" | "objects">,
  series: Series,
  observations: readonly Observation[],
  statistics: SuiteStatistics,
): SeriesResult {
  const outcomes = outcomesOf(series.expect);
  const counts = outcomes.map(() => 0);
  const deviations: Deviation[] = [];
  const matched = new Map<number, Observation>();
  let silent: string | undefined;
  for (const observation of observations) {
    const ending = endingOf(observation, series);
    const mismatches = outcomes.map((outcome) => mismatchOf(outcome, observation, ending));
    const at = mismatches.indexOf(undefined);
    if (at < 0) deviations.push(closest(observation, ending, outcomes, mismatches));
    else counts[at] = (counts[at] ?? 0) + 1;
    if (at >= 0 && !matched.has(at)) matched.set(at, observation);
    const outcome = outcomes[at];
    if (outcome && isSentTo(outcome, observation, ending)) silent = outcome.sentTo;
  }
  const { verdict, reason, observation } = judge(
    probe,
    series,
    { counts, deviations, matched, observations },
    statistics,
  );
  const shares = sharesOf(series.expect);
  // Without those that are none of the outcomes.
  const judged = observations.length - deviations.length;
  const failure = observation && reason !== undefined && { request: describeRequest(series), observation, reason };
  return {
    title: series.title,
    role: series.role,
    ...describeSeries(series),
    verdict,
    count: observations.length,
    measured: describeMeasured(
      outcomes.map(({ title }, at) => ({ title, count: counts[at] ?? 0 })),
      deviations.map(({ mismatch }) => mismatch.seen),
      shares.length > 0,
    ),
    ...(shares.length > 0 &&
      judged > 0 && {
        shares: outcomes.map(({ title }, at) => ({
          title,
          expected: shares[at] ?? 0,
          measured: (counts[at] ?? 0) / judged,
          ...shareInterval(counts[at] ?? 0, judged, statistics),
        })),
      }),
    evidence: `${describeEvidence(observations)}${silent === undefined ? "" : `; ${silent} did not answer`}`,
    ...(failure && { failure }),
  };
}

function closest(
  observation: Observation,
  ending: Ending,
  outcomes: readonly Outcome[],
  mismatches: readonly (Mismatch | undefined)[],
): Deviation {
  const order = ["evidence", "attribute", "policy", "answer"];
  const all = outcomes.flatMap((outcome, at): Deviation[] => {
    const mismatch = mismatches[at];
    return mismatch ? [{ observation, ending, outcome, mismatch }] : [];
  });
  const [first] = all.sort((a, b) => order.indexOf(a.mismatch.aspect) - order.indexOf(b.mismatch.aspect));
  if (!first) throw new Error("an expectation without outcomes");
  return first;
}

interface Seen {
  readonly counts: readonly number[];
  readonly deviations: readonly Deviation[];
  /** The first observation of each outcome. */
  readonly matched: ReadonlyMap<number, Observation>;
  readonly observations: readonly Observation[];
}

interface Judgement {
  readonly verdict: Verdict;
  readonly reason?: string;
  readonly observation?: Observation;
}

function judge(
  probe: Pick<Probe, "kind" | "objects">,
  series: Series,
  { counts, deviations, matched, observations }: Seen,
  statistics: SuiteStatistics,
): Judgement {
  if (observations.length === 0) return { verdict: "control failed" };
  const refuting = deviations.find((deviation) => refutes(probe, series, deviation));
  if (refuting) {
    const { observation, ending, outcome, mismatch } = refuting;
    return { verdict: "fails", observation, reason: refutation(mismatch, outcome, { observation, ending, series }) };
  }
  const tolerated = isStatistical(series.expect) ? straysAtMost(observations.length, statistics) : 0;
  const obstructing = deviations.find((deviation) => !isStray(deviation)) ?? deviations[tolerated];
  if (obstructing) {
    const { observation, ending, outcome, mismatch } = obstructing;
    return { verdict: "control failed", observation, reason: obstruction(mismatch, outcome, ending) };
  }
  const wrong = wrongCounts(series, counts, observations.length - deviations.length, statistics);
  if (!wrong) return { verdict: "holds" };
  const isTooFew = wrong.verdict === "too few requests";
  const verdict = isTooFew || series.role === "control" ? "control failed" : "fails";
  return { verdict, reason: wrong.reason, observation: matched.get(wrong.at) ?? observations[0] };
}

/** Whether a request failed as single ones may, by no policy: its server or its connection was gone, or its record is late. */
function isStray({ ending: { answer }, mismatch: { aspect } }: Deviation): boolean {
  const failures: readonly Answer[] = ["unreachable", "no answer", "reset"];
  return aspect === "evidence" || (aspect === "answer" && failures.includes(answer));
}

/** Whether a deviation speaks against the policy. */
function refutes(
  { kind, objects }: Pick<Probe, "kind" | "objects">,
  { role, refutedBy = [], request: { to } }: Series,
  { observation, ending, mismatch }: Deviation,
): boolean {
  const { answer, mayBe, policy, by } = ending;
  if (mismatch.aspect === "evidence") return false;
  if (mismatch.aspect === "attribute") return role === "effect";
  if (answer === "application") return true;
  // A server that is not there shows nothing of what it would do.
  if (refutedBy.includes(answer) && !(answer === "unreachable" && observation.status === 0)) return true;
  // What denies a control is another policy.
  if (role === "control" && answer === "denied") return false;
  if (answer === "denied" && policy !== undefined && policy !== "none" && objects) {
    return objects.includes(`AuthorizationPolicy ${policy}`);
  }
  // DENY comes before ALLOW: it came past the policy that should have denied it.
  if (mismatch.aspect === "policy") return true;
  // Policies of waypoints restrict egress; a gateway without a server for a host takes no connection.
  if (kind === "egress" && answer === "denied") return to.kind === "external";
  if (kind === "gateways" && to.kind === "gateway" && !by && observation.exitCode !== 28) return true;
  return [answer, ...(by ? mayBe : [])].some((one) => isOwnedBy(kind, one));
}

interface WrongCounts {
  readonly verdict: "wrong" | "too few requests";
  readonly reason: string;
  /** Position of an outcome that was seen too often. */
  readonly at: number;
}

/** Of outcomes that are all expected. */
function wrongCounts(
  { expect }: Series,
  counts: readonly number[],
  total: number,
  statistics: SuiteStatistics,
): WrongCounts | undefined {
  if (expect.kind === "every") return undefined;
  const titles = outcomesOf(expect).map(({ title }) => title);
  if (expect.kind === "some") {
    const rare = expect.outcomes.findIndex(({ atLeast }, at) => (counts[at] ?? 0) < atLeast);
    const { atLeast = 0 } = expect.outcomes[rare] ?? {};
    const reason = `expected at least ${atLeast} times "${titles[rare]}"; it was seen ${counts[rare]} times in ${total}`;
    return rare < 0 ? undefined : { verdict: "wrong", reason, at: counts.indexOf(Math.max(...counts)) };
  }
  const shares = sharesOf(expect);
  const impossible = shares.findIndex((share, at) => share === 0 && (counts[at] ?? 0) > 0);
  if (impossible >= 0) {
    const reason = `"${titles[impossible]}" must not be seen; it was ${counts[impossible]} times in ${total}`;
    return { verdict: "wrong", reason, at: impossible };
  }
  const { count } = sampleSize(expect, statistics);
  const least = count - straysAtMost(count, statistics);
  if (isStatistical(expect) && total < least) {
    const reason = `${total} requests are too few to tell: the error rates of this plan take ${least}`;
    return { verdict: "too few requests", reason, at: 0 };
  }
  if (!isStatistical(expect) || !deviates(counts, shares, statistics)) return undefined;
  const excess = shares.map((share, at) => (counts[at] ?? 0) / total - share);
  const at = excess.indexOf(Math.max(...excess));
  return { verdict: "wrong", reason: sharesReason(titles, shares, counts, at, statistics), at };
}

function sharesReason(
  titles: readonly string[],
  shares: readonly number[],
  counts: readonly number[],
  at: number,
  statistics: SuiteStatistics,
): string {
  const total = counts.reduce((sum, count) => sum + count, 0);
  const { low, high } = shareInterval(counts[at] ?? 0, total, statistics);
  const percent = (share: number) => `${(100 * share).toFixed(1)}%`;
  const missing = shares.findIndex((share, one) => share > 0 && counts[one] === 0);
  const equal = shares.map(() => 1 / shares.length);
  const cause =
    missing >= 0
      ? `"${titles[missing]}" was not seen, as if the policy were off`
      : !deviates(counts, equal, statistics) && shares.length > 2
        ? "as the versions are chosen without weights"
        : "the proxies have not got these shares yet, or others come first";
  return `expected ${percent(shares[at] ?? 0)} "${titles[at]}"; it is between ${percent(low)} and ${percent(high)}: ${cause}`;
}
