import assert from "node:assert/strict";
import { Random } from "../../../components/shared/random";
import {
  deviates,
  isStatistical,
  measurementsAtMost,
  sampleSize,
  shareInterval,
  statisticsOf,
  straysAtMost,
} from "../../../components/verification/evaluation/statistics";
import type { SuiteStatistics } from "../../../components/verification/result";
import { logFactorials, shareOf, Sampler, sharesOf } from "./samples";

const article = statisticsOf([sharesOf(0.15, 0.25, 0.6), shareOf(0.3), shareOf(0.5)], 10);

/** A suite of that many tests. */
const suiteOf = (tests: number) =>
  statisticsOf(
    Array.from({ length: tests }, () => shareOf(0.5)),
    10,
  );

describe("sizes of samples", () => {
  it("are computed from the error rates, and say which deviation they find", () => {
    assert.deepEqual(sampleSize(sharesOf(0.15, 0.25, 0.6), article), {
      count: 911,
      finds: "15/25/60 against 15/35/50",
    });
    assert.deepEqual(sampleSize(shareOf(0.3), article), { count: 930, finds: "30/70 against 40/60" });
    assert.deepEqual(sampleSize(shareOf(0.01), article), { count: 885, finds: "1/99 against 0/100" });
  });

  it("grow with the number of tests, and shrink with the deviation", () => {
    const count = (tests: number, deviation: number) =>
      sampleSize(
        shareOf(0.3),
        statisticsOf(
          Array.from({ length: tests }, () => shareOf(0.3)),
          deviation,
        ),
      ).count;
    assert.ok(count(1, 10) < count(20, 10));
    assert.ok(count(20, 20) < count(20, 10) / 3);
  });

  it("are few for what is the same every time: also for shares of 0 and 1", () => {
    for (const expect of [shareOf(0), shareOf(1), sharesOf(0, 1, 0)]) {
      assert.equal(isStatistical(expect), false);
      assert.deepEqual(sampleSize(expect, article), { count: 3 });
    }
    assert.deepEqual(sampleSize({ kind: "every", outcome: { title: "200" } }, article), { count: 3 });
  });

  it("are those of two shares where the others are 0", () => {
    assert.deepEqual(sampleSize(sharesOf(0.3, 0.7, 0), article), sampleSize(shareOf(0.3), article));
    assert.equal(deviates([270, 630, 0], [0.3, 0.7, 0], article), false);
  });
});

describe("the interval of a share", () => {
  it("is Clopper and Pearson's: at its bounds, half of the level is as far out as what was seen", () => {
    const factorials = logFactorials(500);
    const probability = (seen: number, share: number) =>
      Math.exp(
        (factorials[500] ?? 0) -
          (factorials[seen] ?? 0) -
          (factorials[500 - seen] ?? 0) +
          seen * Math.log(share) +
          (500 - seen) * Math.log(1 - share),
      );
    const sum = (from: number, to: number, share: number) => {
      let total = 0;
      for (let seen = from; seen <= to; seen++) total += probability(seen, share);
      return total;
    };
    const { low, high } = shareInterval(150, 500, { ...suiteOf(1), alpha: 0.001 });
    assert.ok(low > 0.23 && low < 0.24 && high > 0.37 && high < 0.38, `${low} to ${high}`);
    assert.ok(Math.abs(sum(150, 500, low) / 0.0005 - 1) < 1e-6);
    assert.ok(Math.abs(sum(0, 150, high) / 0.0005 - 1) < 1e-6);
  });

  it("begins at 0 where nothing was seen, and ends at 1 where everything was", () => {
    assert.equal(shareInterval(0, 500, suiteOf(1)).low, 0);
    assert.equal(shareInterval(500, 500, suiteOf(1)).high, 1);
  });

  it("excludes the expected share exactly where the test rejects it", () => {
    for (const share of [0.01, 0.15, 0.3, 0.5]) {
      for (let seen = 0; seen <= 900; seen++) {
        const { low, high } = shareInterval(seen, 900, article);
        assert.equal(deviates([seen, 900 - seen], [share, 1 - share], article), share < low || share > high, `${seen}`);
      }
    }
  });
});

