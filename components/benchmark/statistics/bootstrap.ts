import { blocksForIntervals } from "../../settings/sections/benchmark";
import { median, percentile } from "./percentile";
import { Random } from "./random";

/** Where a median lies, at 95% confidence. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

const resamples = 10_000;

/**
 * The 95% interval of the median over blocks: the percentile bootstrap, smoothed. A plain one of so few values jumps
 * from value to value and holds the true median in 88% of all cases at 7 blocks; normal noise of a deviation of 1.2 s/n
 * on every resampled median (s: the sample's deviation) brings that to 93% to 97% for normal, skewed and long-tailed
 * values from 7 blocks on, which tests/benchmark/statistics/coverage.test.ts shows.
 *
 * Source: B. Efron, Bootstrap methods: another look at the jackknife, 1979, section 2 (smoothing).
 *
 * @param values one for each block; the blocks are what is independent, not the requests
 * @returns undefined below 7 blocks
 */
export function medianInterval(
  values: readonly number[],
  seed: number | string,
  samples = resamples,
): Interval | undefined {
  const count = values.length;
  if (count < blocksForIntervals) return undefined;
  const random = new Random(seed);
  const noise = (1.2 * deviation(values)) / count;
  const medians = Float64Array.from({ length: samples }, () => {
    const sample = values.map(() => values[random.below(count)] ?? NaN);
    return median(sample) + noise * random.normal();
  }).sort();
  return { low: percentile(medians, 2.5), high: percentile(medians, 97.5) };
}

/** The sample's standard deviation. */
export function deviation(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
}
