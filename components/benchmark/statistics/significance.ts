import { type Estimate, estimate } from "./intervals";

/** What one scenario adds to another: the median of the differences, block by block. */
export interface Difference extends Estimate {
  /** Of the signed-rank test, adjusted by Holm for all comparisons of its family. */
  readonly p: number;
  /** Whether it is more than chance at 5%. */
  readonly significant: boolean;
  /** Present where its blocks could not show a difference of any size: how many could. */
  readonly blocksNeeded?: number;
}

const level = 0.05;

/**
 * Blocks from which on one of so many comparisons can be more than chance. The signed-rank test of n blocks gives no
 * p below 2/2^n, and Holm multiplies the least one by the number of comparisons.
 */
export function blocksToTell(comparisons: number): number {
  return Math.floor(Math.log2((2 * comparisons) / level)) + 1;
}

/** Figures of one scenario by the number of their block. */
type ByBlock = ReadonlyMap<number, number>;

/** Differences within a block, of the blocks that have both: what a block shares (the hour, the neighbours) drops out. */
export function pairedDifferences(base: ByBlock, other: ByBlock): number[] {
  return [...other].flatMap(([block, value]) => {
    const below = base.get(block);
    return below === undefined ? [] : [value - below];
  });
}

/**
 * Compares each of a family with its base.
 *
 * @param family lists of paired differences by name; one without a difference to look at is left out
 */
export function compare(
  family: ReadonlyMap<string, readonly number[]>,
  seed: string,
  resamples?: number,
): Map<string, Difference> {
  const present = [...family].filter(([, differences]) => differences.length > 0);
  const needed = blocksToTell(present.length);
  const adjusted = holm(present.map(([, differences]) => signedRank(differences).p));
  return new Map(
    present.flatMap(([name, differences], index): [string, Difference][] => {
      const known = estimate(differences, `${seed}/${name}`, { resamples });
      const p = adjusted[index] ?? 1;
      const significant = p < level;
      const blind = !significant && differences.length < needed;
      return known ? [[name, { ...known, p, significant, ...(blind && { blocksNeeded: needed }) }]] : [];
    }),
  );
}

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

/**
 * P-values adjusted for being several, by Holm's step-down method: whoever calls significant what stays below 5% is
 * wrong about any of them in at most 5% of all families.
 *
 * Source: S. Holm, A simple sequentially rejective multiple test procedure, 1979.
 *
 * @returns the adjusted values, each at the place of its own
 */
export function holm(values: readonly number[]): number[] {
  const order = values.map((p, index) => ({ p, index })).sort((a, b) => a.p - b.p);
  const adjusted = values.map(() => 1);
  let least = 0;
  for (const [step, { p, index }] of order.entries()) {
    least = Math.max(least, Math.min(1, p * (values.length - step)));
    adjusted[index] = least;
  }
  return adjusted;
}
