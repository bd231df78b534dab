import assert from "node:assert/strict";
import type { PolicyModel } from "../../components/model/policies/policy-model";
import { formatPath } from "../../components/shared/problem";
import { explain, type Question } from "../../policies/explain/explain";
import { compilePolicies } from "../../policies/compile";
import {
  ambientShop,
  egress,
  ingress,
  type Overrides,
  type PolicySettings,
  shop,
  shopModel,
  workload,
} from "../support/policy-models";

type ExternalServices = NonNullable<NonNullable<PolicySettings["traffic"]>["externalServices"]>;
type EgressSettings = NonNullable<NonNullable<PolicySettings["security"]>["egress"]>;

const closed: Overrides = { outboundTrafficPolicy: "REGISTRY_ONLY" };
const gateways = [ingress, egress];

const external = (...externalServices: ExternalServices): PolicySettings => ({ traffic: { externalServices } });
const api: ExternalServices[number] = { hosts: ["api.example.com"], ports: [{ number: 80, protocol: "HTTP" }] };

function ask(model: PolicyModel, question: Partial<Question>) {
  const request = { from: "front", to: "api.example.com", method: "GET", path: "/", headers: {}, ...question };
  const { outcome, answers, steps } = explain(model, request);
  return { result: answers.length > 0 ? `${outcome}: ${answers.join(", ")}` : outcome, steps };
}

const result = (...args: Parameters<typeof ask>) => ask(...args).result;

/** The step that decides it, with its setting. */
function reason(...args: Parameters<typeof ask>): string | undefined {
  const step = ask(...args).steps.at(-1);
  return step && (step.path ? `${step.what} (${formatPath(step.path)})` : step.what);
}

/** Every object that the steps name is one that the settings become. */
function assertObjects(model: PolicyModel, question: Partial<Question>) {
  const objects = compilePolicies(model).map(({ kind, metadata }) => `${kind} ${metadata.namespace}/${metadata.name}`);
  const named = ask(model, question).steps.flatMap(({ what }) => /[A-Z]\w+ [\w-]+\/[\w.-]+/.exec(what)?.[0] ?? []);
  assert.ok(named.length > 0);
  for (const object of named) assert.ok(objects.includes(object), `${object} is none of ${objects.join(", ")}`);
}