interface Case {
  readonly name: string;
  readonly expected: readonly number[];
  readonly statistics: SuiteStatistics;
  /** Strays included. */
  readonly count: number;
}

const withoutStrays = (one: Case): Case => ({ ...one, count: one.count - straysAtMost(one.count, one.statistics) });

function casesOf(...shares: readonly (readonly number[])[]): Case[] {
  return [1, 40].flatMap((tests) =>
    shares.map((expected) => ({
      name: `${expected.map((share) => 100 * share).join("/")} in a suite of ${tests} tests`,
      expected,
      statistics: suiteOf(tests),
      count: sampleSize(sharesOf(...expected), suiteOf(tests)).count,
    })),
  );
}

/** Every way to move 10 points, or all of a smaller share, from one outcome to another. */
function wrongShares(shares: readonly number[]): number[][] {
  return shares.flatMap((share, from) =>
    shares.flatMap((_, to) => {
      const moved = Math.min(0.1, share);
      const wrong = shares.map((one, at) => one + (at === to ? moved : 0) - (at === from ? moved : 0));
      return from === to ? [] : [wrong.map((one) => Math.max(0, one))];
    }),
  );
}

/** The probability that counts drawn with shares `actual` deviate from the expected ones: a sum over all counts. */
function rejection({ expected, statistics, count }: Case, actual: readonly number[]): number {
  const factorials = logFactorials(count);
  const logs = actual.map((share) => Math.log(Math.max(share, 1e-300)));
  let sum = 0;
  for (const counts of likelyCounts(actual, count)) {
    if (!deviates(counts, expected, statistics)) continue;
    let log = factorials[count] ?? 0;
    for (const [at, n] of counts.entries()) log += n * (logs[at] ?? 0) - (factorials[n] ?? 0);
    sum += Math.exp(log);
  }
  return sum;
}

/** Of two or three outcomes, without counts that are farther than 9 standard deviations from their means. */
function* likelyCounts([first = 0, second = 0, third]: readonly number[], count: number): Iterable<number[]> {
  const range = (share: number) => {
    const width = 9 * Math.sqrt(count * share * (1 - share)) + 30;
    return [Math.max(0, Math.floor(count * share - width)), Math.min(count, Math.ceil(count * share + width))] as const;
  };
  const [from, to] = range(first);
  const [least, most] = range(second);
  for (let n = from; n <= to; n++) {
    if (third === undefined) yield [n, count - n];
    else for (let m = least; m <= Math.min(most, count - n); m++) yield [n, m, count - n - m];
  }
}

describe("the error rates of a test, computed exactly", function () {
  this.timeout(60_000);

  const cases = casesOf([0.15, 0.25, 0.6], [0.01, 0.39, 0.6], [0.05, 0.05, 0.9], [0.3, 0.7], [0.01, 0.99], [0.5, 0.5]);
  for (const one of cases) {
    it(`are kept by ${one.name}`, () => {
      for (const each of [one, withoutStrays(one)]) {
        const level = rejection(each, one.expected);
        assert.ok(level <= one.statistics.alpha, `false alarm ${level}, level ${one.statistics.alpha}`);
        assert.ok(level > one.statistics.alpha / 20, `false alarm ${level}: a test that never rejects has no power`);
        for (const wrong of wrongShares(one.expected)) {
          const found = rejection(each, wrong) ** measurementsAtMost;
          assert.ok(found >= one.statistics.power, `${wrong.join("/")} is found with ${found} by ${each.count}`);
        }
      }
    });
  }

  it("leave a tenth of the false alarms for requests that fail for reasons of their own, 1 in 1,000", () => {
    for (const tests of [1, 3, 40]) {
      const statistics = suiteOf(tests);
      for (const count of [200, 900, 5000]) {
        const most = straysAtMost(count, statistics);
        const factorials = logFactorials(count);
        let above = 0;
        for (let n = most + 1; n <= count; n++) {
          const ways = (factorials[count] ?? 0) - (factorials[n] ?? 0) - (factorials[count - n] ?? 0);
          above += Math.exp(ways + n * Math.log(0.001) + (count - n) * Math.log(0.999));
        }
        assert.ok(above + statistics.alpha <= statistics.falseAlarm / tests, `${most} of ${count}: ${above}`);
        assert.ok(most <= Math.max(8, count / 100), `${most} of ${count}`);
      }
    }
  });

  it("are not kept by a tenth fewer requests", () => {
    for (const one of casesOf([0.3, 0.7], [0.5, 0.5])) {
      const fewer = { ...one, count: Math.floor(0.9 * withoutStrays(one).count) };
      const found = Math.min(
        ...wrongShares(one.expected).map((wrong) => rejection(fewer, wrong) ** measurementsAtMost),
      );
      assert.ok(found < one.statistics.power, `${one.name}: ${found}`);
    }
  });
});

