import { createHash } from "node:crypto";

/**
 * Random numbers that are the same for the same seed on every machine, so that orders of runs and intervals can be
 * reproduced. Source: xoshiro128** by Blackman and Vigna (prng.di.unimi.it), seeded by a SHA-256.
 */
export class Random {
  private a: number;
  private b: number;
  private c: number;
  private d: number;

  constructor(seed: number | string) {
    const digest = createHash("sha256").update(String(seed)).digest();
    [this.a, this.b] = [digest.readInt32LE(0), digest.readInt32LE(4)];
    [this.c, this.d] = [digest.readInt32LE(8), digest.readInt32LE(12)];
  }

  /** In [0, 1). */
  uniform(): number {
    const result = Math.imul(rotate(Math.imul(this.b, 5), 7), 9) >>> 0;
    const shifted = this.b << 9;
    this.c ^= this.a;
    this.d ^= this.b;
    this.b ^= this.c;
    this.a ^= this.d;
    this.c ^= shifted;
    this.d = rotate(this.d, 11);
    return result / 2 ** 32;
  }

  /** Whole, in [0, limit). */
  below(limit: number): number {
    return Math.floor(this.uniform() * limit);
  }

  /** A number of the standard normal distribution (Box and Muller). */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.uniform())) * Math.cos(2 * Math.PI * this.uniform());
  }

  /** The items in a random order; all orders are equally likely (Fisher and Yates). */
  shuffled<T>(items: readonly T[]): T[] {
    const remaining = [...items];
    return items.flatMap(() => remaining.splice(this.below(remaining.length), 1));
  }
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}
