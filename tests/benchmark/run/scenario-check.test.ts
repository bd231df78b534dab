import assert from "node:assert/strict";
import type { Scenario } from "../../../components/benchmark/metrics/record";
import { judgeScenario, type Observations, podsProblem } from "../../../components/benchmark/run/scenario-check";

describe("the check of a scenario", () => {
  const none: Observations = {
    containers: ["fortio", "iperf3", "fortio", "iperf3"],
    redirected: false,
    echo: "Host: server\n",
  };
  const sidecar = {
    ...none,
    containers: [...none.containers, "istio-proxy", "istio-proxy"],
    echo: "X-Forwarded-Client-Cert: By=spiffe://a\n",
  };
  const ambient = { ...none, redirected: true };
  const waypoint = { ...ambient, echo: "x-envoy-expected-rq-timeout-ms: 15000\n" };
  const problem = (scenario: Scenario, seen: Observations) => judgeScenario(scenario, seen).problem;

  it("finds no problem where it is what its name says", () => {
    assert.deepEqual(
      [
        problem("none", none),
        problem("control", none),
        problem("sidecar", sidecar),
        problem("ambient", ambient),
        problem("waypoint", waypoint),
      ],
      [undefined, undefined, undefined, undefined, undefined],
    );
  });

  it("finds what is different", () => {
    assert.equal(problem("none", sidecar), "its pods have sidecars");
    assert.equal(problem("none", ambient), "its traffic goes through ztunnel");
    assert.equal(problem("control", { ...none, echo: "Server: istio-envoy" }), "its requests pass a proxy");
    assert.equal(problem("sidecar", none), "its pods have no sidecars");
    assert.equal(problem("sidecar", { ...sidecar, echo: "" }), "its requests come without mTLS");
    assert.equal(problem("ambient", none), "its traffic does not go through ztunnel");
    assert.equal(problem("ambient", waypoint), "its requests pass a waypoint");
    assert.equal(problem("waypoint", ambient), "its requests pass no waypoint");
    assert.equal(problem("waypoint", sidecar), "its pods have sidecars");
  });

  it("uses the counters of ztunnel where it carries the traffic", () => {
    const opened = (mutual: number, plain: number) => ({ opened: { mutual, plain } });
    assert.equal(problem("ambient", { ...ambient, ...opened(2, 0) }), undefined);
    assert.equal(problem("waypoint", { ...waypoint, ...opened(2, 1) }), "its requests come without mTLS");
    assert.equal(problem("ambient", { ...ambient, ...opened(0, 0) }), "ztunnel has counted none of its connections");
    assert.equal(problem("none", { ...none, ...opened(0, 2) }), undefined);
  });

  it("can be repeated on the pods alone", () => {
    assert.equal(podsProblem("ambient", ambient), undefined);
    assert.equal(podsProblem("ambient", none), "its traffic does not go through ztunnel");
    assert.equal(podsProblem("sidecar", none), "its pods have no sidecars");
    assert.equal(podsProblem("none", ambient), "its traffic goes through ztunnel");
  });

  it("is reported in words", () => {
    assert.deepEqual(judgeScenario("none", none).truths, [
      ...["no sidecars", "traffic does not go through ztunnel"],
      ...["no mTLS identity in a request's headers", "requests pass no Envoy"],
    ]);
  });
});
