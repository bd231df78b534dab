/**
 * The smallest value that at least `percent` of all values do not exceed (nearest rank), so always a measured one.
 *
 * @param sorted ascending
 * @throws RangeError without values, or for a percentage outside 0 to 100
 */
export function percentile(sorted: ArrayLike<number>, percent: number): number {
  if (!(percent >= 0 && percent <= 100)) throw new RangeError(`percentile ${percent}: expected 0 to 100`);
  const count = sorted.length;
  // 99.9% of 10,000 is 9,990, and not the 9,990.000000000002 of binary fractions.
  const rank = Math.max(1, Math.ceil((percent / 100) * count - 1e-9 * count));
  const value = sorted[rank - 1];
  if (value === undefined) throw new RangeError("no values");
  return value;
}

/** @throws RangeError without values */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const [low, high] = [sorted[Math.ceil(sorted.length / 2) - 1], sorted[Math.floor(sorted.length / 2)]];
  if (low === undefined || high === undefined) throw new RangeError("no values");
  return (low + high) / 2;
}
