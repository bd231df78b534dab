import assert from "node:assert/strict";
import { latencyOfFortio, latencyOfMicros } from "../../../components/benchmark/measure/latency";
import { parseFortio } from "../../../components/benchmark/measure/load-generators";
import { type Endpoints, parseSummary, usageBetween } from "../../../components/benchmark/measure/usage";
import { disturbances, problemsOf } from "../../../components/benchmark/measure/validity";
import type { RequestArm, RequestOutcome, StreamArm } from "../../../components/benchmark/metrics/record";
import { recorded } from "../fixtures";

const arm: RequestArm = {
  ...{ kind: "http", id: "http-c10-q1000-1024B", placement: "other-node", seconds: 60, warmUpSeconds: 15 },
  ...{ connections: 10, qps: 1000, payloadSize: 1024, keepAlive: true },
};
const calm = { clientNodeCores: 4, restarted: [] };

function outcome(made: Partial<RequestOutcome>): RequestOutcome {
  const raw = { count: 60_000, mean: 1, max: 2, percentiles: {} };
  return { kind: "requests", actualQps: 1000, requests: 60_000, failed: 0, codes: { "200": 60_000 }, raw, ...made };
}

describe("the validity checks of a run", () => {
  it("accept a run that reached its load", () => {
    assert.deepEqual(problemsOf(arm, outcome({}), { ...calm, logged: 60_000 }), []);
    assert.deepEqual(problemsOf(arm, outcome({ requests: 59_400, failed: 59 }), calm), []);
  });

  it("find fewer requests than planned", () => {
    assert.deepEqual(problemsOf(arm, outcome({ requests: 59_399 }), calm), [
      "only 99.0% of the planned requests were made (59399 of 60000)",
    ]);
  });

  it("find failed requests, with their codes", () => {
    assert.deepEqual(problemsOf(arm, outcome({ failed: 61, codes: { "200": 59_939, "503": 61 } }), calm), [
      "61 of 60000 requests failed (59939 x 200, 61 x 503)",
    ]);
  });

  it("find a load generator that was the bottleneck, except at saturation", () => {
    const busy = { ...calm, client: { cores: 2.9, memory: 1, containers: 1 } };
    assert.deepEqual(problemsOf(arm, outcome({}), busy), [
      "the load generator used 72.5% of its node's CPU, more than 70.0%",
    ]);
    assert.deepEqual(problemsOf({ ...arm, qps: 0 }, outcome({}), busy), []);
  });

  it("find smaller responses and fewer connections than planned", () => {
    assert.deepEqual(problemsOf(arm, outcome({}), { ...calm, answerBytes: 178, connections: 5 }), [
      "only 5 of 10 connections were used: fewer than two requests for each",
      "responses have 178 bytes instead of 1024",
    ]);
    assert.deepEqual(problemsOf(arm, outcome({}), { ...calm, answerBytes: 1023.4, connections: 10 }), []);
  });

  it("find steal above 5%, at saturation as well", () => {
    const stolen = { client: 0.049, server: 0.051 };
    const problem = ["the host withheld 5.1% of the CPU time of the server's node (steal)"];
    assert.deepEqual(problemsOf(arm, outcome({}), { ...calm, stolen }), problem);
    assert.deepEqual(problemsOf({ ...arm, qps: 0 }, outcome({}), { ...calm, stolen }), problem);
    assert.deepEqual(problemsOf(arm, outcome({}), { ...calm, stolen: {} }), []);
  });

  it("find restarts and an incomplete log; the restart of a proxy is not an outside cause", () => {
    const restarted = [
      { name: "server/istio-proxy", ofMesh: true },
      { name: "server/fortio", ofMesh: false },
    ];
    const odd = { clientNodeCores: 4, restarted, logged: 59_999 };
    const cutOff = "the access log has 59999 of 60000 requests, so latencies are not corrected";
    assert.deepEqual(problemsOf(arm, outcome({}), odd), [
      ...["server/istio-proxy restarted", cutOff, "server/fortio restarted"],
    ]);
    assert.deepEqual(disturbances(outcome({}), odd), [cutOff, "server/fortio restarted"]);
  });

  it("find a run of iperf3 with other streams than planned", () => {
    const stream: StreamArm = {
      ...{ kind: "stream", id: "tcp-4-upload", placement: "other-node", seconds: 30, warmUpSeconds: 3 },
      ...{ streams: 4, direction: "upload" },
    };
    const made = { kind: "stream", bitsPerSecond: 1e9 } as const;
    assert.deepEqual(problemsOf(stream, made, { ...calm, streams: 4, reverse: false }), []);
    for (const seen of [
      { streams: 1, reverse: false },
      { streams: 4, reverse: true },
    ]) {
      const direction = seen.reverse ? "download" : "upload";
      const problem = `iperf3 ran ${seen.streams} streams ${direction} instead of 4 streams upload`;
      assert.deepEqual(problemsOf(stream, made, { ...calm, ...seen }), [problem]);
    }
  });
});

