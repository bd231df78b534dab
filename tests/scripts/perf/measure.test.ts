import assert from "node:assert/strict";
import fc from "fast-check";
import { growthExponent, spread } from "../../../scripts/perf/measure";

describe("the figures of npm run perf", () => {
  it("take the middle value, or the mean of the two in the middle", () => {
    assert.deepEqual(spread([3, 1, 2]), { median: 2, min: 1, max: 3 });
    assert.deepEqual(spread([10, 1, 2, 3]), { median: 2.5, min: 1, max: 10 });
    assert.throws(() => spread([]), RangeError);
  });

  it("find the power of a cost whatever every size pays on top", () => {
    const sized = fc.record({
      power: fc.constantFrom(1, 2, 3),
      each: fc.double({ min: 0.001, max: 10, noNaN: true }),
      fixed: fc.double({ min: 0, max: 100, noNaN: true }),
    });
    fc.assert(
      fc.property(sized, ({ power, each, fixed }) => {
        const at = (size: number) => ({ size, cost: fixed + each * size ** power });
        const found = growthExponent([at(0), at(100), at(1000)]);
        assert.ok(Math.abs(found - power) < 1e-3, `${found} for ${power}`);
      }),
      { seed: 1 },
    );
  });

  it("tell quadratic growth from linear at the sizes that are measured", () => {
    const at = (power: number) => (size: number) => ({ size, cost: 0.6 + 0.005 * size ** power });
    const [linear, quadratic] = [at(1), at(2)].map((cost) => growthExponent([cost(10), cost(100), cost(1000)]));
    assert.ok(linear !== undefined && Math.abs(linear - 1) < 0.01);
    assert.ok(quadratic !== undefined && quadratic > 1.8);
  });
});
