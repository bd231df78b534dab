import assert from "node:assert/strict";
import { compilePolicies } from "../../policies/compile";
import { explain } from "../../policies/explain/explain";
import {
  ambientSources,
  ingress,
  type Overrides,
  type PolicySettings,
  refusals,
  shopModel,
  shopSources,
  workload,
} from "../support/policy-models";

type Security = NonNullable<PolicySettings["security"]>;
type Authorization = NonNullable<Security["authorization"]>;
type Jwt = NonNullable<Security["jwt"]>[number];

const rules = (authorization: Authorization): PolicySettings => ({ security: { authorization } });
const tokens = (...jwt: Omit<Jwt, "workload">[]): PolicySettings => ({
  security: { jwt: jwt.map((entry) => ({ workload: "front", ...entry })) },
});
const permissive: Overrides = { mtls: "PERMISSIVE" };
const mixed = { ...workload("ratings"), ports: [{ name: "http", port: 9080, protocol: "http" as const }] };
const withTcp = { ...mixed, ports: [...mixed.ports, { name: "db", port: 3306, protocol: "tcp" as const }] };
const [a, b] = ["https://a.example.com", "https://b.example.com"];

describe("validation of access rules refuses", () => {
  const refused: Readonly<Record<string, [PolicySettings, Overrides, string[]]>> = {
    "an address where the peer is a gateway": [
      rules({ deny: [{ to: "front", from: ["ingress"], ipBlocks: ["192.0.2.0/24"] }] }),
      {},
      [
        "security.authorization.deny[0].ipBlocks: the peer is the pod of gateway ingress, not its client; " +
          "use remoteIpBlocks, which the gateway passes on, or write the rule for the gateway: { to: ingress, remoteIpBlocks: [...] }",
      ],
    ],
    "an identity at a gateway, whose clients have none": [
      rules({ allow: [{ to: "ingress", from: ["front"] }] }),
      {},
      [
        "security.authorization.allow[0].from: clients of gateway ingress have no identity of the mesh; " +
          "use remoteIpBlocks, claims or requestPrincipals, or write the rule for the workloads behind it",
      ],
    ],
    "an allow rule that excludes an identity where plain text has none": [
      rules({ allow: [{ to: "ratings", notFrom: ["front"] }] }),
      permissive,
      [
        "security.authorization.allow[0].notFrom: ratings also accepts plain text (PERMISSIVE), where a client has no identity and this rule matches; " +
          "make it STRICT, or use deny rules with the opposite condition instead",
      ],
    ],
    "a deny rule by a foreign identity where plain text has none": [
      rules({ deny: [{ to: "ratings", principals: ["partner.example/ns/shop/sa/till"] }] }),
      permissive,
      [
        "security.authorization.deny[0].principals: ratings also accepts plain text (PERMISSIVE), where a client has no identity and this rule does not match; " +
          "make it STRICT, or use allow rules instead",
      ],
    ],
    "an issuer without a subject": [
      {
        security: {
          ...tokens({ issuer: a }).security,
          ...rules({ allow: [{ to: "front", requestPrincipals: [a] }] }).security,
        },
      },
      {},
      [`security.authorization.allow[0].requestPrincipals: found ${a}, an issuer without a subject; write ${a}/*`],
    ],
    "a request principal where no token is accepted": [
      rules({ deny: [{ to: "front", notRequestPrincipals: ["*"] }] }),
      {},
      [
        "security.authorization.deny[0].notRequestPrincipals: front accepts no token, so no request has claims; " +
          "add an entry of talos-mesh:security.jwt for it",
      ],
    ],
    "a deny rule of HTTP that would close a port of TCP": [
      rules({ deny: [{ to: "ratings", notMethods: ["GET"] }] }),
      { workloads: [withTcp] },
      [
        "security.authorization.deny[0].notMethods: would hold for every connection to port 3306 (tcp) of ratings, which is not HTTP; add ports: [9080]",
      ],
    ],
    "an allow rule of HTTP for a port of TCP": [
      rules({ allow: [{ to: "ratings", ports: [3306], methods: ["GET"] }] }),
      { workloads: [withTcp] },
      [
        "security.authorization.allow[0].methods: matches no connection to port 3306 (tcp) of ratings, which is not HTTP; " +
          "write a rule of its own for the port, without methods",
      ],
    ],
    "an allow rule of HTTP for a workload without HTTP": [
      rules({ allow: [{ to: "ratings", paths: ["/a"] }] }),
      { workloads: [{ ...withTcp, ports: withTcp.ports.filter(({ protocol }) => protocol === "tcp") }] },
      [
        "security.authorization.allow[0].paths: matches no connection to port 3306 (tcp) of ratings, which is not HTTP; " +
          "write a rule of its own for the port, without paths",
      ],
    ],
    "an address of the client that an external authorizer would be asked by": [
      {
        security: {
          extensionProviders: [
            { name: "opa", envoyExtAuthzGrpc: { service: "opa.opa.svc.cluster.local", port: 9191 } },
          ],
          authorization: { external: [{ to: "front", provider: "opa", notRemoteIpBlocks: ["192.0.2.0/24"] }] },
        },
      },
      {},
      [
        "security.authorization.external[0].notRemoteIpBlocks: any client in the mesh can send an X-Forwarded-For of its own; " +
          "write the rule for the gateway, or with from: [gateway]; the address of the peer is ipBlocks",
      ],
    ],
    "entries of one issuer with too many combinations of claims": [
      tokens(
        ...Array.from({ length: 6 }, () => ({
          issuer: a,
          requireClaims: { role: ["x"], team: ["y"], shop: ["z"] },
        })),
      ),
      {},
      [
        `security.jwt[0]: 6 entries of issuer ${a} with several claims each need 729 rules; ` +
          "require the token by one entry, and the claims by authorization.allow rules with claims",
      ],
    ],
    "tokens for a namespace with a port of TCP": [
      { security: { jwt: [{ workload: "shop/*", issuer: a }] } },
      { workloads: [withTcp] },
      [
        "security.jwt[0]: ratings in namespace shop has port 3306 (tcp), whose connections have no token and would be denied; write one entry for each workload",
      ],
    ],
    "two issuers for one path, of which a request has one": [
      tokens({ issuer: a, paths: ["/api/*"] }, { issuer: b, paths: ["/api/admin/*"] }),
      {},
      [
        `security.jwt[0]: a request for /api/admin/* needs a token of ${a} and one of ${b}, and has one only; ` +
          "give both entries the same paths, where one of the two is enough, or exclude the paths of one by notPaths of the other",
      ],
    ],
    "keys behind mTLS, which istiod does not speak": [
      tokens({ issuer: a, jwksUri: "http://ratings.shop.svc.cluster.local:9080/keys" }),
      {},
      [
        "security.jwt[0].jwksUri: istiod fetches the keys in plain text, which ratings refuses (STRICT); " +
          "add { namespace: shop, workload: ratings, mode: PERMISSIVE } to talos-mesh:security.peerAuthentication, or use jwks",
      ],
    ],
    "routes by claims without tokens, and in the mesh": [
      {
        traffic: {
          services: [
            { host: "front", gateways: ["ingress"], hosts: ["shop.example.com"], http: [byClaim()] },
            { host: "front", http: [byClaim()] },
          ],
        },
      },
      {},
      [
        'traffic.services[1].http[0].match[0].headers["@request.auth.claims.group"]: Istio routes by claims at gateways only; ' +
          "move this rule to an entry with gateways, or use a header that claimsToHeaders sets there",
        'traffic.services[0].http[0].match[0].headers["@request.auth.claims.group"]: gateway ingress accepts no token, so no request has claims; ' +
          "add { workload: ingress, issuer: ... } to talos-mesh:security.jwt",
      ],
    ],
  };

  for (const [what, [settings, overrides, expected]] of Object.entries(refused)) {
    it(what, () => assert.deepEqual(refusals(shopSources(settings, overrides)), expected));
  }

  it("in ambient, what ztunnel and a tunnel do not see", () => {
    const given = rules({
      deny: [
        { to: "ratings", notIpBlocks: ["10.0.0.0/8"], sni: ["a.example.com"] },
        { to: "ratings", notMethods: ["GET"], dryRun: true },
      ],
    });
    const fields = (overrides: Overrides) =>
      refusals(ambientSources(given, overrides)).map((problem) => problem.split(": ")[0]);
    assert.deepEqual(fields({}), [
      "security.authorization.deny[0].notIpBlocks",
      "security.authorization.deny[0].sni",
      "security.authorization.deny[1].dryRun",
    ]);
    assert.deepEqual(fields({ waypoints: [] }), [
      "security.authorization.deny[0]",
      "security.authorization.deny[1]",
      "security.authorization.deny[1].dryRun",
    ]);
  });

  it("policies for the whole mesh, and for part of a namespace, where waypoints enforce them", () => {
    const messages = (to: string, overrides: Overrides) =>
      refusals(ambientSources(rules({ deny: [{ to, ports: [9080] }] }), overrides));
    assert.deepEqual(messages("*", {}), [
      "security.authorization.deny[0]: a policy for the whole mesh does not apply to the waypoint of namespace shop; " +
        "write one entry for each namespace instead: shop/*",
    ]);
    assert.deepEqual(messages("*", { waypoints: [] }), []);
    const ofService = {
      waypoints: [{ name: "ratings-waypoint", namespace: "shop", service: "ratings", ingress: true }],
    };
    assert.deepEqual(messages("shop/*", ofService), [
      "security.authorization.deny[0]: front has no waypoint, and others of namespace shop have one, where the same policy needs another form; " +
        "add { namespace: shop } to talos-mesh:mesh.waypoints, or name the workloads one by one",
    ]);
    assert.deepEqual(messages("shop/*", { gateways: [{ ...ingress, namespace: "shop" }] }), [
      "security.authorization.deny[0]: namespace shop has the gateway ingress besides workloads behind the waypoint of namespace shop, which one policy cannot select; " +
        "name the workloads one by one",
    ]);
  });
});

