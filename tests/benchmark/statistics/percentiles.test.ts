import assert from "node:assert/strict";
import { median, percentile } from "../../../components/benchmark/statistics/intervals";

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
  });

  it("include the median: the middle value, or the mean of the two in the middle", () => {
    assert.equal(median([9, 1, 5]), 5);
    assert.equal(median([9, 1, 5, 6]), 5.5);
    assert.equal(median([7]), 7);
  });
});
