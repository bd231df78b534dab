import type { Expectation } from "../../../components/verification/probe";
import type { Random } from "../../../components/shared/random";

const outcome = (title: string) => ({ title });

/** A share, and the rest. */
export function shareOf(share: number): Expectation {
  return { kind: "share", outcome: outcome("a"), share, else: outcome("b") };
}

export function sharesOf(...shares: readonly number[]): Expectation {
  return { kind: "shares", outcomes: shares.map((share, at) => ({ outcome: outcome(`v${at + 1}`), share })) };
}

/** Logarithms of factorials up to a number. */
export function logFactorials(limit: number): Float64Array {
  const values = new Float64Array(limit + 1);
  for (let n = 1; n <= limit; n++) values[n] = (values[n - 1] ?? 0) + Math.log(n);
  return values;
}

/** Counts of outcomes, drawn with one random number each from the cumulative binomial distribution. */
export class Sampler {
  private readonly cumulative = new Map<string, Float64Array>();

  constructor(private readonly random: Random) {}

  multinomial(count: number, shares: readonly number[]): number[] {
    let [left, rest] = [count, 1];
    return shares.map((share, at) => {
      const drawn = at === shares.length - 1 ? left : this.binomial(left, Math.min(1, share / rest));
      left -= drawn;
      rest -= share;
      return drawn;
    });
  }

  private binomial(count: number, share: number): number {
    if (share <= 0 || count === 0) return 0;
    if (share >= 1) return count;
    const key = `${count} ${share}`;
    const table = this.cumulative.get(key) ?? cumulativeBinomial(count, share);
    this.cumulative.set(key, table);
    const wanted = this.random.uniform();
    let [low, high] = [0, count];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((table[middle] ?? 1) > wanted) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

function cumulativeBinomial(count: number, share: number): Float64Array {
  const table = new Float64Array(count + 1);
  const factorials = logFactorials(count);
  let sum = 0;
  for (let seen = 0; seen <= count; seen++) {
    const ways = (factorials[count] ?? 0) - (factorials[seen] ?? 0) - (factorials[count - seen] ?? 0);
    sum += Math.exp(ways + seen * Math.log(share) + (count - seen) * Math.log1p(-share));
    table[seen] = sum;
  }
  return table;
}
