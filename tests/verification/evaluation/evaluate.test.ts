import assert from "node:assert/strict";
import {
  evaluateProbe,
  exitCode,
  suiteVerdict,
  worstVerdict,
} from "../../../components/verification/evaluation/verdicts";
import type { Series } from "../../../components/verification/probe";
import type { Observation, ProbeResult, SeriesResult } from "../../../components/verification/result";
import {
  allowed,
  answered,
  byOther,
  byReviewsDeny,
  denied,
  evaluate,
  judged,
  observationOf,
  probeOf,
  recordOf,
} from "./observations";

describe("a series of requests that are all to be the same", () => {
  it("holds where each of them is, and says by what it was judged", () => {
    const result = evaluate([answered("v1"), answered("v2"), answered("v1")], { expect: allowed });
    assert.equal(result.verdict, "holds");
    assert.equal(result.measured, "3 of 3: allowed");
    assert.equal(
      result.evidence,
      "the records of the client's sidecar and the server's sidecar, and the client's result",
    );
    assert.equal(result.failure, undefined);
  });

  it("names clients and servers so that no two are the same", () => {
    const named = (series: Partial<Series>) => {
      const { from, to } = evaluate([], { expect: allowed, ...series });
      return `${from} to ${to}`;
    };
    const shop = { kind: "workload", namespace: "shop", name: "front" } as const;
    const stranger = (dataPlane: "sidecar" | "ambient") => ({ client: { kind: "stranger", dataPlane } as const });
    const service = { kind: "service", namespace: "shop", name: "back", port: 80 } as const;
    const gateway = { kind: "gateway", namespace: "edge", service: "ingress", port: 443 } as const;
    const all = [
      { client: shop },
      { client: { ...shop, namespace: "pay" } },
      ...[stranger("sidecar"), stranger("ambient")],
      ...["shop", "pay"].map((namespace) => ({ request: { to: { ...service, namespace } } })),
      ...["a.example", "b.example"].map((host) => ({ request: { to: { ...gateway, host } } })),
    ].map(named);
    assert.equal(new Set(all).size, 8, all.join("; "));
  });

  it("shows no credentials of a request of one's own", () => {
    const request = { to: { kind: "service", namespace: "shop", name: "back", port: 80 } as const };
    const headers = { Authorization: "Bearer secret", cookie: "session=secret", "x-user": "a" };
    const { request: line } = evaluate([], { expect: allowed, request: { ...request, headers } });
    assert.equal(line, "GET / Authorization: ... cookie: ... x-user: a");
  });

  it("says where there is nothing but the client's result", () => {
    const closed = observationOf({ status: 0, exitCode: 56, error: "Recv failure: Connection reset by peer" });
    const outcome = { title: "refused", answers: ["reset"] as const };
    const result = evaluate(closed, { client: { kind: "outside" }, expect: { kind: "every", outcome } });
    assert.deepEqual([result.verdict, result.evidence], ["holds", "the client's result only"]);
  });

  it("says of how many requests there are records", () => {
    const result = evaluate([answered("v1"), observationOf({})], { expect: allowed });
    assert.match(result.evidence, / of 1 of 2 requests,/);
  });

  it("fails with what was sent, seen and expected, and the likely reason", () => {
    const result = evaluate([byReviewsDeny, answered("v2"), byReviewsDeny], { expect: denied });
    assert.equal(result.verdict, "fails");
    assert.equal(result.measured, "2 of 3: denied; 1 of 3: answered by the application with 200");
    assert.equal(result.failure?.request, "GET /reviews/0 from bookinfo/productpage to bookinfo/reviews:9080");
    assert.equal(
      result.failure?.reason,
      'expected "denied"; a request was answered by the application with 200: the sidecar of bookinfo/reviews-v2-5f let ' +
        "it through, as it has not got the policy yet, or the policy selects other pods",
    );
    assert.equal(result.failure?.observation.status, 200);
  });

  it("is not known where no request was sent", () => {
    const result = evaluate([], { expect: allowed });
    assert.deepEqual([result.verdict, result.measured], ["control failed", "no request was sent"]);
  });
});