describe("the latencies of a run", () => {
  it("have no high percentile without enough requests", () => {
    const few = latencyOfFortio(parseFortio(recorded("fortio/http-ok.json")));
    assert.deepEqual(Object.keys(few.percentiles).at(-1), "99");
    const far = (count: number) => Object.keys(latencyOfMicros(new Float64Array(count).fill(1000)).percentiles);
    assert.equal(far(9_999).includes("99.9"), false);
    assert.equal(far(10_000).includes("99.9"), true);
    assert.equal(far(100_000).includes("99.99"), true);
  });
});

describe("the usage of containers", () => {
  const at = (seconds: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, seconds)).toISOString();
  const container = (name: string, seconds: number, cpuSeconds: number, mebibytes = 50) => ({
    name,
    cpu: { time: at(seconds), usageCoreNanoSeconds: cpuSeconds * 1e9 },
    memory: { time: at(seconds), workingSetBytes: mebibytes * 2 ** 20 },
  });
  const pod = (namespace: string, name: string, containers: object[]) => ({
    podRef: { namespace, name, uid: "1" },
    containers,
  });
  const look = (seconds: number, cpu: number) => {
    const proxied = (name: string, mebibytes?: number) => container(name, seconds, cpu, mebibytes);
    const pods = {
      one: [
        pod("bench-sidecar", "client-x", [proxied("fortio"), container("istio-proxy", seconds, 2 * cpu)]),
        pod("istio-system", "ztunnel-a", [proxied("istio-proxy", 10)]),
      ],
      two: [
        pod("bench-sidecar", "client-near-x", [proxied("fortio"), container("istio-proxy", seconds, 4 * cpu)]),
        pod("bench-sidecar", "server-y", [proxied("istio-proxy")]),
        pod("bench-waypoint", "waypoint-z", [proxied("istio-proxy")]),
        pod("istio-system", "ztunnel-b", [proxied("istio-proxy", 30)]),
      ],
      control: [
        pod("istio-system", "ztunnel-c", [proxied("istio-proxy", 50)]),
        pod("istio-system", "istiod-c", [proxied("discovery")]),
        pod("bookinfo", "reviews-v1", [container("istio-proxy", seconds, 9 * cpu)]),
      ],
    };
    return Object.entries(pods).flatMap(([node, found]) => parseSummary(node, { node: {}, pods: found }));
  };
  const endpoints = (changed: Partial<Endpoints> = {}): Endpoints => ({
    ...{ namespace: "bench-sidecar", client: "client", nodes: ["one", "two"], ...changed },
  });

  it("is the difference of the counters over the time between them, by component", () => {
    const usages = usageBetween(look(0, 1), look(20, 11), endpoints());
    assert.deepEqual(
      Object.entries(usages).map(([component, { cores }]) => [component, cores]),
      [
        ["client", 0.5],
        ["client proxy", 1],
        ["ztunnel", 1],
        ["server proxy", 0.5],
        ["istiod", 0.5],
      ],
    );
    assert.equal(
      usageBetween(look(0, 1), look(20, 11), endpoints({ namespace: "bench-waypoint" })).waypoint?.cores,
      0.5,
    );
  });

  it("counts the ztunnels of the two nodes, and not that of the control plane's node", () => {
    const { ztunnel } = usageBetween(look(0, 1), look(20, 11), endpoints());
    assert.deepEqual([ztunnel?.memory, ztunnel?.containers], [40 * 2 ** 20, 2]);
  });

  it("counts the client in use, and not the idle one", () => {
    const near = usageBetween(look(0, 1), look(20, 11), endpoints({ client: "client-near", nodes: ["two"] }));
    assert.deepEqual([near["client proxy"]?.cores, near["client proxy"]?.containers], [2, 1]);
    assert.deepEqual([near.client?.containers, near.ztunnel?.containers], [1, 1]);
  });

  it("has no CPU where counters did not advance or were reset", () => {
    const [stale, restarted] = [
      usageBetween(look(20, 1), look(20, 1), endpoints()),
      usageBetween(look(0, 9), look(20, 1), endpoints()),
    ];
    assert.equal(stale.client?.cores, undefined);
    assert.equal(restarted.client?.cores, undefined);
    assert.equal(restarted.client?.memory, 50 * 2 ** 20);
  });

  it("is empty where the kubelet reports no containers", () => {
    assert.deepEqual(parseSummary("one", { node: {} }), []);
    assert.deepEqual(parseSummary("one", { pods: [pod("a", "b", [{ name: "c" }])] }), []);
  });
});
