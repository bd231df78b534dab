import assert from "node:assert/strict";
import { evaluateSeries } from "../../../components/verification/evaluation/evaluate";
import { sampleSize, statisticsOf, straysAtMost } from "../../../components/verification/evaluation/statistics";
import type { Expectation, Series } from "../../../components/verification/probe";
import type { Observation } from "../../../components/verification/result";
import { answered, byNone, evaluate, judged, observationOf, probeOf, recordOf, seriesOf } from "./observations";

describe("a series that is judged by shares", () => {
  const weights: Extract<Expectation, { kind: "shares" }> = {
    kind: "shares",
    outcomes: [0.15, 0.25, 0.6].map((share, at) => ({
      share,
      outcome: { title: `v${at + 1}`, answers: ["application"], version: `v${at + 1}` },
    })),
  };
  const plan = statisticsOf([weights], 10);
  const { count } = sampleSize(weights, plan);
  const seen = (...counts: readonly number[]) =>
    counts.flatMap((one, at) => Array.from({ length: one }, () => answered(`v${at + 1}`)));
  const weigh = (observations: readonly Observation[], series: Partial<Series> = {}, expect: Expectation = weights) =>
    evaluateSeries(probeOf({ kind: "weights" }), seriesOf({ expect, ...series }), observations, plan);

  it("holds near the shares, and prints them with their intervals", () => {
    const result = weigh(seen(130, 210, count - 340));
    assert.equal(result.verdict, "holds");
    assert.equal(result.measured, `15.5% v1, 25.0% v2, 59.6% v3 of ${count}`);
    for (const { expected, measured, low, high } of result.shares ?? []) {
      assert.ok(low < measured && measured < high && low < expected && expected < high);
    }
  });

  it("fails where 10 points are elsewhere, with the bounds of what is seen too often", () => {
    const result = weigh(seen(Math.round(0.15 * count), Math.round(0.35 * count), Math.round(0.5 * count)));
    assert.equal(result.verdict, "fails");
    assert.match(
      result.failure?.reason ?? "",
      /^expected 25\.0% "v2"; it is between 2\d\.\d% and 4\d\.\d%: the proxies have/,
    );
    assert.equal(result.failure?.observation.records[0]?.upstream?.version, "v2");
  });

  it("says that there are no weights where all are equal, and which version is missing", () => {
    const third = Math.ceil(count / 3);
    assert.match(weigh(seen(third, third, third)).failure?.reason ?? "", /as the versions are chosen without weights$/);
    assert.match(
      weigh(seen(0, 300, count - 300)).failure?.reason ?? "",
      /"v1" was not seen, as if the policy were off$/,
    );
  });

  it("is not known by fewer requests than planned, nor where another policy ended some of them", () => {
    assert.match(judged(weigh(seen(15, 25, 60)))[1], /100 requests are too few to tell/);
    assert.equal(weigh(seen(15, 25, 60)).verdict, "control failed");
    assert.equal(weigh([...seen(130, 210, count - 340), byNone]).verdict, "control failed");
  });

  it("holds with the few requests that failed for no policy's reason, and reports them", () => {
    const gone = observationOf({
      status: 503,
      records: [recordOf("client", "503 UF upstream_reset_before_response_started{remote_connection_failure}")],
    });
    const late = observationOf({ status: 0, exitCode: 28 });
    const strays = straysAtMost(count, plan);
    const failed = (number: number, one = gone) => Array.from({ length: number }, () => one);
    const result = weigh([...seen(130, 210, count - strays - 340), ...failed(strays - 1), late]);
    assert.equal(result.verdict, "holds", result.failure?.reason);
    assert.match(
      result.measured,
      new RegExp(`of ${count - strays}; ${strays - 1} of ${count}: sent to no server with 503`),
    );
    assert.match(result.measured, /; 1 otherwise$/);
    const more = weigh([...seen(130, 210, count - strays - 341), ...failed(strays + 1)]);
    assert.equal(more.verdict, "control failed");
    // A policy has one answer for all requests: a single denial is no accident.
    assert.equal(weigh([...seen(130, 210, count - 341), byNone]).verdict, "control failed");
    const three = { kind: "every", outcome: { title: "200", answers: ["application"] } } as const;
    assert.equal(weigh([answered("v1"), answered("v1"), gone], {}, three).verdict, "control failed");
  });

  it("fails where a version that is none of them answers, and where one of share 0 does", () => {
    assert.equal(weigh([...seen(130, 210, count - 340), answered("v4")]).verdict, "fails");
    const never: Expectation = {
      ...weights,
      outcomes: [...weights.outcomes, { share: 0, outcome: { title: "v4", version: "v4" } }],
    };
    const result = weigh([...seen(130, 210, count - 340), answered("v4")], {}, never);
    assert.deepEqual(judged(result), ["fails", `"v4" must not be seen; it was 1 times in ${count + 1}`]);
  });

  it("cannot tell as a control whose shares deviate", () => {
    assert.equal(weigh(seen(0, 300, count - 300), { role: "control" }).verdict, "control failed");
  });

  it("of two outcomes is judged by its binomial bounds", () => {
    const faults: Expectation = {
      kind: "share",
      share: 0.3,
      outcome: { title: "503 by a fault", answers: ["fault"] },
      else: { title: "no fault", answers: ["application"] },
    };
    const abort = observationOf({ status: 503, records: [recordOf("client", "503 FI fault_filter_abort")] });
    const size = sampleSize(faults, plan).count;
    const inject = (share: number) =>
      weigh(
        Array.from({ length: size }, (_, at) => (at < share * size ? abort : answered("v1"))),
        {},
        faults,
      );
    assert.equal(inject(0.31).verdict, "holds");
    assert.equal(inject(0.2).verdict, "fails");
    assert.match(inject(0).failure?.reason ?? "", /"503 by a fault" was not seen, as if the policy were off/);
  });

  it("of some outcomes needs each of them", () => {
    const some: Expectation = {
      kind: "some",
      outcomes: [
        { outcome: { title: "200", answers: ["application"] }, atLeast: 1 },
        { outcome: { title: "503", answers: ["overflow"] }, atLeast: 1 },
      ],
    };
    const overflow = observationOf({
      status: 503,
      records: [recordOf("client", "503 UO upstream_reset_before_response_started{overflow}")],
    });
    const breaker = { kind: "circuit-breakers" } as const;
    const mixed = evaluate([answered("v1"), overflow, answered("v1")], { expect: some }, breaker);
    assert.deepEqual([mixed.verdict, mixed.measured], ["holds", "2 of 3: 200; 1 of 3: 503"]);
    const open = evaluate([answered("v1"), answered("v1")], { expect: some }, breaker);
    assert.deepEqual(judged(open), ["fails", 'expected at least 1 times "503"; it was seen 0 times in 2']);
  });
});
