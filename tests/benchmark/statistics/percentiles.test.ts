import assert from "node:assert/strict";
import fc from "fast-check";
import { LatencyHistogram, median, percentile } from "../../../components/benchmark/statistics/percentiles";
import { Random } from "../../../components/benchmark/statistics/random";

describe("percentiles", () => {
  it("are values that were measured, by nearest rank", () => {
    // The example of "Percentile" in Wikipedia, nearest-rank method.
    const sorted = [15, 20, 35, 40, 50];
    assert.deepEqual(
      [5, 30, 40, 50, 100].map((percent) => percentile(sorted, percent)),
      [15, 20, 20, 35, 50],
    );
    assert.equal(percentile([3], 0), 3);
  });

  it("take the 9,990th of 10,000 for 99.9%, whatever binary fractions make of it", () => {
    const sorted = Array.from({ length: 10_000 }, (_, index) => index + 1);
    assert.deepEqual(
      [50, 99, 99.9, 99.99].map((percent) => percentile(sorted, percent)),
      [5000, 9900, 9990, 9999],
    );
  });

  it("refuse no values, and percentages that are none", () => {
    assert.throws(() => percentile([], 50), RangeError);
    assert.throws(() => percentile([1], 101), RangeError);
    assert.throws(() => percentile([1], NaN), RangeError);
    assert.throws(() => median([]), RangeError);
    assert.throws(() => new LatencyHistogram().percentile(50), RangeError);
  });

  it("of a median are the middle, or the mean of the two in the middle", () => {
    assert.equal(median([9, 1, 5]), 5);
    assert.equal(median([9, 1, 5, 6]), 5.5);
    assert.equal(median([7]), 7);
  });
});

describe("a histogram of latencies", () => {
  it("gives the percentiles of the single values to 0.1%, and exactly below 2,048", () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.nat(3000), fc.nat(2 ** 31 - 1)), { minLength: 1, maxLength: 300 }),
        fc.double({ min: 0, max: 100, noNaN: true }),
        (values, percent) => {
          const histogram = new LatencyHistogram();
          for (const value of values) histogram.record(value);
          const exact = percentile(
            [...values].sort((a, b) => a - b),
            percent,
          );
          const allowed = exact < 2048 ? 0 : exact / 1000;
          assert.ok(Math.abs(histogram.percentile(percent) - exact) <= allowed);
        },
      ),
      { seed: 7 },
    );
  });

  it("agrees with the exact percentiles of 100,000 skewed values", () => {
    const random = new Random("skewed");
    const histogram = new LatencyHistogram();
    const values = Float64Array.from({ length: 100_000 }, () => Math.round(500 * Math.exp(random.normal())));
    for (const value of values) histogram.record(value);
    values.sort();
    for (const percent of [50, 90, 99, 99.9, 99.99, 100]) {
      const exact = percentile(values, percent);
      assert.ok(Math.abs(histogram.percentile(percent) - exact) <= exact / 1000, `p${percent}`);
    }
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    assert.ok(Math.abs(histogram.mean - mean) < 1e-6);
    assert.equal(histogram.count, 100_000);
    assert.equal(histogram.max, values.at(-1));
  });

  it("counts a value that is recorded many times as that many", () => {
    const histogram = new LatencyHistogram();
    histogram.record(10, 99);
    histogram.record(1000);
    assert.deepEqual([histogram.percentile(99), histogram.percentile(99.5)], [10, 1000]);
  });
});

describe("random numbers", () => {
  it("are the same for the same seed, and others for another", () => {
    const draw = (seed: number | string) => {
      const random = new Random(seed);
      return Array.from({ length: 5 }, () => random.below(1000));
    };
    assert.deepEqual(draw(1), draw("1"));
    assert.notDeepEqual(draw(1), draw(2));
  });

  it("are spread evenly, and normal ones have the mean 0 and the deviation 1", () => {
    const random = new Random("spread");
    const counts = new Array<number>(10).fill(0);
    let sum = 0;
    let squares = 0;
    for (let draw = 0; draw < 100_000; draw++) {
      const at = random.below(10);
      counts[at] = (counts[at] ?? 0) + 1;
      const normal = random.normal();
      sum += normal;
      squares += normal ** 2;
    }
    // Chi-square with 9 degrees of freedom: above 27.9 once in 1,000 seeds.
    const chiSquare = counts.reduce((total, count) => total + (count - 10_000) ** 2 / 10_000, 0);
    assert.ok(chiSquare < 27.9, `chi-square ${chiSquare}`);
    assert.ok(Math.abs(sum / 100_000) < 0.015);
    assert.ok(Math.abs(squares / 100_000 - 1) < 0.03);
  });

  it("shuffle into every order about as often, and lose nothing", () => {
    const random = new Random("orders");
    const seen = new Map<string, number>();
    for (let draw = 0; draw < 6000; draw++) {
      const order = random.shuffled(["a", "b", "c"]).join("");
      seen.set(order, (seen.get(order) ?? 0) + 1);
    }
    assert.equal(seen.size, 6);
    for (const [order, times] of seen) assert.ok(Math.abs(times - 1000) < 120, `${order}: ${times}`);
  });
});
