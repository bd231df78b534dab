import { type Interval, medianInterval } from "./bootstrap";
import { holm } from "./holm";
import { median } from "./percentile";
import { signedRank } from "./wilcoxon";

/** A figure over blocks. */
export interface Estimate {
  readonly median: number;
  /** Absent below the number of blocks that an interval needs. */
  readonly interval?: Interval;
  /** Blocks behind it. */
  readonly blocks: number;
}

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

/**
 * @param floor what no value can be below, and so no bound
 * @returns undefined without values
 */
export function estimate(
  values: readonly number[],
  seed: string,
  { resamples, floor = -Infinity }: { readonly resamples?: number; readonly floor?: number } = {},
): Estimate | undefined {
  if (values.length === 0) return undefined;
  const interval = medianInterval(values, seed, resamples);
  return {
    median: median(values),
    interval: interval && { ...interval, low: Math.max(floor, interval.low) },
    blocks: values.length,
  };
}

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
