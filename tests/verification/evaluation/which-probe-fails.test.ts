import assert from "node:assert/strict";
import type { Answer, Expectation, ProbeKind, Series } from "../../../components/verification/probe";
import type { Observation, SeriesResult } from "../../../components/verification/result";
import {
  allowed,
  answered,
  byNone,
  byOther,
  byReviewsDeny,
  denied,
  ended,
  evaluate,
  judged,
  observationOf,
  recordOf,
} from "./observations";

describe("which probe fails", () => {
  type Verdict = SeriesResult["verdict"];
  type Case = readonly [name: string, expect: Expectation, seen: Observation, verdict: Verdict, more?: More];
  interface More {
    readonly series?: Partial<Series>;
    readonly objects?: readonly string[];
    readonly reason?: RegExp;
  }
  const every = (answer: Answer): Expectation => ({ kind: "every", outcome: { title: answer, answers: [answer] } });
  const through = (by: Parameters<typeof recordOf>[0], line: string, more: Parameters<typeof recordOf>[2] = {}) =>
    observationOf({ status: Number(line.slice(0, 3)), records: [recordOf(by, line, more)] });

  const cutOff: Expectation = { kind: "every", outcome: { title: "cut off", answers: ["denied", "reset"] } };

  const own = { objects: ["AuthorizationPolicy bookinfo/reviews.deny"] };
  const control: Partial<Series> = { role: "control" };
  const outside: Partial<Series> = { client: { kind: "outside" } };
  const external: Partial<Series> = { request: { to: { kind: "external", host: "other.example", port: 80 } } };
  const to = { kind: "gateway", namespace: "istio-ingress", service: "ingress", port: 80, host: "a.example" } as const;
  const gateway: Partial<Series> = { ...outside, request: { to } };
  const refused = observationOf({ status: 0, exitCode: 7, error: "Connection refused" });
  const cut = observationOf({ status: 0, exitCode: 52 });
  const closed = "upstream_reset_before_response_started{connection_termination}";
  const badToken = ended(401, "jwt_authn_access_denied{Jwt_is_expired}");
  const deniedInPlainText = through("server", "403 - rbac_access_denied_matched_policy[none]");
  const fault = through("client", "503 FI fault_filter_abort");
  const overflow = through("client", "503 UO upstream_reset_before_response_started{overflow}");
  const plainText = { ...outside, refutedBy: ["denied", "unreachable"] } as const;

  const cases: Readonly<Partial<Record<ProbeKind, readonly Case[]>>> = {
    authorization: [
      ["a denied client gets in", denied, answered("v1"), "fails"],
      ["a denied client gets in, as a control", denied, answered("v1"), "fails", { series: control }],
      ["an allowed client is denied, as no rule allows it", allowed, byNone, "fails"],
      ["an allowed client is denied by the probe's own policy", allowed, byReviewsDeny, "fails", own],
      [
        "an allowed client is denied by the policy of another probe",
        ...([allowed, byOther, "control failed"] as const),
        {
          ...own,
          reason: /denied with 403 by AuthorizationPolicy bookinfo\/mesh\.deny at the sidecar of .*-5f, which/,
        },
      ],
      ["the policy of another probe denies instead", denied, byOther, "control failed", own],
      ["the policy that should deny is off, and no rule allows it either", denied, byNone, "fails", own],
      [
        "a token is refused before the policy",
        ...([denied, badToken, "control failed"] as const),
        { reason: /refused for its token with 401 .* see the probes of tokens/ },
      ],
      ["its server is not there", denied, refused, "control failed", { reason: /see the health of its server/ }],
      ["ztunnel closes the connection of a denied client", every("denied"), cut, "holds"],
      ["ztunnel closes the connection of an allowed client", allowed, cut, "fails"],
      [
        "ztunnel closes the connection of a sidecar",
        ...([allowed, through("client", `503 UC ${closed}`), "fails"] as const),
        {
          reason:
            /cut off with 503 at the sidecar .*: the server, or the ztunnel of its node, takes no connection from it/,
        },
      ],
      [
        "ztunnel closes the connection of a waypoint",
        allowed,
        through("waypoint", `503 UC ${closed}`),
        "control failed",
      ],
      [
        "a client that should be cut off is answered",
        cutOff,
        observationOf({}),
        "fails",
        { reason: /no proxy enforced/ },
      ],
      ["another policy denies a control", allowed, byNone, "control failed", { series: control }],
      ["a control refutes it nevertheless", allowed, cut, "fails", { series: { ...control, refutedBy: ["denied"] } }],
    ],
    tokens: [
      ["a token that is not valid is answered", every("token refused"), answered("v1"), "fails"],
      [
        "a token that is not valid passes, and is denied later",
        ...([every("token refused"), byNone, "fails"] as const),
        { series: { refutedBy: ["denied"] } },
      ],
      ["a valid token is refused", allowed, badToken, "fails"],
      ["a valid token is denied by another policy", allowed, byNone, "control failed"],
      ["no rule allows it, as the policy that should deny it is off", denied, byNone, "fails", own],
    ],
    mtls: [
      [
        "plain text is answered",
        ...([every("reset"), through("server", "200 - via_upstream"), "fails"] as const),
        { series: outside, reason: /STRICT is not in effect yet/ },
      ],
      [
        "plain text comes to a rule",
        ...([every("reset"), deniedInPlainText, "fails"] as const),
        { series: plainText, reason: /STRICT is not in effect yet/ },
      ],
      ["there is no server, which refutes nothing", every("reset"), refused, "control failed", { series: plainText }],
      ["plain text is cut off where it is allowed", allowed, cut, "fails", { series: outside }],
      ["a policy denies a client in the mesh", allowed, byNone, "control failed"],
    ],
    egress: [
      ["a host that is not allowed answers", every("blocked"), observationOf({}), "fails", { series: external }],
      [
        "an allowed host is blocked",
        ...([allowed, through("client", "502 - direct_response", { route: "block_all" }), "fails"] as const),
        { series: external },
      ],
      [
        "a waypoint denies an allowed host",
        ...([allowed, through("waypoint", "403 - rbac_access_denied_matched_policy[none]"), "fails"] as const),
        { series: external },
      ],
      ["an allowed host is down", allowed, refused, "control failed", { series: external }],
    ],
    gateways: [
      [
        "it has no route for a host",
        allowed,
        through("gateway", "404 NR route_not_found"),
        "fails",
        { series: gateway },
      ],
      ["it takes no connection", allowed, refused, "fails", { series: gateway }],
      [
        "the service behind it is down",
        ...([allowed, through("gateway", "503 UH no_healthy_upstream"), "control failed"] as const),
        { series: gateway },
      ],
    ],
    weights: [["a gateway takes no connection", allowed, refused, "control failed", { series: gateway }]],
    routes: [
      ["a subset is not there", allowed, through("client", "503 NC cluster_not_found"), "fails"],
      ["ztunnel closes the connection", allowed, cut, "control failed"],
      [
        "a fault hides it",
        ...([allowed, fault, "control failed"] as const),
        { reason: /aborted by an injected fault with 503 .* see the probes of faults/ },
      ],
    ],
    timeouts: [["it is not kept", every("timeout"), answered("v1", { seconds: 2 }), "fails"]],
    "circuit-breakers": [["a client that is alone is refused", allowed, overflow, "fails"]],
    "rate-limits": [["too many pass", every("rate limited"), answered("v1"), "fails"]],
  };

  for (const [kind, ofKind] of Object.entries(cases)) {
    for (const [name, expect, seen, verdict, { series, objects, reason }] of ofKind.map(withMore)) {
      it(`${kind}: "${verdict}" where ${name}`, () => {
        const result = evaluate(seen, { expect, ...series }, { kind: kind as ProbeKind, objects });
        assert.equal(result.verdict, verdict, judged(result).join(": "));
        assert.equal(result.failure !== undefined, verdict !== "holds");
        if (reason) assert.match(result.failure?.reason ?? "", reason);
      });
    }
  }

  function withMore([name, expect, seen, verdict, more = {}]: Case) {
    return [name, expect, seen, verdict, more] as const;
  }

  it("is its own where one request of several shows it, whatever ended the others", () => {
    assert.equal(evaluate([refused, answered("v1"), refused], { expect: denied }).verdict, "fails");
  });
});
