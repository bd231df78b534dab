import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { evaluateSeries } from "../../../components/verification/evaluation/evaluate";
import { sampleSize, statisticsOf } from "../../../components/verification/evaluation/statistics";
import type { Expectation, ProbeKind, Series } from "../../../components/verification/probe";
import type { SeriesResult } from "../../../components/verification/result";
import { envoyOrSkip, programOrSkip } from "../../benchmark/real/tools";
import { runCommand } from "../../../components/shared/run-command";
import { cluster, MeshEnvoy, type Policy, toVersions, type } from "./mesh-envoy";

interface Case {
  readonly what: string;
  readonly kind: ProbeKind;
  readonly expect: Expectation;
  readonly series?: Partial<Series>;
  readonly policy: Policy;
  /** The policy off or wrong, and a part of the reason that is given for it. */
  readonly wrong: readonly (readonly [what: string, policy: Policy, reason: RegExp])[];
}

const fault = (value: object) => ({
  name: "envoy.filters.http.fault",
  typed_config: { ...type("filters.http.fault.v3.HTTPFault"), ...value },
});
const abort = (percent: number) => ({
  filters: [fault({ abort: { http_status: 503, percentage: { numerator: percent } } })],
});
const delay = (percent: number) => ({
  filters: [fault({ delay: { fixed_delay: "0.3s", percentage: { numerator: percent } } })],
});
const rbac = (action: "ALLOW" | "DENY") => ({
  name: "envoy.filters.http.rbac",
  typed_config: {
    ...type("filters.http.rbac.v3.RBAC"),
    rules: {
      action,
      policies: {
        "ns[shop]-policy[reviews]-rule[0]": {
          permissions: [{ url_path: { path: { prefix: "/reviews" } } }],
          principals: [{ any: true }],
        },
      },
    },
  },
});
const jwt = {
  name: "envoy.filters.http.jwt_authn",
  typed_config: {
    ...type("filters.http.jwt_authn.v3.JwtAuthentication"),
    providers: {
      origin: {
        issuer: "https://issuer.example.com",
        local_jwks: {
          inline_string:
            '{"keys":[{"kty":"EC","x":"g1fTN7eYb9aFnkWqrMbzP--vnRz9StogGNkW7XjFAH8","y":"qzlWO2qcDkrGY6fz9-eGW602Vyh3DgFuXK_eeRV39N4","crv":"P-256","kid":"a","alg":"ES256"}]}',
        },
      },
    },
    rules: [
      {
        match: { prefix: "/" },
        requires: { requires_any: { requirements: [{ provider_name: "origin" }, { allow_missing: {} }] } },
      },
    ],
  },
};
const breaker = {
  cluster: {
    circuit_breakers: { thresholds: [{ max_connections: 1, max_pending_requests: 1, max_requests: 1 }] },
  },
};
/** Older releases of Istio let Envoy add `-shadow` to the host of a copy. */
const mirror = (withSuffix: boolean, to = "v3") => ({
  route: {
    route: {
      cluster: cluster("v1"),
      request_mirror_policies: [{ cluster: cluster(to), disable_shadow_host_suffix_append: !withSuffix }],
    },
  },
});

const application = { title: "an answer of the application", answers: ["application"] } as const;
const toVersion = (version: string) => ({ ...application, title: version, version });

const cases: readonly Case[] = [
  {
    what: "weights of 15/25/60",
    kind: "weights",
    expect: {
      kind: "shares",
      outcomes: [
        { outcome: toVersion("v1"), share: 0.15 },
        { outcome: toVersion("v2"), share: 0.25 },
        { outcome: toVersion("v3"), share: 0.6 },
      ],
    },
    policy: { route: toVersions({ v1: 15, v2: 25, v3: 60 }) },
    wrong: [
      ["15/35/50", { route: toVersions({ v1: 15, v2: 35, v3: 50 }) }, /expected 25\.0% "v2"/],
      ["no weights", {}, /"v[23]" was not seen, as if the policy were off/],
    ],
  },
  {
    what: "an abort of 30%",
    kind: "faults",
    expect: {
      kind: "share",
      outcome: { title: "an injected 503", answers: ["fault"], status: [503] },
      share: 0.3,
      else: application,
    },
    policy: abort(30),
    wrong: [
      ["20%", abort(20), /expected .*an (injected 503|answer of the application)/],
      ["no abort", {}, /"an injected 503" was not seen/],
    ],
  },
  {
    what: "a delay of 50%",
    kind: "faults",
    expect: {
      kind: "share",
      outcome: { ...application, title: "0.3 s or more", atLeast: 0.3 },
      share: 0.5,
      else: { ...application, title: "less", atMost: 0.3 },
    },
    policy: delay(50),
    wrong: [["no delay", {}, /"0\.3 s or more" was not seen/]],
  },
  {
    what: "a denial by RBAC",
    kind: "authorization",
    expect: { kind: "every", outcome: { title: "403 by authorization", answers: ["denied"], policy: "none" } },
    series: { request: requestOf("/admin") },
    policy: { filters: [rbac("ALLOW")] },
    wrong: [["no rules", {}, /application/]],
  },
  {
    what: "a DENY rule",
    kind: "authorization",
    expect: { kind: "every", outcome: { title: "403 by the rule", answers: ["denied"], policy: "shop/reviews" } },
    policy: { filters: [rbac("DENY")] },
    wrong: [["no rules", {}, /application/]],
  },
  {
    what: "the refusal of a token that is not valid",
    kind: "tokens",
    expect: { kind: "every", outcome: { title: "401", answers: ["token refused"], status: [401] } },
    series: { request: requestOf("/reviews/0", { authorization: "Bearer not.a.token" }) },
    policy: { filters: [jwt] },
    wrong: [["no RequestAuthentication", {}, /application/]],
  },
  {
    what: "a circuit breaker that four clients open",
    kind: "circuit-breakers",
    expect: {
      kind: "some",
      outcomes: [
        { outcome: application, atLeast: 1 },
        { outcome: { title: "503 by the breaker", answers: ["overflow"], status: [503] }, atLeast: 1 },
      ],
    },
    series: { concurrency: 4, count: 60 },
    policy: breaker,
    wrong: [["no breaker", {}, /at least 1 times "503 by the breaker"/]],
  },
  {
    what: "a circuit breaker that one client leaves closed",
    kind: "circuit-breakers",
    expect: { kind: "every", outcome: application },
    series: { concurrency: 1, count: 20 },
    policy: breaker,
    wrong: [],
  },
  {
    what: "a mirror of every request",
    kind: "mirrors",
    expect: { kind: "every", outcome: { ...application, title: "a copy for v3", mirroredTo: "v3" } },
    policy: mirror(true),
    wrong: [["no mirror", {}, /copied to no pod/]],
  },
  {
    what: "a mirror that leaves the host as it is",
    kind: "mirrors",
    expect: { kind: "every", outcome: { ...toVersion("v1"), mirroredTo: "v3" } },
    policy: mirror(false),
    wrong: [["another mirror", mirror(false, "v2"), /copied to shop\/reviews-v2 only/]],
  },
  {
    what: "a mirror to the version that answers",
    kind: "mirrors",
    expect: { kind: "every", outcome: { ...toVersion("v1"), mirroredTo: "v1" } },
    policy: mirror(false, "v1"),
    wrong: [],
  },
];

