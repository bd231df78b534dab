import assert from "node:assert/strict";
import type { PolicyModel } from "../../components/model/policies/policy-model";
import { explain, type Question } from "../../policies/explain/explain";
import { ambientShop, type PolicySettings, shopModel, workload } from "../support/policy-models";

/** Who ends a request, by which kind of policy, and what the client sees. */
function end(model: PolicyModel, question: Partial<Question>): string {
  const request = { from: "front", to: "ratings", method: "GET", path: "/", headers: {}, ...question };
  const { end: found, answers, outcome } = explain(model, request);
  return found ? `${found.by}, ${found.why}: ${answers.join(", ")}` : outcome;
}

const closed: PolicySettings = {
  security: { authorization: { default: "deny", allow: [{ to: "ratings", from: ["front"] }] } },
};

describe("the end of a request", () => {
  it("is a 403 of the server's sidecar or waypoint, or a connection that ztunnel closes", () => {
    assert.equal(end(shopModel(closed), {}), "passes");
    assert.equal(end(shopModel(closed), { from: "reviews" }), "server sidecar, authorization: 403");
    assert.equal(end(ambientShop(closed), { from: "reviews" }), "waypoint, authorization: 403");
    const withoutWaypoint = ambientShop(closed, { waypoints: [] });
    assert.equal(end(withoutWaypoint, { from: "reviews" }), "ztunnel, authorization: reset");
    assert.equal(end(withoutWaypoint, {}), "passes");
  });

  it("is a closed connection at a port without HTTP", () => {
    const ports = [{ port: 9000, protocol: "tcp" as const }];
    const workloads = [workload("front"), workload("reviews"), { ...workload("ratings"), ports }];
    assert.equal(end(shopModel(closed, { workloads }), { from: "reviews" }), "server sidecar, authorization: reset");
  });

  it("is a closed connection for plain text where mTLS is STRICT", () => {
    assert.equal(end(shopModel({}), { from: "outside" }), "server sidecar, mtls: reset");
    assert.equal(end(ambientShop({}), { from: "outside" }), "ztunnel, mtls: reset");
    const permissive = shopModel(closed, { mtls: "PERMISSIVE" });
    assert.equal(end(permissive, { from: "outside" }), "server sidecar, authorization: 403");
  });

  it("is a closed connection for what bypasses a waypoint", () => {
    const client = {
      name: "stranger",
      namespace: "elsewhere",
      serviceAccount: "stranger",
      dataPlane: "sidecar" as const,
    };
    assert.equal(end(ambientShop(closed), { client }), "ztunnel, bypass: reset");
    const ambient = { ...client, dataPlane: "ambient" as const };
    assert.equal(end(ambientShop(closed), { client: ambient }), "waypoint, authorization: 403");
  });

  it("is a 401 for a token that is not valid, and a 403 for one that is missing", () => {
    const jwt = [{ workload: "ratings", issuer: "https://issuer.example" }];
    const model = shopModel({ security: { jwt } });
    assert.equal(end(model, { hasInvalidToken: true }), "server sidecar, token: 401");
    assert.equal(end(model, {}), "server sidecar, token: 403");
    assert.equal(end(model, { claims: { iss: "https://issuer.example" } }), "passes");
    const optional = shopModel({ security: { jwt: [{ ...jwt[0]!, required: false }] } });
    assert.equal(end(optional, { hasInvalidToken: true }), "server sidecar, token: 401");
    assert.equal(end(optional, {}), "passes");
  });

  it("is a 404 or an answer of the proxy that applies the routes", () => {
    const http = [
      { match: [{ uri: { exact: "/old" } }], redirect: { uri: "/new" } },
      { match: [{ uri: { prefix: "/r" } }] },
    ];
    const services = [
      { host: "ratings", http },
      { host: "front", gateways: ["ingress"], hosts: ["shop.example.com"], http },
    ];
    const settings: PolicySettings = { traffic: { services } };
    assert.equal(end(shopModel(settings), {}), "client sidecar, no route: 404");
    assert.equal(end(ambientShop(settings), {}), "waypoint, no route: 404");
    assert.equal(end(shopModel(settings), { path: "/old" }), "client sidecar, rule: ");
    assert.equal(end(shopModel(settings), { from: "ingress", to: "front" }), "gateway, no route: 404");
    assert.equal(end(shopModel(settings), { from: "ingress", to: "ratings" }), "gateway, no route: 404");
  });

  it("is at the client's sidecar where its Sidecar hides the service, also after a rule was removed by hand", () => {
    const scoped = { sidecarScoping: { proxyServices: [] } };
    const model = shopModel(closed, { ...scoped, outboundTrafficPolicy: "REGISTRY_ONLY" });
    assert.equal(end(model, { from: "reviews" }), "client sidecar, egress: 502, reset");
    assert.equal(end(model, {}), "passes");
    // In plain text and without an identity, past the routes of the mesh.
    assert.equal(end(shopModel(closed, scoped), { from: "reviews" }), "server sidecar, mtls: reset");
    const removed = { ...model, accessRules: [] };
    assert.equal(end(removed, {}), "client sidecar, egress: 502, reset");
    assert.equal(end({ ...removed, scopedBy: model }, {}), "server sidecar, authorization: 403");
  });

  it("names the rules that apply on the way", () => {
    const http = [{ match: [{ uri: { exact: "/x" } }] }, { fault: { abort: { httpStatus: 503, percentage: 30 } } }];
    const model = shopModel({ traffic: { services: [{ host: "ratings", http }] } });
    const request = { from: "front", to: "ratings", method: "GET", path: "/", headers: {} };
    assert.deepEqual(
      explain(model, request).applied.map(({ rule }) => rule.fault?.abort?.percentage),
      [30],
    );
  });
});
