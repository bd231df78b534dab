import assert from "node:assert/strict";
import { changeBetween, estimate, medianInterval } from "../../../components/benchmark/statistics/intervals";
import { Random } from "../../../components/shared/random";
import { compare } from "../../../components/benchmark/statistics/significance";

/** A draw of each distribution, and its true median. */
const distributions: Readonly<Record<string, readonly [(random: Random) => number, number]>> = {
  normal: [(random) => random.normal(), 0],
  "log-normal": [(random) => Math.exp(0.5 * random.normal()), 1],
  exponential: [(random) => -Math.log(1 - random.uniform()), Math.LN2],
  // A few blocks are disturbed.
  contaminated: [(random) => random.normal() + (random.uniform() < 0.05 ? 50 : 0), 0.063],
  "long-tailed": [(random) => random.normal() / Math.max(0.2, Math.sqrt(random.uniform())), 0],
};
const experiments = 1000;
const resamples = 400;

describe("a 95% interval over blocks", function () {
  this.timeout(60_000);

  for (const blocks of [7, 10, 20]) {
    for (const [name, [draw, truth]] of Object.entries(distributions)) {
      it(`contains the true median of ${name} values in 93% to 97% of the cases at ${blocks} blocks`, () => {
        const random = new Random(`${name} ${blocks}`);
        let contained = 0;
        for (let experiment = 0; experiment < experiments; experiment++) {
          const values = Array.from({ length: blocks }, () => draw(random));
          const interval = medianInterval(values, experiment, resamples);
          if (interval && interval.low <= truth && truth <= interval.high) contained++;
        }
        const coverage = contained / experiments;
        assert.ok(coverage >= 0.93 && coverage <= 0.97, `${(100 * coverage).toFixed(1)}%`);
      });
    }
  }

  it("is the same for the same seed, and shifts with the values", () => {
    const values = [5, 3, 8, 1, 9, 2, 7, 4];
    assert.deepEqual(medianInterval(values, "a"), medianInterval(values, "a"));
    const [low, moved] = [values, values.map((value) => value + 100)].map((each) => medianInterval(each, "a")?.low);
    assert.ok(low !== undefined && moved !== undefined && Math.abs(moved - low - 100) < 1e-9);
  });

  it("is not widened by one disturbed block", () => {
    const quiet = [1.9, 2.1, 2.0, 1.8, 2.2, 2.05];
    const [quietInterval, interval] = [
      [...quiet, 2.3],
      [...quiet, 250],
    ].map((values) => medianInterval(values, "a"));
    assert.ok(quietInterval && interval);
    assert.ok(interval.low > 1.5 && interval.high < 3, JSON.stringify(interval));
  });

  it("ends at the floor", () => {
    const values = [0.01, 2, 5, 4, 0.5, 6, 1];
    const [open, closed] = [{}, { floor: 0 }].map((options) => estimate(values, "a", options)?.interval);
    assert.ok(open && open.low < 0, JSON.stringify(open));
    assert.deepEqual(closed, { ...open, low: 0 });
  });

  it("is not given below 7 blocks", () => {
    assert.equal(medianInterval([1, 2, 3, 4, 5, 6], "a"), undefined);
  });
});

describe("the change between two measurements", function () {
  this.timeout(60_000);

  for (const [name, [draw]] of Object.entries(distributions)) {
    it(`excludes zero in 1% to 5% of the cases where nothing changed, for ${name} values at 10 blocks`, () => {
      const random = new Random(`change ${name}`);
      const measure = (seed: string) => {
        const known = estimate(
          Array.from({ length: 10 }, () => draw(random)),
          seed,
          { resamples },
        );
        assert.ok(known);
        return known;
      };
      const changed = Array.from({ length: experiments }, (_, experiment) => {
        const { interval } = changeBetween(measure(`${experiment} before`), measure(`${experiment} now`));
        return interval && (interval.low > 0 || interval.high < 0);
      }).filter(Boolean).length;
      assert.ok(changed / experiments <= 0.05, `${changed} of ${experiments}`);
      assert.ok(changed / experiments >= 0.01, `${changed}: an interval that always contains zero has no power`);
    });
  }

  it("excludes zero also where two 95% intervals overlap", () => {
    const [before, now] = [
      { median: 10, interval: { low: 9, high: 11 } },
      { median: 11.8, interval: { low: 10.8, high: 12.8 } },
    ];
    const { median, interval } = changeBetween(before, now);
    assert.deepEqual(
      [median.toFixed(3), interval?.low.toFixed(3), interval?.high.toFixed(3)],
      ["1.800", "0.386", "3.214"],
    );
    assert.equal(changeBetween({ median: 10 }, now).interval, undefined);
  });
});

describe("comparing a distribution with itself", function () {
  this.timeout(60_000);

  it("finds a significant difference in at most 5% of the families of three scenarios that share their none", () => {
    const random = new Random("A/A");
    const runs = 1000;
    let wrong = 0;
    for (let run = 0; run < runs; run++) {
      const block = () => Array.from({ length: 10 }, () => Math.exp(random.normal()));
      const none = block();
      const differences = () => block().map((value, index) => value - (none[index] ?? NaN));
      const family = new Map(["sidecar", "ambient", "waypoint"].map((name) => [name, differences()]));
      if ([...compare(family, String(run), 50).values()].some(({ significant }) => significant)) wrong++;
    }
    assert.ok(wrong / runs <= 0.05, `${wrong} of ${runs}`);
    assert.ok(wrong > 0, "a test that never finds anything has no power");
  });
});
