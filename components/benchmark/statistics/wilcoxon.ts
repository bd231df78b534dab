/** What a two-sided signed-rank test says of differences. */
interface SignedRank {
  /** Sum of the ranks of the positive differences. */
  readonly statistic: number;
  /** Differences that are not zero. */
  readonly count: number;
  /** Probability of a statistic at least as far from the middle, if there were no difference. */
  readonly p: number;
}

/**
 * Wilcoxon's signed-rank test, exact at any number of blocks: the distribution of the statistic over all choices of
 * signs is computed, and not approximated by a normal one. Zeros are left out (Wilcoxon's own way), and equal sizes
 * share the mean of their ranks; the distribution is then that of the ranks as they are.
 *
 * Source: F. Wilcoxon, Individual comparisons by ranking methods, 1945; Hollander and Wolfe, Nonparametric Statistical
 * Methods, 3.1.
 */
export function signedRank(differences: readonly number[]): SignedRank {
  const left = differences.filter((difference) => difference !== 0);
  const ranks = doubledRanks(left.map(Math.abs));
  const positive = ranks.reduce((sum, rank, index) => ((left[index] ?? 0) > 0 ? sum + rank : sum), 0);
  return { statistic: positive / 2, count: left.length, p: left.length === 0 ? 1 : bothTails(ranks, positive) };
}

/** Twice the rank of each value, which is whole also where equal values share a mean. */
function doubledRanks(values: readonly number[]): number[] {
  return values.map((value) => {
    const smaller = values.filter((other) => other < value).length;
    const equal = values.filter((other) => other === value).length;
    return 2 * smaller + equal + 1;
  });
}

/** Share of all choices of signs whose sum is at least as far from the middle as `sum`. */
function bothTails(ranks: readonly number[], sum: number): number {
  let probability = Float64Array.of(1);
  for (const rank of ranks) {
    const next = new Float64Array(probability.length + rank);
    probability.forEach((share, at) => {
      next[at] = (next[at] ?? 0) + share / 2;
      next[at + rank] = (next[at + rank] ?? 0) + share / 2;
    });
    probability = next;
  }
  const middle = (probability.length - 1) / 2;
  const distance = Math.abs(sum - middle);
  const tails = probability.reduce(
    (total, share, at) => (Math.abs(at - middle) >= distance ? total + share : total),
    0,
  );
  return Math.min(1, tails);
}
