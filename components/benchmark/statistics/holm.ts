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
