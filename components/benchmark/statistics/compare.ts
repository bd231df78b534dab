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

/** What one scenario adds to another, block by block. */
export interface Difference extends Estimate {
  /** Of the signed-rank test, adjusted by Holm for all comparisons of its family. */
  readonly p: number;
  /** Whether it is more than chance at 5%. */
  readonly significant: boolean;
}

/** Figures of one scenario by the number of their block. */
export type ByBlock = ReadonlyMap<number, number>;

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
  const adjusted = holm(present.map(([, differences]) => signedRank(differences).p));
  return new Map(
    present.flatMap(([name, differences], index): [string, Difference][] => {
      const known = estimate(differences, `${seed}/${name}`, { resamples });
      const p = adjusted[index] ?? 1;
      return known ? [[name, { ...known, p, significant: p < 0.05 }]] : [];
    }),
  );
}
