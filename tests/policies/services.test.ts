import assert from "node:assert/strict";
import { settingsSchema } from "../../components/settings/schema";
import { namedObjects, Names } from "../../components/model/names";
import { compilePolicies } from "../../policies/compile";
import { ambientShop, egress, ingress, type PolicySettings, shop, shopModel } from "../support/policy-models";

const labels = { "app.kubernetes.io/name": "rating-service", tier: "backend" };
const workloads = shop.map((one) => (one.name === "ratings" ? { ...one, labels } : one));

const everyKind: PolicySettings = {
  traffic: { services: [{ host: "reviews", http: [{ match: [{ sourceWorkload: "ratings" }], timeout: "1s" }, {}] }] },
  security: {
    authorization: {
      default: "deny",
      allow: [{ to: "ratings", from: ["reviews"] }],
      deny: [{ to: "ratings", methods: ["DELETE"] }],
      audit: [{ to: "ratings", methods: ["POST"] }],
    },
    jwt: [{ workload: "ratings", issuer: "https://issuer.example.com" }],
    peerAuthentication: [{ namespace: "shop", workload: "ratings", mode: "STRICT", reason: "a test of labels" }],
    egress: {
      mode: "egressGateway",
      allow: [
        { from: "ratings", hosts: ["a.example.com"], ports: [443] },
        { from: "front", hosts: ["a.example.com"], ports: [443] },
      ],
    },
  },
};

function workloadsOf(applications: object[]) {
  const given = settingsSchema.parse({
    ...{ environment: "dev", cluster: { kind: "embedded", name: "dev" }, mesh: { version: "1.31.1" } },
    applications,
  });
  return new Names(namedObjects(given));
}

describe("workloads", () => {
  it("are selected by their own labels in every kind of policy", () => {
    const objects = compilePolicies(shopModel(everyKind, { workloads, gateways: [ingress, egress] }));
    const kinds = objects.filter((object) => JSON.stringify(object).includes("rating-service")).map(({ kind }) => kind);
    assert.deepEqual([...new Set(kinds)].sort(), [
      "AuthorizationPolicy",
      "NetworkPolicy",
      "PeerAuthentication",
      "RequestAuthentication",
      "Sidecar",
      "Telemetry",
      "VirtualService",
    ]);
    for (const object of objects)
      assert.doesNotMatch(JSON.stringify(object), /"app":"ratings"|\["ratings"|"ratings"\]/);
  });

  it("are selected by their own labels at ztunnel", () => {
    const settings = { security: { authorization: { allow: [{ to: "ratings", from: ["reviews"] }] } } };
    const l4 = compilePolicies(ambientShop(settings, { workloads, waypoints: [] }));
    assert.deepEqual(
      l4
        .filter(({ kind }) => kind === "AuthorizationPolicy")
        .map(({ spec }) => (spec as { selector: object }).selector),
      [{ matchLabels: labels }],
    );
    const waypointOnly = compilePolicies(ambientShop(settings, { workloads })).find(
      ({ metadata }) => metadata.name === "ratings.waypoint",
    );
    assert.deepEqual((waypointOnly?.spec as { selector: object }).selector, { matchLabels: labels });
  });

  it("have their own NetworkPolicy where one selector cannot name them with others", () => {
    const model = shopModel(everyKind, { workloads, gateways: [ingress, egress] });
    const policies = compilePolicies(model).filter(({ kind }) => kind === "NetworkPolicy");
    assert.deepEqual(
      policies.map(({ metadata: { name }, spec }) => [name, (spec as { podSelector: object }).podSelector]),
      [
        ["egress-only", { matchExpressions: [{ key: "app", operator: "In", values: ["front", "reviews"] }] }],
        ["ratings.egress-only", { matchLabels: labels }],
      ],
    );
  });

  it("have one HTTP port, the account default and the label app, unless they say otherwise", () => {
    const names = workloadsOf([{ namespace: "shop", workloads: [{ name: "till", port: 80 }] }]);
    const { ports, serviceAccount, labels: own } = names.workload("till");
    assert.deepEqual(
      { ports, serviceAccount, own },
      {
        ports: [{ port: 80, protocol: "http" }],
        serviceAccount: "default",
        own: { app: "till" },
      },
    );
  });

  it("have ports with the protocol that Istio reads from the name, unless they name another", () => {
    const ports = [
      { name: "web", port: 80 },
      { name: "grpc-api", port: 81 },
      { name: "mysql", port: 3306 },
      { name: "https", port: 443 },
      { name: "http2", port: 82 },
      { name: "tcp-echo", port: 9000 },
      { name: "tcp-web", port: 83, protocol: "http" },
      { name: "constructor", port: 84 },
    ];
    const names = workloadsOf([{ namespace: "shop", workloads: [{ name: "till", ports }] }]);
    assert.deepEqual(
      names.workload("till").ports.map(({ protocol }) => protocol),
      ["http", "grpc", "tcp", "https", "http2", "tcp", "http", "http"],
    );
  });

  it("need no namespace where one application is declared, and one where there are two", () => {
    const till = { name: "till", port: 80 };
    assert.equal(workloadsOf([{ namespace: "shop", workloads: [till] }]).defaultNamespace, "shop");
    const two = [
      { namespace: "shop", workloads: [till] },
      { namespace: "cellar", workloads: [till] },
    ];
    assert.equal(workloadsOf(two).defaultNamespace, undefined);
  });

  it("have version Services with names and ports of their own", () => {
    const till = {
      ...{ name: "till", port: 80, versions: ["v1", "v2"] },
      versionServices: { v1: { port: 8080 }, v2: { service: "till-canary" } },
    };
    const { versionServices } = workloadsOf([{ namespace: "shop", workloads: [till] }]).workload("till");
    assert.deepEqual(Object.fromEntries(versionServices ?? []), {
      v1: { name: "till-v1", port: 8080 },
      v2: { name: "till-canary" },
    });
  });
});