describe("the explanation of a request to a host outside the mesh, from a sidecar", () => {
  it("passes if nothing restricts the host", () => {
    assert.equal(
      reason(shopModel({}), {}),
      "no ServiceEntry for front has port 80 of api.example.com, and outboundTrafficPolicy is ALLOW_ANY: it goes to api.example.com (talos-mesh:mesh.outboundTrafficPolicy)",
    );
    assert.equal(result(shopModel({}), {}), "passes");
  });

  it("gets 502 under REGISTRY_ONLY where the sidecar reads the port, else its connection is closed", () => {
    assert.equal(result(shopModel({}, closed), {}), "denied: 502");
    assert.equal(result(shopModel({}, closed), { port: 9080 }), "denied: 502");
    assert.equal(result(shopModel({}, closed), { port: 8080 }), "denied: 502, reset");
    assert.equal(result(shopModel({}, closed), { port: 443 }), "denied: reset");
    // A scoped sidecar may not know what else has the port.
    const scoped = shopModel({}, { ...closed, sidecarScoping: { proxyServices: [] } });
    assert.equal(result(scoped, {}), "denied: 502, reset");
    assert.equal(
      reason(shopModel({}, closed), {}),
      "no ServiceEntry for front has port 80 of api.example.com, and outboundTrafficPolicy is REGISTRY_ONLY: 502 (talos-mesh:mesh.outboundTrafficPolicy)",
    );
  });

  it("passes to a described host, at its ports, in namespaces that know it", () => {
    const model = (more: Partial<ExternalServices[number]>) =>
      shopModel(external({ ...api, ...more }), {
        ...closed,
        workloads: [...shop, workload("other", [], "side")],
      });
    assert.equal(result(model({}), {}), "passes");
    assert.equal(result(model({}), { port: 443 }), "denied: reset");
    assert.equal(result(model({}), { from: "side/other" }), "passes");
    assert.equal(result(model({ exportTo: ["."] }), { from: "side/other" }), "denied: 502");
    assert.equal(result(model({ exportTo: ["."] }), {}), "passes");
    assertObjects(model({}), {});
  });

  it("finds a host by its name, by a wildcard, and by its address", () => {
    const model = shopModel(
      external(
        { hosts: ["*.example.com"], ports: [{ number: 443, protocol: "TLS" }] },
        { ...api, http: [{ match: [{ uri: { prefix: "/v1" } }] }] },
        { hosts: ["db.example"], addresses: ["192.0.2.0/24"], ports: [{ number: 5432, protocol: "TCP" }] },
      ),
      closed,
    );
    assert.equal(result(model, { to: "www.example.com" }), "passes");
    assert.equal(result(model, { to: "example.com", port: 443 }), "denied: reset");
    assert.equal(result(model, { path: "/v1/x" }), "passes");
    assert.equal(result(model, {}), "no route: 404");
    assert.equal(result(model, { to: "192.0.2.9", port: 5432 }), "passes");
    assert.equal(result(model, { to: "192.0.3.9", port: 5432 }), "denied: 502, reset");
  });

  it("knows that a port of TCP is for one host", () => {
    const db: ExternalServices[number] = { hosts: ["db.example"], ports: [{ number: 5432, protocol: "TCP" }] };
    const other = { to: "other.example", port: 5432 };
    assert.equal(result(shopModel(external(db)), { to: "db.example" }), "passes");
    assert.equal(result(shopModel(external(db)), other), "no route");
    assert.equal(result(shopModel(external({ ...db, resolution: "NONE" }), closed), other), "passes");
  });

  it("finds a ServiceEntry under talos-mesh:objects", () => {
    const entry = {
      apiVersion: "networking.istio.io/v1",
      kind: "ServiceEntry",
      metadata: { name: "api", namespace: "shop" },
      spec: { hosts: ["api.example.com"], ports: [{ number: 80, name: "http", protocol: "http" }], resolution: "DNS" },
    };
    const model = shopModel({}, { ...closed, objects: [entry] });
    assert.equal(result(model, {}), "passes");
    assert.equal(ask(model, {}).steps[0]?.path?.[0], "objects");
  });

  it("follows egress rules, whatever the mesh allows", () => {
    const allow: EgressSettings["allow"] = [
      { from: "front", hosts: ["api.example.com"], ports: [80], protocol: "HTTP", tlsOrigination: true },
      { from: "reviews", hosts: ["*.example.org"], ports: [443] },
    ];
    const model = shopModel({ security: { egress: { allow } } });
    assert.equal(result(model, {}), "passes");
    assert.equal(reason(model, {})?.startsWith("it leaves the mesh, to api.example.com (TLS: SIMPLE)"), true);
    // The Sidecar of reviews has no HTTP on port 80 but that of the mesh.
    assert.equal(result(model, { from: "reviews" }), "denied: 502");
    assert.equal(
      reason(model, { from: "reviews" }),
      "Sidecar shop/reviews.scope has no port 80 of api.example.com: 502 (talos-mesh:security.egress.allow)",
    );
    assert.equal(result(model, { from: "reviews", to: "a.example.org" }), "passes");
    assert.equal(result(model, { to: "a.example.org" }), "denied: reset");
    assert.equal(result(model, { to: "unknown.example" }), "denied: 502");
    for (const from of ["front", "reviews"]) assertObjects(model, { from });
  });

  it("passes the egress gateway, which authorizes it", () => {
    const service = { ...api, egressGateway: "egress", http: [{ match: [{ uri: { prefix: "/v1/" } }] }] };
    const model = (security: PolicySettings["security"]) =>
      shopModel({ ...external(service), security }, { ...closed, gateways });
    assert.equal(result(model({}), { path: "/v1/" }), "passes");
    assert.equal(result(model({}), {}), "no route: 404");
    const deny: PolicySettings["security"] = {
      authorization: { deny: [{ to: "egress", from: ["shop/front"], methods: ["POST"] }] },
    };
    assert.equal(result(model(deny), { path: "/v1/", method: "POST" }), "denied: 403");
    assert.equal(result(model(deny), { path: "/v1/", method: "POST", from: "reviews" }), "passes");
    const sni = { authorization: { deny: [{ to: "egress", sni: ["*.example.com"] }] } };
    assert.equal(result(model(sni), { path: "/v1/" }), "denied: 403");
    const open = { mode: "egressGateway" as const, allow: [{ from: "front", hosts: ["api.example.com"] }] };
    assert.equal(result(model({ egress: open }), { path: "/v1/" }), "passes");
    assert.equal(result(model({ egress: open, ...deny }), { path: "/v1/", method: "POST" }), "denied: 403");
    assert.equal(result(model({ egress: open }), { path: "/v1/", from: "reviews" }), "denied: 502");
    for (const from of ["front", "reviews"]) assertObjects(model({ egress: open }), { from, path: "/v1/" });
  });

  it("closes connections where the egress gateway reads no request", () => {
    const tls: ExternalServices[number] = {
      hosts: ["api.example.com"],
      ports: [{ number: 443, protocol: "TLS" }],
      egressGateway: "egress",
    };
    const security = { authorization: { deny: [{ to: "egress", from: ["shop/front"] }] } };
    assert.equal(result(shopModel({ ...external(tls), security }, { gateways }), {}), "denied: reset");
  });

  it("follows a rule that leads elsewhere", () => {
    const [first, second] = [
      { ...api, http: [{ route: [{ host: "b.example.com" }] }] },
      { ...api, hosts: ["b.example.com"] },
    ];
    const model = shopModel(external(first, second), closed);
    assert.deepEqual(reason(model, {}), "it does not go to api.example.com, but to b.example.com");
    assert.equal(result(model, {}), "passes");
    const inMesh = shopModel(external({ ...api, http: [{ route: [{ host: "ratings" }] }] }), closed);
    assert.equal(result(inMesh, {}), "unknown");
  });
});

