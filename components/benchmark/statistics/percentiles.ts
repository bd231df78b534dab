/**
 * The smallest value that at least `percent` of all values do not exceed (nearest rank), so always a measured one.
 *
 * @param sorted ascending, at least one
 * @throws RangeError without values, or for a percentage outside 0 to 100
 */
export function percentile(sorted: ArrayLike<number>, percent: number): number {
  if (!(percent >= 0 && percent <= 100)) throw new RangeError(`percentile ${percent}: expected 0 to 100`);
  const value = sorted[rankOf(percent, sorted.length) - 1];
  if (value === undefined) throw new RangeError("no values");
  return value;
}

/** The rank of a percentile among `count` values, from 1. */
function rankOf(percent: number, count: number): number {
  // 99.9% of 10,000 is 9,990, and not the 9,990.000000000002 of binary fractions.
  return Math.max(1, Math.ceil((percent / 100) * count - 1e-9 * count));
}

/** @throws RangeError without values */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const [low, high] = [sorted[Math.ceil(sorted.length / 2) - 1], sorted[Math.floor(sorted.length / 2)]];
  if (low === undefined || high === undefined) throw new RangeError("no values");
  return (low + high) / 2;
}

/** Buckets of the lowest octave; of every further one half are new, so a value is known to 1 part in 1,024. */
const perOctave = 2048;
const half = perOctave / 2;

/**
 * Counts of whole numbers in little memory, for any number of requests: exact below 2,048, to 0.1% above. Latencies are
 * recorded in microseconds.
 *
 * Source: Gil Tene's HdrHistogram (hdrhistogram.org): buckets of equal width within an octave.
 */
export class LatencyHistogram {
  /** For values up to 2^41, which are 25 days in microseconds. */
  private readonly counts = new Float64Array(32 * half);
  private total = 0;
  private sum = 0;
  private least = Infinity;
  private greatest = 0;

  get count(): number {
    return this.total;
  }

  /** The exact mean. */
  get mean(): number {
    return this.total === 0 ? NaN : this.sum / this.total;
  }

  get max(): number {
    return this.greatest;
  }

  /** @param value not negative; rounded to a whole number */
  record(value: number, times = 1): void {
    const whole = Math.round(value);
    const bucket = bucketOf(whole);
    this.counts[bucket] = (this.counts[bucket] ?? 0) + times;
    this.total += times;
    this.sum += value * times;
    this.least = Math.min(this.least, whole);
    this.greatest = Math.max(this.greatest, whole);
  }

  /**
   * `percentile` of the single values, to the width of a bucket.
   *
   * @throws RangeError without values
   */
  percentile(percent: number): number {
    if (this.total === 0) throw new RangeError("no values");
    let remaining = rankOf(percent, this.total);
    const bucket = this.counts.findIndex((count) => (remaining -= count) <= 0);
    return Math.min(this.greatest, Math.max(this.least, middleOf(bucket)));
  }
}

function bucketOf(value: number): number {
  if (value < perOctave) return value;
  const octave = Math.max(0, Math.floor(Math.log2(value)) - Math.log2(half));
  return octave * half + Math.floor(value / 2 ** octave);
}

function middleOf(bucket: number): number {
  if (bucket < perOctave) return bucket;
  const octave = Math.floor(bucket / half) - 1;
  const low = (bucket - octave * half) * 2 ** octave;
  return low + (2 ** octave - 1) / 2;
}
