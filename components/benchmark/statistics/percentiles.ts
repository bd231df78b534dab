/**
 * The smallest value that at least `percent` of all values do not exceed (nearest rank), so always a measured one.
 *
 * @param sorted ascending
 * @throws RangeError without values, or for a percentage outside 0 to 100
 */
export function percentile(sorted: ArrayLike<number>, percent: number): number {
  if (!(percent >= 0 && percent <= 100)) throw new RangeError(`percentile ${percent}: expected 0 to 100`);
  const value = sorted[rankOf(percent, sorted.length) - 1];
  if (value === undefined) throw new RangeError("no values");
  return value;
}

/** From 1. */
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
 * Counts of whole numbers in little memory: exact below 2,048, to 0.1% above. Source: Gil Tene's HdrHistogram
 * (hdrhistogram.org), whose buckets have equal width within an octave.
 */
export class LatencyHistogram {
  /** For values up to 2^41, which are 25 days in microseconds. */
  private readonly buckets = new Float64Array(32 * half);
  private sum = 0;
  private min = Infinity;
  max = 0;
  count = 0;

  /** The exact mean. */
  get mean(): number {
    return this.count === 0 ? NaN : this.sum / this.count;
  }

  /** @param value not negative; rounded to a whole number */
  record(value: number, times = 1): void {
    const whole = Math.round(value);
    const bucket = bucketOf(whole);
    this.buckets[bucket] = (this.buckets[bucket] ?? 0) + times;
    this.count += times;
    this.sum += value * times;
    this.min = Math.min(this.min, whole);
    this.max = Math.max(this.max, whole);
  }

  /** @throws RangeError without values */
  percentile(percent: number): number {
    if (this.count === 0) throw new RangeError("no values");
    let remaining = rankOf(percent, this.count);
    const bucket = this.buckets.findIndex((count) => (remaining -= count) <= 0);
    return Math.min(this.max, Math.max(this.min, middleOf(bucket)));
  }
}

function bucketOf(value: number): number {
  if (value < perOctave) return value;
  const octave = Math.floor(Math.log2(value)) - Math.log2(half);
  return octave * half + Math.floor(value / 2 ** octave);
}

function middleOf(bucket: number): number {
  if (bucket < perOctave) return bucket;
  const octave = Math.floor(bucket / half) - 1;
  return (bucket - octave * half) * 2 ** octave + (2 ** octave - 1) / 2;
}
