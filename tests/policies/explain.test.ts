import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { capabilityPage } from "../../policies/capabilities";
import { explain, type Question } from "../../policies/explain/explain";
import { ambientShop, type PolicySettings, shopModel } from "../support/policy-models";

describe("the explanation of a request", () => {
  const explainShop = (given: PolicySettings, request: Partial<Question>) =>
    explain(shopModel(given), { from: "front", to: "ratings", method: "GET", path: "/", headers: {}, ...request });

  const outcomeOf = (regex: string, path: string) =>
    explainShop({ traffic: { services: [{ host: "ratings", http: [{ match: [{ uri: { regex } }] }] }] } }, { path })
      .outcome;

  it("evaluates expressions as RE2 does, in the whole path", () => {
    for (const regex of ["/[[:alpha:]]+", "(?i)/ABC", "/(?P<all>[a-z]*)", "(?s:/.+)", "/\\Qabc\\E", "/\\pL+"]) {
      assert.equal(outcomeOf(regex, "/abc"), "passes", regex);
      assert.equal(outcomeOf(regex, "/abc/1/"), regex === "(?s:/.+)" ? "passes" : "no route", regex);
    }
  });

  it("evaluates an expression in linear time", () => {
    assert.equal(outcomeOf("/(a+)+b", `/${"a".repeat(1000)}`), "no route");
  });

  it("names the setting that decides", () => {
    const { outcome, steps } = explainShop(
      {
        security: {
          authorization: { default: "deny", allow: [{ to: "reviews" }, { to: "ratings", paths: ["/r/{*}"] }] },
        },
      },
      { path: "/r/1?full=yes" },
    );
    assert.equal(outcome, "passes");
    assert.deepEqual(steps.at(-1), { what: "a rule allows it", path: ["security", "authorization", "allow", 1] });
  });

  it("is refused in plain text where mTLS is STRICT", () => {
    assert.equal(explainShop({}, { from: "outside" }).outcome, "denied");
  });

  it("requires the token for its path", () => {
    const jwt = [
      { workload: "ratings", issuer: "https://a.example", requireClaims: { role: ["admin"] }, paths: ["/admin/*"] },
    ];
    const outcome = (given: Partial<Question>) => explainShop({ security: { jwt } }, given).outcome;
    assert.equal(outcome({ path: "/" }), "passes");
    assert.equal(outcome({ path: "/admin/x" }), "denied");
    assert.equal(outcome({ path: "/admin/x", claims: { iss: "https://a.example" } }), "denied");
    assert.equal(outcome({ path: "/admin/x", claims: { iss: "https://a.example", role: "admin" } }), "passes");
  });

  it("compares addresses with blocks of IPv4 and IPv6", () => {
    const ipBlocks = ["10.0.0.0/8", "192.0.2.7", "2001:db8::/32"];
    const security: PolicySettings["security"] = { authorization: { allow: [{ to: "ratings", ipBlocks }] } };
    const outcome = (address: string) => explainShop({ security }, { address }).outcome;
    for (const address of ["10.1.2.3", "192.0.2.7", "2001:db8::1"]) assert.equal(outcome(address), "passes", address);
    for (const address of ["11.1.2.3", "192.0.2.8", "2001:db9::1", "::ffff:11.1.2.3"]) {
      assert.equal(outcome(address), "denied", address);
    }
    assert.equal(outcome("2001:DB8:0:0::1"), "passes");
    assert.throws(() => outcome("front"), /--address front: expected an IP address such as 10.0.0.7/);
  });

  it("is unknown if an external authorizer decides", () => {
    const security: PolicySettings["security"] = {
      extensionProviders: [{ name: "opa", envoyExtAuthzGrpc: { service: "opa", port: 1 } }],
      authorization: { external: [{ to: "ratings", provider: "opa", methods: ["GET"] }] },
    };
    assert.equal(explainShop({ security }, {}).outcome, "unknown");
    assert.equal(explainShop({ security }, { method: "POST" }).outcome, "passes");
  });

  it("passes under a dry run, with a step that names it", () => {
    const { outcome, steps } = explainShop(
      { security: { authorization: { dryRun: true, deny: [{ to: "ratings" }] } } },
      {},
    );
    assert.equal(outcome, "passes");
    assert.deepEqual(steps.at(-1)?.path, ["security", "authorization", "dryRun"]);
  });

  it("is 404 at a gateway that does not expose the service", () => {
    assert.equal(explainShop({}, { from: "ingress" }).outcome, "no route");
  });

  it("applies the rules of a waypoint for ingress to requests of a gateway", () => {
    const services = [
      {
        host: "front",
        gateways: ["ingress"],
        hosts: ["shop.example.com"],
        http: [{ match: [{ uri: { prefix: "/" } }] }],
      },
      { host: "front", http: [{ match: [{ uri: { exact: "/products" } }] }] },
    ];
    const request = { from: "ingress", to: "front", method: "GET", headers: {} };
    const model = ambientShop({ traffic: { services } });
    assert.equal(explain(model, { ...request, path: "/products" }).outcome, "passes");
    assert.equal(explain(model, { ...request, path: "/other" }).outcome, "no route");
  });

  it("is denied if it bypasses a waypoint that enforces rules, whatever they allow", () => {
    const permissive = { mtls: "PERMISSIVE" as const };
    const request = { from: "outside", to: "ratings", method: "GET", headers: {}, path: "/" };
    const closed: PolicySettings = { security: { authorization: { default: "deny", allow: [{ to: "ratings" }] } } };
    const { outcome, steps } = explain(ambientShop(closed, permissive), request);
    assert.equal(outcome, "denied");
    assert.deepEqual(steps.at(-1), {
      what: "a pod outside the mesh bypasses the waypoint of namespace shop, and ratings accepts requests from its waypoint only",
      path: ["mesh", "waypoints"],
    });
    assert.equal(explain(ambientShop(closed, permissive), { ...request, from: "front" }).outcome, "passes");
    assert.equal(explain(ambientShop({}, permissive), request).outcome, "passes");
  });

  it("depends on the mTLS mode of the port", () => {
    const reason = "until the last client has moved";
    const exception = { namespace: "shop", workload: "ratings", reason };
    const outcome = (mode: "STRICT" | "PERMISSIVE", port: "STRICT" | "PERMISSIVE") =>
      explainShop(
        { security: { peerAuthentication: [{ ...exception, mode, ports: { 9080: port } }] } },
        { from: "outside" },
      ).outcome;
    assert.equal(outcome("STRICT", "PERMISSIVE"), "passes");
    assert.equal(outcome("PERMISSIVE", "STRICT"), "denied");
    // Without a mode, ports besides the given ones have that of the namespace, or else of the mesh.
    const other = (...ofNamespace: { mode: "PERMISSIVE"; reason: string }[]) => {
      const peerAuthentication = [...ofNamespace, { workload: "shop/ratings", ports: { 9090: "STRICT" as const } }];
      return explainShop({ security: { peerAuthentication } }, { from: "outside" }).outcome;
    };
    assert.equal(other(), "denied");
    assert.equal(other({ mode: "PERMISSIVE", reason }), "passes");
  });

  it("is an error for a workload that does not exist", () => {
    assert.throws(() => explainShop({}, { to: "cart" }), RangeError);
    assert.throws(() => explainShop({}, { from: "cart" }), RangeError);
  });
});

