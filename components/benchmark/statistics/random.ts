import { createHash } from "node:crypto";

/**
 * A generator that gives the same numbers for the same seed on every machine: orders of runs and intervals can be
 * repeated. xoshiro128** (Blackman and Vigna, prng.di.unimi.it), its state taken from the seed's sha256.
 */
export class Random {
  private readonly state: Uint32Array;

  constructor(seed: number | string) {
    const digest = createHash("sha256").update(String(seed)).digest();
    this.state = Uint32Array.from({ length: 4 }, (_, index) => digest.readUInt32LE(4 * index));
  }

  /** A number of [0, 1). */
  uniform(): number {
    return this.next() / 2 ** 32;
  }

  /** A whole number of [0, limit). */
  below(limit: number): number {
    return Math.floor(this.uniform() * limit);
  }

  /** A number of the standard normal distribution (Box and Muller). */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.uniform())) * Math.cos(2 * Math.PI * this.uniform());
  }

  /** The same items in a random order, every order as likely as every other (Fisher and Yates). */
  shuffled<T>(items: readonly T[]): T[] {
    const left = [...items];
    return items.flatMap(() => left.splice(this.below(left.length), 1));
  }

  private next(): number {
    const state = this.state;
    const [a = 0, b = 0, c = 0, d = 0] = state;
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9) >>> 0;
    state[2] = c ^ a;
    state[3] = d ^ b;
    state[1] = b ^ (c ^ a);
    state[0] = a ^ (d ^ b);
    state[2] = c ^ a ^ (b << 9);
    state[3] = rotate(d ^ b, 11);
    return result;
  }
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}
