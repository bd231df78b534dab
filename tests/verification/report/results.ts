import type {
  Observation,
  ProbeResult,
  SeriesResult,
  VerificationResult,
} from "../../../components/verification/result";

/** Results for the tests of reports: what a run of three services found, with one policy off. */

export const denied: Observation = {
  status: 403,
  exitCode: 0,
  connected: true,
  seconds: 0.012,
  headers: { server: "istio-envoy" },
  body: "RBAC: access denied",
  records: [
    {
      proxy: { kind: "sidecar", namespace: "shop", pod: "ratings-v1-abc", side: "inbound" },
      status: 403,
      flags: [],
      details: "rbac_access_denied_matched_policy[none]",
      connection: "",
      authority: "ratings:9080",
      method: "GET",
      path: "/ratings/0",
      upstreamCluster: "inbound|9080||",
      upstreamHost: "",
      attempts: 1,
      route: "default",
      start: 1_800_000_000,
      client: "spiffe://cluster.local/ns/shop/sa/front",
      clientCertificateEnd: 1_800_086_400,
      server: "spiffe://cluster.local/ns/shop/sa/ratings",
      seconds: 0.001,
      isMirrored: false,
    },
  ],
};

export function series(given: Partial<SeriesResult> & Pick<SeriesResult, "from" | "to">): SeriesResult {
  return {
    title: `${given.from} ${given.request ?? "GET /"}`,
    role: "effect",
    request: "GET /",
    expected: "an answer of the application",
    expectedAnswers: ["application"],
    verdict: "holds",
    count: 3,
    measured: "3 of 3: an answer of the application",
    evidence: "the client's sidecar and the server's sidecar",
    ...given,
  };
}

export function probe(given: Partial<ProbeResult> & Pick<ProbeResult, "name">): ProbeResult {
  return {
    kind: "authorization",
    path: ["security", "authorization", "allow", 0],
    expectation: "reviews may call it, others may not",
    verdict: "holds",
    series: [],
    seconds: 1.5,
    objects: ["AuthorizationPolicy shop/ratings"],
    ...given,
  };
}

const refused = { expected: "403 by authorization", expectedAnswers: ["denied"] as const };

export const result: VerificationResult = {
  schemaVersion: 1,
  stack: "shop",
  run: "k3j9",
  startedAt: "2026-11-30T12:00:00.000Z",
  seconds: 61.2,
  mesh: { version: "1.31.1", dataPlane: "sidecar" },
  verdict: "fails",
  statistics: { falseAlarm: 0.001, tests: 1, alpha: 0.0003, power: 0.99, deviation: 10 },
  requests: 1234,
  probes: [
    probe({
      name: "authorization reviews",
      series: [
        series({ from: "front", to: "reviews:9080" }),
        series({ from: "stranger", to: "reviews:9080", ...refused, measured: "3 of 3: 403 by authorization" }),
      ],
    }),
    probe({
      name: "authorization ratings",
      verdict: "fails",
      reason: "front gets no answer of ratings: no rule allowed it",
      series: [
        series({ from: "reviews", to: "ratings:9080" }),
        series({ from: "reviews", to: "ratings:9080", request: "POST /nonce", ...refused }),
        series({
          from: "front",
          to: "ratings:9080",
          request: "GET /ratings/0 x-note: <b>&",
          verdict: "fails",
          measured: "0 of 3: an answer of the application; 3: 403 by authorization",
          failure: { request: "GET http://ratings:9080/ratings/0", observation: denied, reason: "no rule allowed it" },
        }),
      ],
    }),
    probe({
      name: "weights reviews http[0]",
      kind: "weights",
      path: ["traffic", "services", 0, "http", 0],
      expectation: "20% to v1, 80% to v2",
      series: [
        series({
          from: "front",
          to: "reviews:9080",
          count: 800,
          measured: "v1 19.5%, v2 80.5%",
          shares: [
            { title: "v1", expected: 0.2, measured: 0.195, low: 0.15, high: 0.25 },
            { title: "v2", expected: 0.8, measured: 0.805, low: 0.75, high: 0.85 },
          ],
        }),
      ],
    }),
    probe({
      name: "faults ratings http[0]",
      kind: "faults",
      path: ["traffic", "services", 1, "http", 0, "fault"],
      expectation: "30% get 503",
      verdict: "control failed",
      reason: "denied by AuthorizationPolicy shop/ratings, see authorization ratings",
      series: [],
    }),
    probe({
      name: "mirrors reviews http[0]",
      kind: "mirrors",
      expectation: "v3 sees a copy of each request",
      verdict: "not measurable",
      reason: "ztunnel has no record of requests",
    }),
  ],
  notes: ["The proxy <edge> writes more than is read of its log"],
  health: [
    { level: "ok", subject: "versions", message: "12 proxies of 1.31.1" },
    { level: "warning", subject: "certificates", message: "ends in 3 h", next: "restart istiod" },
  ],
  phases: [
    { name: "clients", seconds: 20.1 },
    { name: "requests", seconds: 41.1 },
  ],
};
