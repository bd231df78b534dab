import assert from "node:assert/strict";
import { endingOf } from "../../../components/verification/evaluation/answers";
import type { Answer, Series } from "../../../components/verification/probe";
import { observationOf, recordOf, seriesOf } from "./observations";

const series = seriesOf({});
const fromOutside = seriesOf({ client: { kind: "outside" } });
const tcp = (timeoutSeconds?: number) => seriesOf({ request: { ...series.request, scheme: "tcp", timeoutSeconds } });
const toExternal = seriesOf({ request: { to: { kind: "external", host: "other.example", port: 443 } } });

describe("who ended a request, by the record of a proxy", () => {
  /** Status, flags and details as proxies of Istio wrote them. */
  const lines: readonly (readonly [line: string, answer: Answer])[] = [
    ["403 - rbac_access_denied_matched_policy[ns[shop]-policy[echo.deny]-rule[0]]", "denied"],
    ["403 - rbac_access_denied_matched_policy[none]", "denied"],
    ["403 UAEX ext_authz_denied", "denied"],
    ["401 - jwt_authn_access_denied{Jwt_verification_fails}", "token refused"],
    ["401 - jwt_authn_access_denied{Jwt_issuer_is_not_configured}", "token refused"],
    ["403 - jwt_authn_access_denied{Audiences_in_Jwt_are_not_allowed}", "token refused"],
    ["404 NR route_not_found", "no route"],
    ["503 NC cluster_not_found", "no route"],
    ["302 - direct_response", "rule"],
    ["422 - direct_response", "rule"],
    ["503 FI fault_filter_abort", "fault"],
    ["418 DI,FI fault_filter_abort", "fault"],
    ["503 UO upstream_reset_before_response_started{overflow}", "overflow"],
    ["503 URX,UO upstream_reset_before_response_started{overflow}", "overflow"],
    ["504 UT response_timeout", "timeout"],
    ["504 UT upstream_response_timeout", "timeout"],
    ["504 UT upstream_per_try_timeout", "timeout"],
    ["429 RL local_rate_limited", "rate limited"],
    ["429 RL request_rate_limited", "rate limited"],
    ["503 UH no_healthy_upstream", "unreachable"],
    [
      "503 URX,UF upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_Connection_refused}",
      "unreachable",
    ],
    ["503 UF upstream_reset_before_response_started{connection_timeout}", "unreachable"],
    [
      "503 URX,UF upstream_reset_before_response_started{remote_connection_failure|TLS_error:|268435581:SSL_routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED:TLS_error_end}",
      "reset",
    ],
    ["503 UC upstream_reset_before_response_started{connection_termination}", "reset"],
    ["503 UPE upstream_reset_before_response_started{protocol_error}", "reset"],
    ["0 NR filter_chain_not_found", "reset"],
    // A name that a later Envoy may use: its flag decides.
    ["503 UO something_new", "overflow"],
    ["200 - via_upstream", "application"],
    ["503 URX via_upstream", "application"],
  ];
  for (const [line, answer] of lines) {
    it(`is "${answer}" for ${line}`, () => {
      const status = Number(line.slice(0, 3));
      const ending = endingOf(observationOf({ status, records: [recordOf("client", line)] }), series);
      assert.equal(ending.answer, answer);
    });
  }

  it("is a host that is not known where REGISTRY_ONLY sends it to the route block_all or to BlackHoleCluster", () => {
    const route = recordOf("client", "502 - direct_response", { route: "block_all", upstreamCluster: "" });
    const cluster = recordOf("client", "0 UH -", { route: "", upstreamCluster: "BlackHoleCluster" });
    for (const record of [route, cluster]) {
      const ending = endingOf(observationOf({ status: record.status, exitCode: 52, records: [record] }), toExternal);
      assert.equal(ending.answer, "blocked");
    }
  });

  it("names the policy that denied, or that none allowed", () => {
    const policyOf = (details: string) =>
      endingOf(observationOf({ status: 403, records: [recordOf("server", `403 - ${details}`)] }), series).policy;
    assert.equal(policyOf("rbac_access_denied_matched_policy[ns[shop]-policy[echo.deny]-rule[1]]"), "shop/echo.deny");
    assert.equal(policyOf("rbac_access_denied_matched_policy[none]"), "none");
    assert.equal(policyOf("ext_authz_denied"), undefined);
  });

  it("is the proxy at the server where the client's passed its answer on", () => {
    const records = [recordOf("client", "403 - via_upstream"), recordOf("server", "403 - rbac_access_denied")];
    const { answer, by } = endingOf(observationOf({ status: 403, records }), series);
    assert.deepEqual([answer, by?.proxy.side], ["denied", "inbound"]);
  });

  it("is the application behind both proxies, even if it answers 403 as a proxy would", () => {
    const records = [recordOf("client", "403 - via_upstream"), recordOf("server", "403 - via_upstream")];
    const body = "RBAC: access denied";
    assert.equal(endingOf(observationOf({ status: 403, body, records }), series).answer, "application");
  });

  it("is a proxy at the server whose log is not read, by the body of its answer", () => {
    const records = [recordOf("gateway", "403 - via_upstream")];
    const body = "RBAC: access denied";
    assert.equal(endingOf(observationOf({ status: 403, body, records }), series).answer, "denied");
    assert.equal(endingOf(observationOf({ status: 403, body: "no", records }), series).answer, "application");
  });

  it("is that of the last attempt where retries failed before", () => {
    const records = [
      recordOf("client", "200 URX via_upstream"),
      recordOf("server", "503 UF upstream_reset_before_response_started{remote_connection_failure}"),
      recordOf("server", "200 - via_upstream"),
    ];
    assert.equal(endingOf(observationOf({ status: 200, records }), series).answer, "application");
  });

  it("is not that of a mirrored copy", () => {
    const copy = recordOf("server", "200 - direct_response", { isMirrored: true });
    assert.equal(
      endingOf(observationOf({ records: [recordOf("client", "200 - via_upstream"), copy] }), series).answer,
      "application",
    );
  });

  it("is the client where it gave up waiting", () => {
    const records = [recordOf("client", "0 DC downstream_remote_disconnect")];
    assert.equal(endingOf(observationOf({ status: 0, exitCode: 28, records }), series).answer, "no answer");
  });
});

