import assert from "node:assert/strict";
import fc from "fast-check";
import { LatencyHistogram, median, percentile } from "../../../components/benchmark/statistics/percentiles";
import { Random } from "../../../components/benchmark/statistics/random";

describe("percentiles", () => {
  it("are measured values, by nearest rank", () => {
    // The example of "Percentile" in Wikipedia, nearest-rank method.
    const sorted = [15, 20, 35, 40, 50];
    assert.deepEqual(
      [5, 30, 40, 50, 100].map((percent) => percentile(sorted, percent)),
      [15, 20, 20, 35, 50],
    );
    assert.equal(percentile([3], 0), 3);
  });

  it("take the 9,990th of 10,000 for 99.9%, in spite of binary fractions", () => {
    const sorted = Array.from({ length: 10_000 }, (_, index) => index + 1);
    assert.deepEqual(
      [50, 99, 99.9, 99.99].map((percent) => percentile(sorted, percent)),
      [5000, 9900, 9990, 9999],
    );
  });

  it("refuse an empty list, and percentages outside 0 to 100", () => {
    assert.throws(() => percentile([], 50), RangeError);
    assert.throws(() => percentile([1], 101), RangeError);
    assert.throws(() => percentile([1], NaN), RangeError);
    assert.throws(() => median([]), RangeError);
    assert.throws(() => new LatencyHistogram().percentile(50), RangeError);
  });

  it("include the median: the middle value, or the mean of the two in the middle", () => {
    assert.equal(median([9, 1, 5]), 5);
    assert.equal(median([9, 1, 5, 6]), 5.5);
    assert.equal(median([7]), 7);
  });
});

describe("a latency histogram", () => {
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

  it("records a value many times at once", () => {
    const histogram = new LatencyHistogram();
    histogram.record(10, 99);
    histogram.record(1000);
    assert.deepEqual([histogram.percentile(99), histogram.percentile(99.5)], [10, 1000]);
  });
});
