export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** @throws RangeError without values */
export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low, high] = [sorted[sorted.length % 2 === 0 ? middle - 1 : middle], sorted[middle]];
  if (low === undefined || high === undefined) throw new RangeError("no values");
  return { median: (low + high) / 2, min: Math.min(...values), max: Math.max(...values) };
}

export interface SizedCost {
  readonly size: number;
  readonly cost: number;
}

/**
 * The power of the size with which a cost grows beyond what the smallest size costs: 1 is linear, 2 quadratic. What
 * every size pays (loading the SDK) is taken off first, as it would make anything look better than linear.
 * Three sizes give (large - small) / (middle - small) as a power of the same ratio of the sizes.
 */
export function growthExponent(small: SizedCost, middle: SizedCost, large: SizedCost): number {
  const cost = (large.cost - small.cost) / (middle.cost - small.cost);
  const size = (large.size - small.size) / (middle.size - small.size);
  return Math.log(cost) / Math.log(size);
}