function byClaim() {
  return { match: [{ headers: { "@request.auth.claims.group": { exact: "testers" } } }], timeout: "1s" };
}

describe("requirements of tokens", () => {
  it("may differ by path where one token meets them, or paths exclude each other", () => {
    for (const settings of [
      tokens({ issuer: a, paths: ["/api/*"] }, { issuer: b, paths: ["/shop/*"] }),
      tokens({ issuer: a, notPaths: ["/api/admin/*"] }, { issuer: b, paths: ["/api/admin/*"] }),
      tokens({ issuer: a, paths: ["/api/*"] }, { issuer: a, paths: ["/api/admin/*"], requireClaims: { role: ["x"] } }),
      tokens({ issuer: a, required: false }, { issuer: b, paths: ["/api/*"] }),
    ]) {
      assert.deepEqual(refusals(shopSources(settings)), []);
    }
  });

  it("leave connections to other ports alone", () => {
    const model = shopModel({ security: { jwt: [{ workload: "ratings", issuer: a }] } }, { workloads: [withTcp] });
    const policy = compilePolicies(model).find(({ metadata }) => metadata.name === "ratings.jwt");
    assert.deepEqual((policy?.spec as { readonly rules: unknown }).rules, [
      {
        from: [{ source: { notRequestPrincipals: [`${a}/*`] } }],
        to: [{ operation: { notPorts: ["3306"] } }],
      },
    ]);
  });

  it("are none where a token is optional", () => {
    const model = shopModel(tokens({ issuer: a, required: false }));
    assert.deepEqual(
      compilePolicies(model).map(({ kind }) => kind),
      ["PeerAuthentication", "RequestAuthentication"],
    );
    const request = { from: "reviews", to: "front", method: "GET", path: "/", headers: {} };
    assert.equal(explain(model, request).outcome, "passes");
  });
});

