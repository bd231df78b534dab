import assert from "node:assert/strict";
import { egress } from "../../../components/verification/probes/egress";
import { mtls } from "../../../components/verification/probes/mtls";
import { tokens } from "../../../components/verification/probes/tokens";
import {
  ambientShop,
  egress as egressGateway,
  ingress,
  type PolicySettings,
  shopModel,
  workload,
} from "../../support/policy-models";
import { linesFor, planOf } from "./plans";

describe("the probes of mTLS", () => {
  const reason = "until the last client has moved";

  it("send plain text to services and pods, and read the server's certificate", () => {
    const plain = "plain text is refused (STRICT) {answers=[reset]}";
    const lines = linesFor(mtls, shopModel({}));
    assert.deepEqual(lines.slice(0, 4), [
      "mtls the mesh: plain text is refused",
      `  effect outside GET /talos-mesh-probe to shop/front -> ${plain}`,
      `  effect outside GET /talos-mesh-probe to shop/front, at its pod -> ${plain}`,
      "  effect stranger GET /talos-mesh-probe to shop/front: its certificate -> the certificate of shop/front {answers=[application,denied,token refused,rate limited] server=spiffe://cluster.local/ns/shop/sa/front-account certificateSeconds=86400}",
    ]);
  });

  it("have one for each exception, which accepts plain text", () => {
    const peerAuthentication = [
      { workload: "ratings", mode: "PERMISSIVE" as const, reason },
      { workload: "reviews", ports: { 9080: "DISABLE" as const }, reason },
    ];
    const probes = mtls(planOf(shopModel({ security: { peerAuthentication } })));
    assert.deepEqual(
      probes.map(({ name, objects, expectation }) => [name, ...(objects ?? []), expectation]),
      [
        ["mtls the mesh", "PeerAuthentication istio-system/default", "plain text is refused"],
        ["mtls shop/reviews", "PeerAuthentication shop/reviews.mtls", "plain text is accepted (DISABLE)"],
        ["mtls shop/ratings", "PeerAuthentication shop/ratings.mtls", "plain text is accepted (PERMISSIVE)"],
      ],
    );
  });

  it("have a client of the mesh that gets through to the port, where no certificate shows that its server is there", () => {
    const through = "gets through {answers=[application,denied,token refused,rate limited]}";
    const ports = [{ port: 9000, protocol: "tcp" as const }];
    const tcp = linesFor(mtls, shopModel({}, { workloads: [workload("front"), { ...workload("ratings"), ports }] }));
    assert.ok(tcp.includes(`  control tcp front to shop/ratings -> it ${through}`), tcp.join("\n"));
    const ambient = linesFor(mtls, ambientShop({}));
    assert.equal(ambient.filter((line) => line.startsWith("  control front GET")).length, 3, ambient.join("\n"));
  });

  describe("where ztunnel closes plain text in any case", () => {
    const authorization = { default: "deny" as const, allow: [{ to: "ratings", from: ["front"] }] };

    it("send it to a pod of their own, which answers a client in the mesh", () => {
      assert.deepEqual(linesFor(mtls, ambientShop({ security: { authorization } })), [
        "mtls the mesh: plain text is refused",
        "  effect outside to a pod without rules -> plain text is refused (STRICT) {answers=[reset]}",
        "  control stranger to a pod without rules -> it answers {answers=[application]}",
      ]);
    });

    it("send it there also where no client of the mesh gets through to a workload", () => {
      const deny = [{ to: "ratings", principals: ["*"] }];
      const ratings = { ...workload("ratings"), ports: [{ port: 9000, protocol: "tcp" as const }] };
      assert.deepEqual(
        linesFor(mtls, shopModel({ security: { authorization: { deny } } }, { workloads: [ratings] })).slice(1),
        [
          "  effect outside to a pod without rules -> plain text is refused (STRICT) {answers=[reset]}",
          "  control stranger to a pod without rules -> it answers {answers=[application]}",
        ],
      );
    });

    it("cannot tell where a rule of the whole mesh applies to that pod as well", () => {
      const deny = [{ to: "*", from: ["front"] }];
      assert.match(
        linesFor(mtls, ambientShop({ security: { authorization: { ...authorization, deny } } }))[1] ?? "",
        /not measurable: .* and 2 more alike: with or without mTLS/,
      );
    });

    it("cannot tell for an exception", () => {
      const peerAuthentication = [{ workload: "ratings", mode: "PERMISSIVE" as const, reason }];
      const lines = linesFor(mtls, ambientShop({ security: { authorization, peerAuthentication } }));
      assert.match(lines.join("\n"), /mtls shop\/ratings: plain text is accepted \(PERMISSIVE\)\n.*not measurable/);
    });
  });

  it("are refuted by a rule that reads a request which mTLS should have refused", () => {
    const [probe] = mtls(planOf(shopModel({})));
    assert.ok(probe?.series[0]?.refutedBy?.includes("denied"));
  });
});

