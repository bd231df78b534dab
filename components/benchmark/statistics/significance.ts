import { type Estimate, estimate } from "./intervals";

/** What a scenario adds to `none`: the median of the differences within each block. */
export interface Difference extends Estimate {
  /** Of the signed-rank test, adjusted by Holm for all comparisons of the family. */
  readonly p: number;
  readonly significant: boolean;
  /** Present where so few blocks cannot show a difference of any size: the number that could. */
  readonly blocksNeeded?: number;
}

const significanceLevel = 0.05;

/**
 * Blocks from which on one of `comparisons` comparisons can be significant: the signed-rank test of n blocks gives no p
 * below 2/2^n, and Holm multiplies the smallest p by the number of comparisons.
 */
export function blocksToTell(comparisons: number): number {
  return Math.floor(Math.log2((2 * comparisons) / significanceLevel)) + 1;
}

export type ByBlock = ReadonlyMap<number, number>;

/** Compares the two values of each block that has both. */
export function inBothBlocks(base: ByBlock, other: ByBlock, compare: (base: number, other: number) => number) {
  const compared = [...other].flatMap(([block, value]): [number, number][] => {
    const baseValue = base.get(block);
    return baseValue === undefined ? [] : [[block, compare(baseValue, value)]];
  });
  return new Map(compared);
}

/** What the two runs of a block share (hour, neighbours) cancels out. */
export function pairedDifferences(base: ByBlock, other: ByBlock): number[] {
  return [...inBothBlocks(base, other, (baseValue, value) => value - baseValue).values()];
}

/** @param family paired differences of each comparison by name; one without any is left out */
export function compare(
  family: ReadonlyMap<string, readonly number[]>,
  seed: string,
  resamples?: number,
): Map<string, Difference> {
  const compared = [...family].filter(([, differences]) => differences.length > 0);
  const needed = blocksToTell(compared.length);
  const adjusted = holm(compared.map(([, differences]) => signedRank(differences).p));
  return new Map(
    compared.flatMap(([name, differences], index): [string, Difference][] => {
      const median = estimate(differences, `${seed} ${name}`, { resamples });
      const p = adjusted[index] ?? 1;
      const significant = p < significanceLevel;
      const tooFew = !significant && differences.length < needed;
      return median ? [[name, { ...median, p, significant, ...(tooFew && { blocksNeeded: needed }) }]] : [];
    }),
  );
}

/**
 * Wilcoxon's signed-rank test, exact for any number of blocks: p comes from the distribution of the statistic over all
 * choices of signs, not from a normal approximation. Zeros are left out (as Wilcoxon does). Equal sizes share the mean of
 * their ranks, and the distribution is that of the shared ranks.
 *
 * Assumption: without an effect, the differences of the blocks are independent and symmetric about zero.
 *
 * Source: F. Wilcoxon, Individual comparisons by ranking methods, Biometrics Bulletin 1, 1945; M. Hollander and D. A. Wolfe,
 * Nonparametric Statistical Methods, section 3.1.
 *
 * @returns the sum of the ranks of the positive differences, the number of differences without zeros, and the probability of
 * a sum at least as far from its mean if there is no difference
 */
export function signedRank(differences: readonly number[]) {
  const nonZero = differences.filter((difference) => difference !== 0);
  const ranks = doubledRanks(nonZero.map(Math.abs));
  const positive = ranks.reduce((sum, rank, index) => ((nonZero[index] ?? 0) > 0 ? sum + rank : sum), 0);
  return { statistic: positive / 2, count: nonZero.length, p: nonZero.length === 0 ? 1 : bothTails(ranks, positive) };
}

/** Twice the rank of each value: a whole number even where equal values share the mean of two ranks. */
function doubledRanks(values: readonly number[]): number[] {
  return values.map((value) => {
    const smaller = values.filter((other) => other < value).length;
    const equal = values.filter((other) => other === value).length;
    return 2 * smaller + equal + 1;
  });
}

/** Share of all choices of signs whose sum of ranks is at least as far from its mean as `sum`. */
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
  const mean = (probability.length - 1) / 2;
  const distance = Math.abs(sum - mean);
  const tails = probability.reduce((total, share, at) => (Math.abs(at - mean) >= distance ? total + share : total), 0);
  return Math.min(1, tails);
}

/**
 * P-values adjusted for multiple comparisons by Holm's step-down method: the probability that any comparison without an
 * effect gets an adjusted p below 5% is at most 5%. The comparisons may depend on each other.
 *
 * Source: S. Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6, 1979.
 */
export function holm(values: readonly number[]): number[] {
  const order = values.map((p, index) => ({ p, index })).sort((a, b) => a.p - b.p);
  const adjusted = values.map(() => 1);
  let greatest = 0;
  for (const [step, { p, index }] of order.entries()) {
    greatest = Math.max(greatest, Math.min(1, p * (values.length - step)));
    adjusted[index] = greatest;
  }
  return adjusted;
}
