import assert from "node:assert/strict";
import type { Expectation, Series } from "../../../components/verification/probe";
import type { Observation } from "../../../components/verification/result";
import { answered, evaluate, judged, observationOf, recordOf, reviews } from "./observations";

describe("what an outcome has besides its answer", () => {
  const outcome = (more: Partial<Extract<Expectation, { kind: "every" }>["outcome"]>): Partial<Series> => ({
    expect: { kind: "every", outcome: { title: "as expected", answers: ["application"], ...more } },
  });
  const routes = { kind: "routes" } as const;

  it("is the version of the pod, by the record of the proxy that sent it there", () => {
    assert.equal(evaluate(answered("v2"), outcome({ version: "v2" }), routes).verdict, "holds");
    const [verdict, reason] = judged(evaluate(answered("v1"), outcome({ version: "v2" }), routes));
    assert.equal(verdict, "fails");
    assert.equal(
      reason,
      'expected "as expected"; a request was answered by bookinfo/reviews-v1-5f of version v1: the sidecar of ' +
        "bookinfo/probe-productpage used route default, as it has not got the right one yet, or another comes first",
    );
  });

  it("is not known where no proxy recorded the pod", () => {
    const [verdict, reason] = judged(evaluate(observationOf({}), outcome({ version: "v2" }), routes));
    assert.equal(verdict, "control failed");
    assert.match(reason, /by a pod that no proxy recorded: its proxy writes no log for probes/);
  });

  it("shows in a control that the difference is there without the policy", () => {
    const control = { ...outcome({ version: "v2" }), role: "control" as const };
    const [verdict, reason] = judged(evaluate(answered("v1"), control, routes));
    assert.equal(verdict, "control failed");
    assert.match(reason, /the control does not show that the measurement can tell/);
  });

  it("is the workload, the status, and the time", () => {
    assert.equal(evaluate(answered("v2"), outcome({ workload: "bookinfo/reviews" })).verdict, "holds");
    assert.equal(evaluate(answered("v2"), outcome({ workload: "bookinfo/ratings" })).verdict, "fails");
    assert.equal(evaluate(answered("v2", { status: 500 }), outcome({ status: [200, 204] })).verdict, "fails");
    assert.equal(evaluate(answered("v2", { seconds: 1.1 }), outcome({ atLeast: 0.9, atMost: 1.5 })).verdict, "holds");
    for (const seconds of [0.2, 2]) {
      assert.equal(evaluate(answered("v2", { seconds }), outcome({ atLeast: 0.9, atMost: 1.5 })).verdict, "fails");
    }
  });

  it("is a header, with its value, with any, or absent", () => {
    const seen = answered("v1", { headers: { "x-a": "1" } });
    assert.equal(evaluate(seen, outcome({ headers: { "x-a": "1", "x-b": false } })).verdict, "holds");
    assert.equal(evaluate(seen, outcome({ headers: { "x-a": true } })).verdict, "holds");
    const others: Record<string, string | boolean>[] = [
      { "x-a": "2" },
      { "x-a": false },
      { "x-b": true },
      { constructor: true },
    ];
    for (const headers of others) {
      assert.equal(evaluate(seen, outcome({ headers })).verdict, "fails", JSON.stringify(headers));
    }
  });

  it("is the copy of a mirror, by the record of the proxy that got it", () => {
    const copyTo = (version: string): Observation => ({
      ...answered("v1"),
      records: [
        ...answered("v1").records,
        recordOf("server", "200 - via_upstream", { isMirrored: true, upstream: reviews(version) }),
      ],
    });
    const mirrors = { kind: "mirrors" } as const;
    for (const mirroredTo of ["v3", "bookinfo/reviews"]) {
      assert.equal(evaluate(copyTo("v3"), outcome({ mirroredTo, version: "v1" }), mirrors).verdict, "holds");
    }
    const [verdict, reason] = judged(evaluate(answered("v1"), outcome({ mirroredTo: "v3" }), mirrors));
    assert.deepEqual([verdict, /copied to no pod/.test(reason)], ["fails", true]);
    assert.match(judged(evaluate(copyTo("v2"), outcome({ mirroredTo: "v3" }), mirrors))[1], /copied to .*v2-5f only/);
  });

  it("is the identity of the server, and how long the client's certificate is valid", () => {
    const server = "spiffe://cluster.local/ns/bookinfo/sa/bookinfo-reviews";
    const mtls = { kind: "mtls" } as const;
    const proved = outcome({ server, certificateSeconds: 86_400 });
    assert.equal(evaluate(answered("v1"), proved, mtls).verdict, "holds");
    const plain = { server: "", clientCertificateEnd: NaN };
    const seen = observationOf({ records: [recordOf("server", "200 - via_upstream", plain)] });
    assert.match(judged(evaluate(seen, proved, mtls))[1], /without an identity, in plain text/);
    assert.equal(evaluate(answered("v1"), outcome({ certificateSeconds: 3600 }), mtls).verdict, "fails");
    assert.equal(evaluate(seen, outcome({ certificateSeconds: 3600 }), mtls).verdict, "fails");
    assert.equal(evaluate(observationOf({}), proved, mtls).verdict, "control failed");
  });
});