describe("the probes of tokens", () => {
  const issuer = "https://a.example";
  const settings: PolicySettings = {
    security: { jwt: [{ workload: "ratings", issuer, audiences: ["shop"], requireClaims: { role: ["admin"] } }] },
  };
  const start = "  effect front GET /talos-mesh-probe to shop/ratings, ";
  const refused = "401: its token is not valid {answers=[token refused] status=[401]}";

  it("refuse tokens that are not valid, without a key of the issuer", () => {
    assert.deepEqual(linesFor(tokens, shopModel(settings)), [
      `tokens shop/ratings: tokens of ${issuer}, and no others, are accepted; valid tokens of ${issuer} are not measured: verification.tokens has no key`,
      `${start}no token -> 403: it has no token {answers=[denied] status=[403] policy=shop/ratings.jwt}`,
      `${start}malformed token in place of one of ${issuer} -> ${refused}`,
      `${start}token of another issuer in place of one of ${issuer} -> ${refused}`,
      `${start}badly signed token of ${issuer} -> ${refused}`,
      `${start}malformed token in place of one of ${issuer} in parameter access_token -> ${refused}`,
    ]);
  });

  it("accept valid ones with the claims that are required, with a key", () => {
    const lines = linesFor(tokens, shopModel(settings), { tokens: [{ issuer, signingKey: { secret: "key" } }] });
    const [, , , , , ...others] = lines;
    const valid = `  effect front GET /talos-mesh-probe (a token of ${issuer}) to shop/ratings, `;
    assert.deepEqual(others, [
      `${start}expired token of ${issuer} -> ${refused}`,
      `${start}token for another audience of ${issuer} -> ${refused}`,
      `${start}malformed token in place of one of ${issuer} in parameter access_token -> ${refused}`,
      `${valid}valid token of ${issuer} -> allowed {answers=[application]}`,
      `${valid}valid token of ${issuer} in parameter access_token -> allowed {answers=[application]}`,
      `${valid}token of ${issuer} without role -> 403: its token has no role {answers=[denied] status=[403] policy=shop/ratings.jwt}`,
    ]);
  });

  it("look for them where the settings say, at a gateway too, where they may be optional", () => {
    const services = [{ host: "front", gateways: ["ingress"], hosts: ["shop.example.com"], http: [{}] }];
    const jwt = [
      {
        workload: "ingress",
        issuer,
        required: false,
        fromHeaders: [{ name: "x-token", prefix: "T " }],
        fromCookies: ["t"],
      },
    ];
    const [probe] = tokens(planOf(shopModel({ traffic: { services }, security: { jwt } })));
    assert.deepEqual(
      probe?.series.map(({ request: { to, token }, expect }) => [
        to.kind,
        token ? `${token.wrong} ${JSON.stringify(token.in)}` : "none",
        expect.kind === "every" ? expect.outcome.answers?.join() : "",
      ]),
      [
        ["gateway", "none", "application"],
        ["gateway", 'malformed {"header":"x-token","prefix":"T "}', "token refused"],
        ["gateway", 'issuer {"header":"x-token","prefix":"T "}', "token refused"],
        ["gateway", 'signature {"header":"x-token","prefix":"T "}', "token refused"],
        ["gateway", 'malformed {"cookie":"t"}', "token refused"],
      ],
    );
  });
});

