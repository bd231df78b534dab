import { jStat } from "jstat";
import type { Expectation } from "../probe";
import type { SuiteStatistics } from "../result";

/**
 * How many requests a share takes, and when a measured one deviates.
 *
 * Two error rates are kept. False alarm: at most one suite in 1,000 finds a share that deviates though none does. Miss: a
 * share that is wrong by `deviation` is found in at least 99% of all suites. A measurement that deviates is repeated, as a
 * new configuration may have reached the proxies during it, and the series holds if one of its measurements does. So the
 * chance of a miss is divided by the number of measurements; the false alarm is kept by each measurement alone, because
 * the deadline may leave time for one.
 *
 * Of hundreds of requests some may fail for reasons of their own, such as a pod that is replaced. Up to a bound they are left
 * out, and as many more are sent: where 1 in 1,000 fails, a measurement has more than the bound with a tenth of its level.
 */
export const measurementsAtMost = 3;

/** Share of requests that may fail for reasons of their own. */
const strayRate = 0.001;

/** Part of the false alarms that is for measurements with too many of them. */
const strayPart = 0.1;

/** @param deviation percentage points */
export function statisticsOf(expectations: readonly Expectation[], deviation: number): SuiteStatistics {
  const tests = expectations.filter(isStatistical).length;
  const falseAlarm = 0.001;
  // Bonferroni: whatever the tests have in common.
  return { falseAlarm, tests, alpha: ((1 - strayPart) * falseAlarm) / Math.max(1, tests), power: 0.99, deviation };
}

/** Requests of a series that is the same every time: enough that no single connection decides. */
const deterministicCount = 3;

/** Requests of a series that needs each of its outcomes a few times. */
const someCount = 20;

/** Whether a random choice of proxies decides: a share of 0 or 1 is no choice. */
export function isStatistical(expect: Expectation): boolean {
  return sharesOf(expect).filter((share) => share > 0).length > 1;
}

/** Expected shares of the outcomes, in their order: that of `else` last. */
export function sharesOf(expect: Expectation): number[] {
  if (expect.kind === "share") return [expect.share, 1 - expect.share];
  return expect.kind === "shares" ? expect.outcomes.map(({ share }) => share) : [];
}

export interface SampleSize {
  /** Strays included. */
  readonly count: number;
  /** Of shares: the deviation that is hardest to find, which this count finds: `15/25/60 against 15/35/50`. */
  readonly finds?: string;
}

/** Sizes of the same shares at the same rates, as a plan has many equal series. */
const sizes = new Map<string, SampleSize>();

export function sampleSize(expect: Expectation, statistics: SuiteStatistics): SampleSize {
  if (!isStatistical(expect)) return { count: expect.kind === "some" ? someCount : deterministicCount };
  const shares = sharesOf(expect).filter((share) => share > 0);
  const key = JSON.stringify([shares, statistics]);
  const size = sizes.get(key) ?? smallestSample(shares, statistics);
  sizes.set(key, size);
  return size;
}

function smallestSample(shares: readonly number[], statistics: SuiteStatistics): SampleSize {
  const missOf = shares.length === 2 ? missOfBinomial : missOfChiSquare;
  const deviating = deviatingShares(shares, statistics.deviation / 100);
  const allowed = (1 - statistics.power) / measurementsAtMost;
  const missesAt = (step: number) => deviating.map((wrong) => missOf(shares, wrong, countAt(step), statistics));
  const isEnough = (step: number) => missesAt(step).every((miss) => miss <= allowed);
  let limit = 0;
  while (!isEnough(limit)) limit += stepsToDouble;
  const smallest = limit - stepsToDouble + firstWhere(stepsToDouble, (step) => isEnough(limit - stepsToDouble + step));
  const before = missesAt(smallest - 1);
  const hardest = deviating[before.indexOf(Math.max(...before))] ?? [];
  // Of those that are sent in place of strays, some are strays too.
  let count = countAt(smallest);
  while (count - straysAtMost(count, statistics) < countAt(smallest)) count += 1;
  return { count, finds: `${percentages(shares)} against ${percentages(hardest)}` };
}

/** How many requests of a measurement may have failed for reasons of their own. */
export function straysAtMost(count: number, { alpha }: SuiteStatistics): number {
  const level = (alpha * strayPart) / (1 - strayPart);
  return firstWhere(count, (strays) => 1 - atMost(strays, count, strayRate) <= level);
}

/** Counts that are tried, 1% apart: no one needs the very smallest. */
function countAt(step: number): number {
  return Math.ceil(20 * 1.01 ** step);
}

const stepsToDouble = 70;

/**
 * All shares with `deviation` moved from one outcome to another. Of an outcome with less, all of it: so a policy that is
 * off is found however small its share is.
 */