type DenyRules = NonNullable<NonNullable<NonNullable<PolicySettings["security"]>["authorization"]>["deny"]>;

describe("the explanation of addresses", () => {
  it("judges a workload behind a gateway by the client's address, and by the gateway's as the peer", () => {
    const settings = (deny: DenyRules): PolicySettings => ({
      traffic: {
        services: [{ host: "front", gateways: ["ingress"], hosts: ["shop.example.com"], http: [{ timeout: "1s" }] }],
      },
      security: { authorization: { deny } },
    });
    const request: Question = {
      from: "ingress",
      to: "front",
      method: "GET",
      path: "/",
      headers: {},
      address: "192.0.2.7",
    };
    const outcome = (deny: DenyRules) => explain(shopModel(settings(deny)), request).outcome;
    assert.equal(outcome([{ to: "front", ipBlocks: ["192.0.2.0/24"] }]), "passes");
    assert.equal(outcome([{ to: "front", remoteIpBlocks: ["192.0.2.0/24"] }]), "denied");
    assert.equal(outcome([{ to: "ingress", remoteIpBlocks: ["192.0.2.0/24"] }]), "denied");
    assert.equal(outcome([{ to: "ingress", notRemoteIpBlocks: ["192.0.2.0/24"] }]), "passes");
  });
});

describe("docs/policies-data-planes.md", () => {
  it("is generated from the table of capabilities", () => {
    const page = readFileSync(path.resolve(__dirname, "../../docs/policies-data-planes.md"), "utf8");
    assert.equal(page, capabilityPage(), "npm run policies -- table");
  });
});
