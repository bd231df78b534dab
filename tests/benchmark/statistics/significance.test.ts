import assert from "node:assert/strict";
import { Random } from "../../../components/shared/random";
import {
  blocksToTell,
  compare,
  holm,
  pairedDifferences,
  signedRank,
} from "../../../components/benchmark/statistics/significance";

const close = (actual: number, expected: number, digits = 4) =>
  assert.equal(actual.toFixed(digits), expected.toFixed(digits));

describe("the signed-rank test", () => {
  it("gives Hollander and Wolfe's depression scores: V = 40, two-sided p = 0.03906", () => {
    const first = [1.83, 0.5, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.3];
    const second = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29];
    const result = signedRank(first.map((value, index) => value - (second[index] ?? 0)));
    assert.equal(result.statistic, 40);
    close(result.p, 0.03906, 5);
  });

  it("gives Darwin's plants (Fisher, 1935): V = 96, p = 0.0413", () => {
    // Differences in eighths of an inch between crossed and self-fertilised Zea mays; 14 occurs twice.
    const result = signedRank([49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]);
    assert.equal(result.statistic, 96);
    close(result.p, 0.0413);
  });

  it("leaves zeros out and lets equal sizes share their ranks", () => {
    // 1, 1, 2, 3 have the ranks 1.5, 1.5, 3, 4. Their sum is 6, 1 from the middle; of 16 choices of signs 4 are nearer
    // (4.5 and 5.5, each in two ways).
    const result = signedRank([0, 1, 1, 2, -3, 0]);
    assert.deepEqual([result.statistic, result.count], [6, 4]);
    close(result.p, 12 / 16);
  });

  it("agrees with counting all choices of signs", () => {
    const sizes = [3, 1, 4, 1, 5, 9, 2, 6];
    const all = Array.from({ length: 2 ** sizes.length }, (_, mask) =>
      sizes.map((size, index) => (mask & (1 << index) ? size : -size)),
    );
    const middle = (sizes.length * (sizes.length + 1)) / 4;
    const distances = all.map((signs) => Math.abs(signedRank(signs).statistic - middle));
    for (const mask of [0, 3, 77, 200, 255]) {
      const signs = all[mask] ?? [];
      const asFar = distances.filter((distance) => distance >= (distances[mask] ?? 0)).length;
      close(signedRank(signs).p, asFar / all.length, 10);
    }
  });

  it("gives p = 1 without differences, and 2/1024 for ten of one sign", () => {
    assert.deepEqual(signedRank([0, 0]), { statistic: 0, count: 0, p: 1 });
    close(signedRank([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]).p, 2 / 1024, 8);
  });

  it("works for 100 blocks", () => {
    const random = new Random("hundred");
    const { p } = signedRank(Array.from({ length: 100 }, () => random.normal() + 0.3));
    assert.ok(p > 0 && p < 0.05, String(p));
  });
});

describe("Holm's adjustment", () => {
  it("gives what R's p.adjust gives", () => {
    // p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")
    assert.deepEqual(
      holm([0.01, 0.04, 0.03, 0.005]).map((p) => p.toFixed(3)),
      ["0.030", "0.060", "0.060", "0.020"],
    );
  });

  it("keeps the order, never exceeds 1, and does not change a single p", () => {
    assert.deepEqual(holm([0.6, 0.7]), [1, 1]);
    assert.deepEqual(holm([0.04]), [0.04]);
    assert.deepEqual(holm([]), []);
  });
});

describe("a comparison", () => {
  it("pairs by block, and drops blocks with one value", () => {
    const base = new Map([
      [1, 10],
      [2, 20],
      [4, 40],
    ]);
    const other = new Map([
      [1, 11],
      [2, 23],
      [3, 99],
    ]);
    assert.deepEqual(pairedDifferences(base, other), [1, 3]);
  });

  it("finds a difference that is small compared with those between blocks", () => {
    const random = new Random("blocks");
    const differences = Array.from({ length: 10 }, () => 2 + 0.2 * random.normal());
    const result = compare(new Map([["sidecar", differences]]), "seed").get("sidecar");
    assert.ok(result?.significant);
    assert.ok(result.interval && result.interval.low < 2 && result.interval.high > 2);
    assert.ok(result.interval.low > 1.5);
  });

  it("gives no interval for too few blocks, and leaves out scenarios without values", () => {
    const result = compare(
      new Map([
        ["few", [1, 2, 3]],
        ["none", []],
      ]),
      "seed",
    );
    assert.deepEqual([...result.keys()], ["few"]);
    assert.equal(result.get("few")?.interval, undefined);
    assert.equal(result.get("few")?.significant, false);
  });

  it("gives the number of blocks needed where too few cannot show a difference of any size", () => {
    const clear = (blocks: number) => Array.from({ length: blocks }, (_, index) => 100 + index);
    const family = (comparisons: number, blocks: number) =>
      compare(new Map(Array.from({ length: comparisons }, (_, index) => [String(index), clear(blocks)])), "seed", 10);
    for (const comparisons of [1, 3, 4, 12, 25, 26]) {
      const needed = blocksToTell(comparisons);
      for (const { significant, blocksNeeded } of family(comparisons, needed).values()) {
        assert.deepEqual([significant, blocksNeeded], [true, undefined], `${comparisons} at ${needed}`);
      }
      for (const { significant, blocksNeeded } of family(comparisons, needed - 1).values()) {
        assert.deepEqual([significant, blocksNeeded], [false, needed], `${comparisons} at ${needed - 1}`);
      }
    }
    assert.deepEqual([1, 3, 4, 12].map(blocksToTell), [6, 7, 8, 9]);
  });

  it("gives no number of blocks where enough blocks show no difference", () => {
    const result = compare(new Map([["same", [1, -2, 3, -4, 5, -6, 7]]]), "seed").get("same");
    assert.deepEqual([result?.significant, result?.blocksNeeded], [false, undefined]);
  });
});