describe("many rules for one target", () => {
  it("are in several objects, of which the CRD accepts each", () => {
    const allow = Array.from({ length: 1100 }, (_, index) => ({ to: "ratings", paths: [`/part-${index}/*`] }));
    const model = shopModel(rules({ allow }));
    const policies = compilePolicies(model).filter(({ kind }) => kind === "AuthorizationPolicy");
    const sizes = policies.map(({ metadata, spec }) => [
      metadata.name,
      (spec as { readonly rules: readonly unknown[] }).rules.length,
    ]);
    assert.deepEqual(sizes, [
      ["ratings.allow", 512],
      ["ratings.allow.2", 512],
      ["ratings.allow.3", 76],
    ]);
  });
});

describe("a rule that is a dry run", () => {
  const authorization: Authorization = {
    allow: [
      { to: "ratings", methods: ["GET"], dryRun: true },
      { to: "ratings", methods: ["POST"] },
    ],
    deny: [{ to: "ratings", headers: { "x-debug": ["*"] }, dryRun: true }],
  };

  it("is in an object of its own, and decides nothing", () => {
    const model = shopModel(rules(authorization));
    const policies = compilePolicies(model).filter(({ kind }) => kind === "AuthorizationPolicy");
    const annotated = policies.map(({ metadata: { name, annotations } }) => [name, annotations?.["istio.io/dry-run"]]);
    assert.deepEqual(annotated, [
      ["ratings.allow", undefined],
      ["ratings.allow.dry-run", "true"],
      ["ratings.deny.dry-run", "true"],
    ]);
    const outcome = (method: string) =>
      explain(model, { from: "front", to: "ratings", method, path: "/", headers: { "x-debug": "1" } }).outcome;
    assert.deepEqual([outcome("GET"), outcome("POST")], ["denied", "passes"]);
  });
});