describe("who ended a request, by what the client saw", () => {
  const envoy = { server: "istio-envoy" };
  const application = { ...envoy, "x-envoy-upstream-service-time": "3" };
  const seen: readonly (readonly [string, Parameters<typeof observationOf>[0], Answer, Series?])[] = [
    ["403 RBAC: access denied", { status: 403, body: "RBAC: access denied" }, "denied"],
    ["401 Jwt is missing", { status: 401, body: "Jwt is missing" }, "token refused"],
    ["401 Jwt verification fails", { status: 401, body: "Jwt verification fails" }, "token refused"],
    ["403 audiences", { status: 403, body: "Audiences in Jwt are not allowed" }, "token refused"],
    ["503 fault filter abort", { status: 503, body: "fault filter abort" }, "fault"],
    ["429 local_rate_limited", { status: 429, body: "local_rate_limited" }, "rate limited"],
    ["503 no healthy upstream", { status: 503, body: "no healthy upstream" }, "unreachable"],
    ["504 upstream request timeout", { status: 504, body: "upstream request timeout" }, "timeout"],
    [
      "503 overflow",
      { status: 503, body: "upstream connect error or disconnect/reset before headers. reset reason: overflow" },
      "overflow",
    ],
    [
      "503 remote connection failure",
      {
        status: 503,
        body: "upstream connect error or disconnect/reset before headers. retried and the latest reset reason: remote connection failure",
      },
      "unreachable",
    ],
    [
      "503 connection termination",
      {
        status: 503,
        body: "upstream connect error or disconnect/reset before headers. reset reason: connection termination",
      },
      "reset",
    ],
    ["an empty 404 of Envoy", { status: 404, headers: envoy }, "no route"],
    ["an empty 404 of the application", { status: 404, headers: application }, "application"],
    ["an empty 301 of Envoy", { status: 301, headers: envoy }, "rule"],
    ["an empty 502 of Envoy", { status: 502, headers: envoy }, "blocked", toExternal],
    ["403 of another server", { status: 403, headers: { server: "gunicorn" }, body: "Forbidden" }, "application"],
    ["200", { status: 200 }, "application"],
    ["an answer on a TCP connection", { status: 0, exitCode: 0 }, "application"],
    ["curl's 6, no such name", { status: 0, exitCode: 6 }, "unreachable"],
    ["curl's 7, refused", { status: 0, exitCode: 7 }, "unreachable"],
    ["curl's 28, too late", { status: 0, exitCode: 28 }, "no answer"],
    ["curl's 28 without a connection", { status: 0, exitCode: 28, connected: false }, "unreachable"],
    ["curl's 28 without a TCP connection", { status: 0, exitCode: 28, connected: false }, "unreachable", tcp()],
    ["a TCP connection that is open when every proxy has given up", { status: 0, exitCode: 28 }, "application", tcp()],
    ["a TCP connection that a proxy may still be making", { status: 0, exitCode: 28 }, "no answer", tcp(3)],
    ["curl's 52 within the mesh", { status: 0, exitCode: 52 }, "denied"],
    ["curl's 56 from outside the mesh", { status: 0, exitCode: 56 }, "reset", fromOutside],
    ["curl's 35 to a host outside the mesh", { status: 0, exitCode: 35 }, "blocked", toExternal],
  ];
  for (const [name, observation, answer, of = series] of seen) {
    it(`is "${answer}" for ${name}`, () => {
      assert.equal(endingOf(observationOf(observation), of).answer, answer);
    });
  }

  it("leaves open why a connection was closed", () => {
    const { mayBe } = endingOf(observationOf({ status: 0, exitCode: 56 }), fromOutside);
    assert.deepEqual(mayBe, ["denied", "blocked"]);
  });
});