describe("ten thousand simulated suites", function () {
  this.timeout(60_000);

  const suites = 10_000;
  const shares = [
    [0.15, 0.25, 0.6],
    [0.3, 0.7],
    [0.5, 0.5],
    [0.1, 0.9],
    [0.1, 0.2, 0.3, 0.4],
    [0.02, 0.03, 0.95],
  ];
  const statistics = suiteOf(shares.length);
  const planned = shares.map((expected) => ({ expected, ...sampleSize(sharesOf(...expected), statistics) }));
  const sampler = new Sampler(new Random("suites"));

  /** Of the requests, 1 in 1,000 fails for reasons of its own. */
  const deviatesOnce = ({ expected, count }: (typeof planned)[number], actual: readonly number[]) => {
    const [strays = 0] = sampler.multinomial(count, [0.001, 0.999]);
    if (strays > straysAtMost(count, statistics)) return true;
    return deviates(sampler.multinomial(count - strays, actual), expected, statistics);
  };

  /** As a run does it: a measurement that deviates is repeated. */
  const fails = (test: (typeof planned)[number], actual: readonly number[]) =>
    Array.from({ length: measurementsAtMost }).every(() => deviatesOnce(test, actual));

  /** Of a share that was seen in so many suites: bounds that it exceeds in one simulation of 1,000. */
  const bounds = (seen: number) => shareInterval(seen, suites, { ...statistics, alpha: 0.002 });

  it("raise a false alarm in at most 1 of 1,000", () => {
    let alarms = 0;
    for (let suite = 0; suite < suites; suite++) {
      if (planned.some((test) => fails(test, test.expected))) alarms++;
    }
    assert.ok(bounds(alarms).high <= statistics.falseAlarm, `${alarms} of ${suites}`);
  });

  it("do so also where the deadline leaves time for one measurement", () => {
    let alarms = 0;
    for (let suite = 0; suite < suites; suite++) {
      if (planned.some((test) => deviatesOnce(test, test.expected))) alarms++;
    }
    // The rate is near the limit, which 10,000 suites cannot tell from one above; the exact sums above can.
    assert.ok(bounds(alarms).low <= statistics.falseAlarm, `${alarms} of ${suites}`);
    assert.ok(alarms > 0, "a test that never rejects has no power");
  });

  for (const test of planned) {
    it(`find ${test.finds} in at least 99%`, () => {
      for (const wrong of wrongShares(test.expected)) {
        let found = 0;
        for (let suite = 0; suite < suites; suite++) if (fails(test, wrong)) found++;
        assert.ok(bounds(found).high >= statistics.power, `${wrong.join("/")}: ${found} of ${suites}`);
      }
    });
  }

  it("are the same for the same seed", () => {
    const draw = () => new Sampler(new Random("a")).multinomial(900, [0.15, 0.25, 0.6]);
    assert.deepEqual(draw(), draw());
  });
});