describe("the explanation of a request to a host outside the mesh, without a sidecar", () => {
  const allow: EgressSettings["allow"] = [
    { from: "front", hosts: ["api.example.com"], ports: [80], protocol: "HTTP" },
    { from: "reviews", hosts: ["c.example.org"], ports: [443] },
  ];
  const rules: PolicySettings = { security: { egress: { allow } } };
  const enforced: Overrides = { networkPolicies: "enforced" };

  it("passes ztunnel where no rule restricts egress", () => {
    assert.equal(result(ambientShop({}, closed), {}), "passes");
    assert.equal(
      reason(ambientShop({}, closed), {}),
      "ztunnel passes it on to api.example.com, whatever mesh.outboundTrafficPolicy",
    );
  });

  it("is closed by ztunnel at a port that a described host does not have", () => {
    assert.equal(result(ambientShop(external(api)), {}), "passes");
    assert.equal(result(ambientShop(external(api)), { port: 443 }), "denied: reset");
  });

  it("is authorized by the waypoint, 403 for HTTP", () => {
    const model = ambientShop(rules, enforced);
    assert.equal(result(model, {}), "passes");
    assert.equal(result(model, { from: "reviews" }), "denied: 403");
    assert.equal(
      reason(model, { from: "reviews" }),
      "AuthorizationPolicy shop/api.example.com.way-out does not allow it: 403 (talos-mesh:security.egress.allow)",
    );
    assert.equal(result(model, { from: "reviews", to: "c.example.org" }), "passes");
    assert.equal(result(model, { to: "c.example.org" }), "denied: reset");
    for (const from of ["front", "reviews"]) assertObjects(model, { from });
  });

  it("stops at the NetworkPolicy, where the cluster enforces it", () => {
    const unknown = { to: "unknown.example" };
    assert.equal(result(ambientShop(rules, enforced), unknown), "denied: reset");
    assert.equal(result(ambientShop(rules, { networkPolicies: "ignored" }), unknown), "passes");
    assert.equal(result(ambientShop(rules, { networkPolicies: "unknown" }), unknown), "unknown");
    assertObjects(ambientShop(rules, enforced), unknown);
  });

  it("is open at a waypoint that denies by default, and closed by rules for its namespace", () => {
    const model = (authorization: NonNullable<PolicySettings["security"]>["authorization"]) =>
      ambientShop({ ...external(api), security: { authorization } });
    assert.equal(result(model({ default: "deny" }), {}), "passes");
    assertObjects(model({ default: "deny" }), {});
    assert.equal(result(model({ deny: [{ to: "shop/*", methods: ["POST"] }] }), { method: "POST" }), "denied: 403");
    assert.equal(result(model({ deny: [{ to: "shop/*", methods: ["POST"] }] }), {}), "passes");
  });

  it("is not restricted without a proxy", () => {
    const outside = workload("batch", [], "jobs");
    const model = shopModel(rules, {
      workloads: [...shop, outside],
      dataPlanes: { shop: "sidecar", jobs: "none" },
    });
    assert.equal(result(model, { from: "jobs/batch", to: "unknown.example" }), "passes");
    assert.equal(result(model, { from: "outside", to: "unknown.example" }), "passes");
  });

  it("is 404 at a gateway, which exposes workloads", () => {
    assert.equal(result(shopModel({}), { from: "ingress" }), "no route: 404");
  });
});

describe("the destination of a question", () => {
  it("is a workload, also by its DNS name", () => {
    assert.equal(result(shopModel({}, closed), { to: "ratings.shop.svc.cluster.local" }), "passes");
    assert.equal(ask(shopModel({}), { to: "ratings.shop.svc" }).steps.length > 1, true);
  });

  it("is no misspelt workload", () => {
    for (const to of ["rating", "shop/rating", "rating.shop.svc.cluster.local", "https://api.example.com"]) {
      assert.throws(
        () => ask(shopModel({}), { to }),
        /no such workload; expected one of: front, .*, or a host outside/,
      );
    }
  });
});