describe("the likely reason of a request that a proxy should have refused", () => {
  const reasonOf = (seen: Observation, series: Partial<Series> = {}) =>
    judged(evaluate(seen, { expect: denied, ...series }))[1];

  it("is that no proxy enforced it, where none recorded it", () => {
    assert.match(reasonOf(observationOf({})), /answered by the application itself, so no proxy enforced it/);
  });

  it("is that gateway traffic does not use the waypoint", () => {
    const to = {
      kind: "gateway",
      namespace: "istio-ingress",
      service: "ingress",
      port: 80,
      host: "a.example",
    } as const;
    const seen = observationOf({ records: [recordOf("gateway", "200 - via_upstream")] });
    assert.match(
      reasonOf(seen, { request: { to } }),
      /a waypoint is not used by gateway traffic unless its Service has the/,
    );
  });

  it("is the waypoint, or that its server has no proxy", () => {
    const through = [recordOf("client", "200 - via_upstream"), recordOf("waypoint", "200 - via_upstream")];
    assert.match(reasonOf(observationOf({ records: through })), /the waypoint bookinfo\/waypoint-6d let it through/);
    const past = observationOf({ records: through.slice(0, 1) });
    assert.match(reasonOf(past), /no proxy at the server saw it: its pod has no sidecar/);
  });
});

describe("the verdict on a probe and on the suite", () => {
  const holding = evaluate(answered("v1"), { expect: allowed });
  const failing = evaluate(answered("v1"), { expect: denied, title: "denied" });
  const untold = evaluate(byOther, { expect: allowed, title: "untold" }, { objects: [] });
  const resultOf = (...series: readonly SeriesResult[]): ProbeResult => evaluateProbe(probeOf({}), series, 1.5);

  it("is the worst of its series, with the reason of that one", () => {
    assert.deepEqual([resultOf(holding).verdict, resultOf(holding).reason], ["holds", undefined]);
    assert.equal(resultOf(untold, failing, holding).verdict, "fails");
    assert.match(resultOf(untold, failing).reason ?? "", /^denied: expected "denied"; /);
    assert.equal(resultOf(holding, untold).verdict, "control failed");
    assert.match(resultOf(holding, untold).reason ?? "", /^untold: /);
    assert.match(resultOf(evaluate([], { expect: allowed })).reason ?? "", /no request was sent$/);
  });

  it("is not measurable where the plan says so", () => {
    const probe = probeOf({
      notMeasurable: "simulated nodes carry no traffic",
      objects: ["VirtualService bookinfo/reviews"],
    });
    const { verdict, reason, objects, seconds } = evaluateProbe(probe, [], 0);
    assert.deepEqual([verdict, reason, seconds], ["not measurable", "simulated nodes carry no traffic", 0]);
    assert.deepEqual(objects, ["VirtualService bookinfo/reviews"]);
  });

  it("of the suite fails where a probe fails or a control failed, and what is not measurable fails none", () => {
    const none = evaluateProbe(probeOf({ notMeasurable: "no" }), [], 0);
    assert.equal(suiteVerdict([resultOf(holding), none]), "holds");
    assert.equal(suiteVerdict([resultOf(holding), resultOf(untold)]), "fails");
    assert.equal(suiteVerdict([resultOf(failing), none]), "fails");
    assert.equal(suiteVerdict([none]), "not measurable");
    assert.equal(worstVerdict([]), "not measurable");
  });

  it("fails the process unless it is to warn only", () => {
    assert.equal(exitCode("fails", { onFailure: "fail" }), 1);
    assert.equal(exitCode("fails", { onFailure: "warn" }), 0);
    assert.equal(exitCode("holds", { onFailure: "fail" }), 0);
    assert.equal(exitCode("not measurable", { onFailure: "fail" }), 0);
  });
});