function deviatingShares(shares: readonly number[], deviation: number): number[][] {
  return shares.flatMap((source, from) =>
    shares.flatMap((_, to) => {
      const moved = Math.min(deviation, source);
      const wrong = shares.map((share, at) => share + (at === to ? moved : 0) - (at === from ? moved : 0));
      return from === to ? [] : [wrong];
    }),
  );
}

function percentages(shares: readonly number[]): string {
  return shares.map((share) => Number((100 * share).toFixed(3))).join("/");
}

/**
 * Whether counts of outcomes deviate from their shares: by the exact binomial test for two outcomes, else by Pearson's
 * chi-square test. Outcomes whose share is 0 must not have been seen, which the caller checks.
 */
export function deviates(counts: readonly number[], shares: readonly number[], statistics: SuiteStatistics): boolean {
  const seen = counts.filter((_, at) => (shares[at] ?? 0) > 0);
  const expected = shares.filter((share) => share > 0);
  const count = sum(seen);
  if (expected.length > 2) {
    const chiSquare = sum(expected.map((share, at) => ((seen[at] ?? 0) - count * share) ** 2 / (count * share)));
    return chiSquare > criticalChiSquare(expected.length, statistics);
  }
  const [first = 0] = seen;
  const [share = 0] = expected;
  return tail(first, count, share) <= statistics.alpha / 2;
}

/** Clopper and Pearson's interval of a share: it excludes the expected one exactly when the binomial test rejects it. */
export function shareInterval(
  seen: number,
  count: number,
  { alpha }: Pick<SuiteStatistics, "alpha">,
): Record<"low" | "high", number> {
  return {
    low: seen === 0 ? 0 : jStat.ibetainv(alpha / 2, seen, count - seen + 1),
    high: seen === count ? 1 : jStat.ibetainv(1 - alpha / 2, seen + 1, count - seen),
  };
}

/** Of a binomial distribution: the smaller of the probabilities of at most, and of at least, `seen`. */
function tail(seen: number, count: number, share: number): number {
  return Math.min(atMost(seen, count, share), atMost(count - seen, count, 1 - share));
}

function atMost(seen: number, count: number, share: number): number {
  if (seen < 0) return 0;
  if (seen >= count) return 1;
  return jStat.ibeta(1 - share, count - seen, seen + 1);
}

/** Probability that the binomial test accepts `wrong`. */
function missOfBinomial(
  shares: readonly number[],
  wrong: readonly number[],
  count: number,
  statistics: SuiteStatistics,
) {
  const [share = 0] = shares;
  const [actual = 0] = wrong;
  const half = statistics.alpha / 2;
  const lowest = firstWhere(count, (seen) => atMost(seen, count, share) > half);
  const highest = count - firstWhere(count, (others) => atMost(others, count, 1 - share) > half);
  return atMost(highest, count, actual) - atMost(lowest - 1, count, actual);
}

/** The smallest number up to `limit` of which a condition holds that holds of all greater ones too. */
function firstWhere(limit: number, holds: (value: number) => boolean): number {
  let [low, high] = [0, limit];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/**
 * The test is held at a third of the level, and planned for half of the miss. Small expected counts give Pearson's statistic
 * a longer tail than its distribution has, up to three times at these levels and counts, and it spreads wider about a
 * wrong share: both are computed exactly in tests/verification/evaluation/statistics.test.ts.
 */
const chiSquareMargin = { alpha: 3, miss: 2 };

const criticalValues = new Map<string, number>();

function criticalChiSquare(outcomes: number, { alpha }: SuiteStatistics): number {
  const key = `${outcomes} ${alpha}`;
  const value = criticalValues.get(key) ?? jStat.chisquare.inv(1 - alpha / chiSquareMargin.alpha, outcomes - 1);
  criticalValues.set(key, value);
  return value;
}

/** Probability that the chi-square test accepts `wrong`: of the non-central distribution, a mixture by a Poisson one. */
function missOfChiSquare(
  shares: readonly number[],
  wrong: readonly number[],
  count: number,
  statistics: SuiteStatistics,
) {
  const critical = criticalChiSquare(shares.length, statistics);
  const half = (count * sum(shares.map((share, at) => ((wrong[at] ?? 0) - share) ** 2 / share))) / 2;
  let miss = 0;
  const last = Math.ceil(half + 10 * Math.sqrt(half) + 20);
  for (let term = Math.max(0, Math.floor(half - 10 * Math.sqrt(half))); term <= last; term++) {
    const probability = Math.exp(term * Math.log(half) - half - jStat.gammaln(term + 1));
    miss += probability * jStat.chisquare.cdf(critical, shares.length - 1 + 2 * term);
  }
  return chiSquareMargin.miss * miss;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