describe("the probes of egress", () => {
  const allow = [{ from: "front", hosts: ["api.example.com"], ports: [443] }];

  it("refuse each workload the hosts of others, an unknown one, and an address", () => {
    const lines = linesFor(egress, shopModel({ security: { egress: { allow } } }));
    const closed = (host: string) =>
      `Sidecar shop/reviews.scope has no port 443 of ${host}: its connection is closed {answers=[blocked,reset,denied]}`;
    const from = lines.indexOf("egress from shop/reviews: 5 requests to other hosts than the allowed ones are refused");
    assert.deepEqual(lines.slice(from + 1, from + 6), [
      `  effect https reviews to api.example.com:443 within 5 s -> ${closed("api.example.com")}`,
      "  effect http reviews to talos-mesh-probe.test:80 -> Sidecar shop/reviews.scope has no port 80 of talos-mesh-probe.test: 502 {answers=[blocked] status=[502]}",
      `  effect https reviews to talos-mesh-probe.test:443 within 5 s -> ${closed("talos-mesh-probe.test")}`,
      "  effect http reviews to 192.0.2.1:80 -> Sidecar shop/reviews.scope has no port 80 of 192.0.2.1: 502 {answers=[blocked] status=[502]}",
      `  effect https reviews to 192.0.2.1:443 within 5 s -> ${closed("192.0.2.1")}`,
    ]);
    assert.deepEqual(lines.slice(-3), [
      "egress to shop/api.example.com: 1 request reach it",
      "  effect https front to api.example.com:443 -> it reaches api.example.com {answers=[application] sentTo=api.example.com}",
      "  control https outside to api.example.com:443 -> api.example.com answers {answers=[application]}",
    ]);
  });

  it("send HEAD, and nothing to an address that the workload's proxy refuses", () => {
    const requests = egress(planOf(shopModel({ security: { egress: { allow } } }))).flatMap(({ series }) => series);
    assert.ok(requests.every(({ request }) => request.method === "HEAD" && request.path === "/"));
    const refused = requests.filter(
      ({ expect }) => expect.kind === "every" && expect.outcome.answers?.includes("blocked"),
    );
    assert.ok(refused.length > 10);
    for (const {
      request: { to },
      refutedBy,
    } of refused) {
      assert.ok(to.kind === "external" && (to.address ?? to.host) === "192.0.2.1");
      assert.ok(refutedBy?.includes("no answer"));
    }
  });

  it("are denied by a waypoint, where the CNI decides on other hosts", () => {
    const http = [{ ...allow[0]!, ports: [80], protocol: "HTTP" as const }];
    const lines = linesFor(egress, ambientShop({ security: { egress: { allow: http } } }));
    assert.deepEqual(lines.slice(0, 3), [
      "egress to shop/api.example.com: 1 request reach it, 2 are refused",
      "  effect http front to api.example.com:80 -> it reaches api.example.com {answers=[application] sentTo=api.example.com}",
      "  effect http reviews to api.example.com:80 -> AuthorizationPolicy shop/api.example.com.way-out does not allow it: 403 {answers=[denied] status=[403] policy=none}",
    ]);
    assert.deepEqual(lines.slice(-2), [
      "egress from shop/egress-only: requests to other hosts than the allowed ones are refused",
      "  not measurable: whether the cluster's CNI enforces NetworkPolicy is not known",
    ]);
  });

  it("say that the policy of an egress gateway does not show behind sidecars", () => {
    const settings: PolicySettings = { security: { egress: { mode: "egressGateway", allow } } };
    const lines = linesFor(egress, shopModel(settings, { gateways: [ingress, egressGateway] }));
    assert.deepEqual(lines.slice(-2), [
      "egress at gateway egress: it takes requests for a host from the workloads that may reach it",
      "  not measurable: the sidecars of other workloads refuse their requests before they come to it",
    ]);
  });

  it("are one for the mesh where REGISTRY_ONLY alone restricts it, and none where nothing does", () => {
    const names = (...given: Parameters<typeof shopModel>) =>
      egress(planOf(shopModel(...given))).map(({ name }) => name);
    const externalServices = [{ hosts: ["api.example.com"], ports: [{ number: 443, protocol: "TLS" as const }] }];
    const closed = { outboundTrafficPolicy: "REGISTRY_ONLY" as const };
    assert.deepEqual(names({ traffic: { externalServices } }, closed), [
      "egress from the mesh",
      "egress to shop/api.example.com",
    ]);
    assert.deepEqual(names({ traffic: { externalServices } }), []);
  });
});
