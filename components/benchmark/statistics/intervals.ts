import { Random } from "../../shared/random";

export type Interval = Readonly<Record<"low" | "high", number>>;

/** A median, with its interval where there are enough blocks. */
export interface Bounded {
  readonly median: number;
  readonly interval?: Interval;
}

export interface Estimate extends Bounded {
  readonly blocks: number;
}

/** Blocks below which no interval is given, because its coverage would be too low. */
export const blocksForIntervals = 7;

/** Of all intervals, in percent. */
export const confidence = 95;

/** @param floor a value that the quantity cannot fall below, and so no bound of its interval */
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

/**
 * The 95% interval of the median over blocks, by the smoothed percentile bootstrap.
 *
 * Assumption: the blocks are independent and identically distributed; requests of one block are not.
 *
 * Medians of resamples of few values take few values themselves, and the plain bootstrap holds the true median in 88% of
 * all cases at 7 blocks. Normal noise of standard deviation 2s/n, added to the median of every resample, brings that to
 * 93% to 97% from 7 blocks on, for normal, skewed, long-tailed and contaminated values
 * (tests/benchmark/statistics/intervals.test.ts). s is the scaled median absolute deviation and not the standard deviation,
 * which a single disturbed block would inflate.
 *
 * Source: B. Efron, Bootstrap methods: another look at the jackknife, Annals of Statistics 7, 1979, section 2 (smoothing).
 */
export function medianInterval(
  values: readonly number[],
  seed: number | string,
  resamples = 10_000,
): Interval | undefined {
  const count = values.length;
  if (count < blocksForIntervals) return undefined;
  const random = new Random(seed);
  const noise = (2 * medianAbsoluteDeviation(values)) / count;
  const sorted = Float64Array.from(values).sort();
  const medians = new Float64Array(resamples);
  // Reused, because millions are drawn, with replacement.
  const draws = new Float64Array(count);
  for (let sample = 0; sample < resamples; sample++) {
    for (let draw = 0; draw < count; draw++) draws[draw] = sorted[random.below(count)] ?? NaN;
    medians[sample] = medianOfSorted(draws.sort()) + noise * random.normal();
  }
  medians.sort();
  const tail = (100 - confidence) / 2;
  return { low: percentile(medians, tail), high: percentile(medians, 100 - tail) };
}

/** Scaled by 1.4826, so that it is the standard deviation of normal values. */
function medianAbsoluteDeviation(values: readonly number[]): number {
  const middle = median(values);
  return 1.4826 * median(values.map((value) => Math.abs(value - middle)));
}

/**
 * The later of two medians minus the earlier, with its 95% interval, by MOVER: the distances of the bounds from their medians
 * are combined as the root of the sum of their squares. (Overlapping intervals are no test: where nothing has changed, they
 * fail to overlap in about 0.5% of all cases, and so overlap too often where something has.)
 *
 * Assumption: the two measurements are independent. In simulations the interval excludes zero in 2% to 3%, and never in
 * more than 5%, of the cases in which nothing has changed (tests/benchmark/statistics/intervals.test.ts).
 *
 * Source: G. Y. Zou and A. Donner, Construction of confidence limits about effect measures, Statistics in Medicine 27, 2008.
 */
export function changeBetween(before: Bounded, now: Bounded): Bounded {
  const change = now.median - before.median;
  if (!before.interval || !now.interval) return { median: change };
  const below = Math.hypot(now.median - now.interval.low, before.interval.high - before.median);
  const above = Math.hypot(now.interval.high - now.median, before.median - before.interval.low);
  return { median: change, interval: { low: change - below, high: change + above } };
}

/** Three significant digits: `0.0213`, `2.13`, `213`, `21300`. */
export function formatNumber(value: number): string {
  if (value === 0) return "0";
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(digits, 6));
}

/** `2.10 [1.90, 2.40]`, or the median alone where there is no interval. */
export function formatEstimate({ median, interval }: Bounded): string {
  if (!interval) return formatNumber(median);
  return `${formatNumber(median)} [${formatNumber(interval.low)}, ${formatNumber(interval.high)}]`;
}

/** The smallest of the ascending values that at least `percent` of them do not exceed (nearest rank): a measured one. */
export function percentile(sorted: ArrayLike<number>, percent: number): number {
  if (!(percent >= 0 && percent <= 100)) throw new RangeError(`percentile ${percent}: expected 0 to 100`);
  const count = sorted.length;
  // 99.9% of 10,000 is 9,990, and not the 9,990.000000000002 of binary fractions.
  const rank = Math.max(1, Math.ceil((percent / 100) * count - 1e-9 * count));
  const value = sorted[rank - 1];
  if (value === undefined) throw new RangeError("no values");
  return value;
}

export function median(values: readonly number[]): number {
  return medianOfSorted([...values].sort((a, b) => a - b));
}

function medianOfSorted(sorted: ArrayLike<number>): number {
  const [low, high] = [sorted[Math.ceil(sorted.length / 2) - 1], sorted[Math.floor(sorted.length / 2)]];
  if (low === undefined || high === undefined) throw new RangeError("no values");
  return (low + high) / 2;
}
