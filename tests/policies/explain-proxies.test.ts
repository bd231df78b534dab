import assert from "node:assert/strict";
import { explain, type Question } from "../../policies/explain/explain";
import { ambientShop, type Overrides, type PolicySettings, shopModel } from "../support/policy-models";

type Rule = NonNullable<NonNullable<NonNullable<PolicySettings["traffic"]>["services"]>[number]["http"]>[number];

describe("the explanation of a request, proxy by proxy", () => {
  const question: Question = { from: "front", to: "ratings", method: "GET", path: "/", headers: {} };

  const explainShop = (given: PolicySettings, request: Partial<Question>) =>
    explain(shopModel(given), { ...question, ...request });

  const deny = (paths: string[]): PolicySettings["security"] => ({
    authorization: { deny: [{ to: "ratings", paths }] },
  });

  it("reads a path as proxies do: normalized, and never as a host", () => {
    const security = deny(["/admin*"]);
    const outcome = (path: string, overrides: Overrides = {}) =>
      explain(shopModel({ security }, overrides), { ...question, path }).outcome;
    for (const path of [
      "/admin",
      "//admin/x",
      "/a/../admin",
      "/a/%2e%2e/admin",
      "/%61dmin",
      "/.\\admin",
      "//evil/../admin",
    ]) {
      assert.equal(outcome(path), "denied", path);
    }
    for (const path of ["/%2fadmin", "//evil/admin", "/a?x=/admin"]) assert.equal(outcome(path), "passes", path);
    assert.equal(outcome("/%2Fadmin", { pathNormalization: "DECODE_AND_MERGE_SLASHES" }), "denied");
    assert.equal(outcome("/a%5C..%5cadmin", { pathNormalization: "DECODE_AND_MERGE_SLASHES" }), "denied");
    assert.equal(outcome("//admin", { pathNormalization: "BASE" }), "passes");
    assert.equal(outcome("/a/../admin", { pathNormalization: "BASE" }), "denied");
    assert.equal(outcome("/a/../admin", { pathNormalization: "NONE" }), "passes");
    const { steps } = explain(shopModel({ security }), { ...question, path: "//evil/details/1" });
    const what = "its path is read as /evil/details/1 (MERGE_SLASHES)";
    assert.deepEqual(steps[0], { what, path: ["mesh", "pathNormalization"] });
  });

  it("authorizes what the client's sidecar sends on: the rewritten path, the changed headers", () => {
    const http: Rule[] = [
      { match: [{ uri: { exact: "/old" } }, { uri: { prefix: "/shop/" } }], rewrite: { uri: "/admin/" } },
      {
        match: [{ uri: { prefix: "/v1/" } }],
        rewrite: { uriRegexRewrite: { match: "^/v1/(\\w+)", rewrite: "/\\1/x" } },
      },
      { headers: { request: { set: { "X-Team": "red" }, add: { "x-seen": "2" }, remove: ["x-debug"] } } },
    ];
    const traffic = { services: [{ host: "ratings", http }] };
    const outcome = (path: string, rule: object, headers = {}) =>
      explainShop({ traffic, security: { authorization: { deny: [{ to: "ratings", ...rule }] } } }, { path, headers })
        .outcome;
    assert.equal(outcome("/shop/x", { paths: ["/admin/x"] }), "denied");
    assert.equal(outcome("/shop/x", { paths: ["/shop/*"] }), "passes");
    assert.equal(outcome("/old", { paths: ["/admin/"] }), "denied");
    assert.equal(outcome("/v1/admin", { paths: ["/admin/x"] }), "denied");
    assert.equal(outcome("/other", { headers: { "x-team": ["red"] } }), "denied");
    assert.equal(outcome("/other", { headers: { "x-seen": ["1,2"] } }, { "x-seen": "1" }), "denied");
    assert.equal(outcome("/other", { headers: { "x-debug": ["1"] } }, { "x-debug": "1" }), "passes");
    assert.equal(outcome("/old", { headers: { "x-debug": ["1"] } }, { "x-debug": "1" }), "denied");
  });

  it("authorizes at the workload what the gateway sends on", () => {
    const http = [{ match: [{ uri: { prefix: "/shop/" } }], rewrite: { uri: "/" } }];
    const services = [{ host: "ratings", gateways: ["ingress"], hosts: ["shop.example.com"], http }];
    const request = { from: "ingress", path: "/shop//admin" };
    const { outcome, steps } = explainShop({ traffic: { services }, security: deny(["/admin"]) }, request);
    assert.equal(outcome, "denied");
    assert.ok(steps.some(({ what }) => what === "its path becomes /admin"));
  });

  it("authorizes at a gateway before it rewrites, by the client's address", () => {
    const http = [{ match: [{ uri: { prefix: "/shop/" } }], rewrite: { uri: "/" } }];
    const services = [{ host: "ratings", gateways: ["ingress"], hosts: ["shop.example.com"], http }];
    const outcome = (authorization: NonNullable<PolicySettings["security"]>["authorization"]) => {
      const request = { from: "ingress", path: "/shop/admin", address: "192.0.2.7" };
      return explainShop({ traffic: { services }, security: { authorization } }, request).outcome;
    };
    assert.equal(outcome({ deny: [{ to: "ingress", paths: ["/admin"] }] }), "passes");
    assert.equal(outcome({ deny: [{ to: "ingress", paths: ["/shop/*"] }] }), "denied");
    assert.equal(outcome({ allow: [{ to: "ingress", paths: ["/other"] }] }), "denied");
    assert.equal(outcome({ allow: [{ to: "ingress" }] }), "passes");
    // At the workload, the address is the gateway's.
    assert.equal(outcome({ deny: [{ to: "ratings", ipBlocks: ["192.0.2.0/24"] }] }), "passes");
    assert.equal(outcome({ default: "deny", allow: [{ to: "ingress" }] }), "denied");
    assert.equal(outcome({ default: "deny", allow: [{ to: "ratings", from: ["ingress"] }] }), "passes");
  });

  it("authorizes at a waypoint before it rewrites", () => {
    const http = [{ match: [{ uri: { exact: "/old" } }], rewrite: { uri: "/admin" } }];
    const outcome = (paths: string[]) =>
      explain(ambientShop({ traffic: { services: [{ host: "ratings", http }] }, security: deny(paths) }), {
        ...{ from: "front", to: "ratings", method: "GET", headers: {}, path: "/old" },
      }).outcome;
    assert.equal(outcome(["/admin"]), "passes");
    assert.equal(outcome(["/old"]), "denied");
  });

  it("names the limits that a request comes under, at the gateway and at the workload", () => {
    const tokenBucket = { maxTokens: 4, tokensPerFill: 2, fillInterval: "60s" };
    const rateLimits = [
      { workload: "ratings", port: 9080, tokenBucket },
      { workload: "ratings", port: 9081, tokenBucket },
      { workload: "ingress", actions: [{ remoteAddress: {} }] },
    ];
    const rateLimitService = { service: "ratelimit.default.svc.cluster.local", domain: "shop" };
    const services = [{ host: "ratings", gateways: ["ingress"], hosts: ["shop.example.com"], http: [{}] }];
    const { outcome, steps } = explainShop(
      { traffic: { services, rateLimits, rateLimitService } },
      { from: "ingress" },
    );
    assert.equal(outcome, "passes");
    assert.deepEqual(
      steps.flatMap(({ what }) => (what.endsWith("429") ? what : [])),
      [
        "rateLimitService counts requests; above the limit: 429",
        "each proxy of ratings passes 4 requests at once, and 2 every 60s; above the limit: 429",
      ],
    );
  });

  it("has no routes of the mesh for a client without a proxy", () => {
    const traffic = { services: [{ host: "ratings", http: [{ directResponse: { status: 410 } }] }] };
    const outcome = (from: string) =>
      explain(shopModel({ traffic }, { mtls: "PERMISSIVE" }), {
        from,
        to: "ratings",
        method: "GET",
        path: "/",
        headers: {},
      }).outcome;
    assert.equal(outcome("front"), "answered");
    assert.equal(outcome("outside"), "passes");
  });
});
