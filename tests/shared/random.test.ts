import assert from "node:assert/strict";
import { Random } from "../../components/shared/random";

describe("random numbers", () => {
  it("are the same for the same seed, and differ for another", () => {
    const draw = (seed: number | string) => {
      const random = new Random(seed);
      return Array.from({ length: 5 }, () => random.below(1000));
    };
    assert.deepEqual(draw(1), draw("1"));
    assert.notDeepEqual(draw(1), draw(2));
  });

  it("are uniform, and normal ones have mean 0 and standard deviation 1", () => {
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

  it("shuffle into all orders equally often", () => {
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