function requestOf(target: string, headers: Readonly<Record<string, string>> = {}): Series["request"] {
  const to = { kind: "service", namespace: "shop", name: "reviews", port: 9080 } as const;
  return { to, path: target, headers };
}

describe("verification of a real Envoy", function () {
  this.timeout(120_000);
  let program: string;
  let folder: string;
  let envoy: MeshEnvoy | undefined;

  before(async function () {
    program = await envoyOrSkip(this);
  });
  beforeEach(() => (folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-verified-"))));
  afterEach(async () => {
    await envoy?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function judge({ kind, expect, series: given }: Case, policy: Policy): Promise<SeriesResult> {
    envoy = await MeshEnvoy.start(program, folder, policy);
    const series: Series = {
      title: "front GET /reviews/0",
      role: "effect",
      client: { kind: "workload", namespace: "shop", name: "front" },
      request: requestOf("/reviews/0"),
      expect,
      ...given,
    };
    const statistics = statisticsOf([expect], 10);
    const planned = { ...series, count: series.count ?? sampleSize(expect, statistics).count };
    const probe = { kind, objects: kind === "authorization" ? ["AuthorizationPolicy shop/reviews"] : [] };
    return evaluateSeries(probe, planned, await envoy.observe(planned), statistics);
  }

  for (const one of cases) {
    it(`finds that ${one.what} holds`, async () => {
      const { verdict, measured, failure, evidence } = await judge(one, one.policy);
      assert.equal(verdict, "holds", `${measured}: ${failure?.reason}`);
      assert.match(evidence, /sidecar/);
    });
    for (const [what, policy, reason] of one.wrong) {
      it(`finds that ${one.what} does not hold with ${what}`, async () => {
        const { verdict, measured, failure } = await judge(one, policy);
        assert.equal(verdict, "fails", measured);
        assert.match(failure?.reason ?? "", reason);
      });
    }
  }

  it("takes a weight for not measured, and not for wrong, where authorization denies the requests", async () => {
    const [weights] = cases as [Case];
    const { verdict, failure } = await judge(weights, { ...weights.policy, filters: [rbac("DENY")] });
    assert.equal(verdict, "control failed");
    assert.match(failure?.reason ?? "", /shop\/reviews/);
  });

  it("finds whether plain text is refused", async function () {
    const openssl = programOrSkip(this, "openssl", "Debian's package openssl");
    const [key, certificate] = [path.join(folder, "key.pem"), path.join(folder, "cert.pem")];
    const subject = [
      "-subj",
      "/O=cluster.local",
      "-addext",
      "subjectAltName=URI:spiffe://cluster.local/ns/shop/sa/reviews",
    ];
    const ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    await runCommand(openssl, ["req", "-x509", ...ec, ...subject, "-days", "1", "-keyout", key, "-out", certificate]);
    const plain: Case = {
      what: "STRICT",
      kind: "mtls",
      expect: { kind: "every", outcome: { title: "a closed connection", answers: ["reset"] } },
      series: { client: { kind: "outside" } },
      policy: {
        transportSocket: {
          name: "envoy.transport_sockets.tls",
          typed_config: {
            ...type("transport_sockets.tls.v3.DownstreamTlsContext"),
            require_client_certificate: true,
            common_tls_context: {
              tls_certificates: [{ certificate_chain: { filename: certificate }, private_key: { filename: key } }],
              validation_context: { trusted_ca: { filename: certificate } },
            },
          },
        },
      },
      wrong: [],
    };
    const strict = await judge(plain, plain.policy);
    assert.equal(strict.verdict, "holds", strict.measured);
    await envoy?.stop();
    const permissive = await judge(plain, {});
    assert.equal(permissive.verdict, "fails", permissive.measured);
  });
});
