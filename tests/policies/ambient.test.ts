import assert from "node:assert/strict";
import { compilePolicies } from "../../policies/compile";
import {
  ambientShop,
  ambientSources,
  type Overrides,
  type PolicySettings,
  refusals,
  shop,
  workload,
} from "../support/policy-models";

const noWaypoint: Overrides = { waypoints: [] };
const noIngress: Overrides = { waypoints: [{ name: "waypoint", namespace: "shop", ingress: false }] };
const reason = "until the last client has moved";
const reviews = { host: "reviews", subsets: ["v1", "v2"] };
const offered = { host: "front", gateways: ["ingress"], hosts: ["shop.example.com"], http: [{}] };
const addWaypoint = "add { namespace: shop } to talos-mesh:mesh.waypoints, or set dataPlane: sidecar for the namespace";

function names(settings: PolicySettings, overrides: Overrides = {}): string[] {
  return compilePolicies(ambientShop(settings, overrides)).map(({ kind, metadata }) => `${kind} ${metadata.name}`);
}

describe("policies of the ambient data plane", () => {
  it("protect a workload without a waypoint at ztunnel, by a selector", () => {
    const settings: PolicySettings = { security: { authorization: { allow: [{ to: "ratings", from: ["reviews"] }] } } };
    const [policy] = compilePolicies(ambientShop(settings, noWaypoint));
    assert.deepEqual(policy?.spec, {
      selector: { matchLabels: { app: "ratings" } },
      action: "ALLOW",
      rules: [{ from: [{ source: { principals: ["cluster.local/ns/shop/sa/reviews-account"] } }] }],
    });
  });

  it("allow the waypoint of a namespace to reach its pods under default deny", () => {
    const made = names({ security: { authorization: { default: "deny" } } });
    for (const { name } of shop) assert.ok(made.includes(`AuthorizationPolicy ${name}.waypoint`), name);
    assert.ok(made.includes("AuthorizationPolicy waypoint.allow-nothing"));
  });

  it("prefer the waypoint of a service to that of its namespace", () => {
    const waypoints = [
      { name: "waypoint", namespace: "shop", ingress: true },
      { name: "ratings-waypoint", namespace: "shop", service: "ratings", ingress: true },
    ];
    const settings: PolicySettings = { security: { authorization: { allow: [{ to: "ratings", methods: ["GET"] }] } } };
    const found = compilePolicies(ambientShop(settings, { waypoints })).find(
      ({ metadata }) => metadata.name === "ratings.waypoint",
    );
    assert.match(JSON.stringify(found?.spec), /sa\/ratings-waypoint"/);
  });

  it("never create an HTTPRoute and a VirtualService for one host", () => {
    const fault = { delay: { fixedDelay: "1s", percentage: 1 } };
    const made = names({
      traffic: {
        services: [
          { ...reviews, http: [{ match: [{ uri: { exact: "/a" } }], fault }, { route: { v1: 100 } }] },
          { host: "ratings", http: [{ timeout: "1s" }] },
        ],
      },
    });
    assert.deepEqual(
      made.filter((name) => /HTTPRoute|VirtualService/.test(name)),
      ["HTTPRoute ratings", "VirtualService reviews"],
    );
  });

  it("apply to one namespace while another has sidecars", () => {
    const workloads = [...shop, workload("legacy", ["v1"], "old")];
    const dataPlanes = { shop: "ambient" as const, old: "sidecar" as const };
    const made = names(
      {
        traffic: {
          services: [
            { host: "ratings", http: [{ timeout: "1s" }] },
            { host: "legacy", namespace: "old", http: [{ timeout: "1s" }] },
          ],
        },
      },
      { workloads, dataPlanes },
    );
    assert.deepEqual(made, ["HTTPRoute ratings", "PeerAuthentication default", "VirtualService legacy"]);
  });
});

describe("the ambient data plane refuses", () => {
  const refused: Readonly<Record<string, [PolicySettings, Overrides, ...string[]]>> = {
    "routes without a waypoint": [
      { traffic: { services: [{ host: "ratings", http: [{ timeout: "1s" }], trafficPolicy: {} }] } },
      noWaypoint,
      `traffic.services[0]: http, trafficPolicy of ratings needs a waypoint in the ambient namespace shop: ztunnel does not read HTTP; ${addWaypoint}`,
    ],
    "a deny rule by HTTP that ztunnel would apply to every client": [
      { security: { authorization: { deny: [{ to: "ratings", methods: ["DELETE"], paths: ["/admin/*"] }] } } },
      noWaypoint,
      `security.authorization.deny[0]: a rule with methods and paths needs a waypoint for ratings: ztunnel does not read HTTP, and would deny every client by this rule; ${addWaypoint}`,
    ],
    "an allow rule by HTTP that ztunnel would apply to no client": [
      { security: { authorization: { allow: [{ to: "ratings", headers: { a: ["b"] } }] } } },
      noWaypoint,
      `security.authorization.allow[0]: a rule with headers needs a waypoint for ratings: ztunnel does not read HTTP, and would allow no client by this rule; ${addWaypoint}`,
    ],
    "a rule by HTTP for an exposed service, with a waypoint that also serves its gateway": [
      { traffic: { services: [offered] }, security: { authorization: { allow: [{ to: "front", methods: ["GET"] }] } } },
      noWaypoint,
      "security.authorization.allow[0]: a rule with methods needs a waypoint for front: ztunnel does not read HTTP, and would allow no client by this rule; add { namespace: shop, ingress: true } to talos-mesh:mesh.waypoints, or set dataPlane: sidecar for the namespace",
    ],
    "an audit without a waypoint": [
      { security: { authorization: { audit: [{ to: "ratings" }] } } },
      noWaypoint,
      `security.authorization.audit[0]: auditing needs a waypoint for ratings: ztunnel does not read HTTP; ${addWaypoint}`,
    ],
    "tokens without a waypoint": [
      { security: { jwt: [{ workload: "ratings", issuer: "https://issuer.example.com" }] } },
      noWaypoint,
      `security.jwt[0]: reading tokens needs a waypoint for ratings: ztunnel does not read HTTP; ${addWaypoint}`,
    ],
    "addresses behind a waypoint": [
      { security: { authorization: { allow: [{ to: "ratings", ipBlocks: ["10.0.0.0/8"] }] } } },
      {},
      "security.authorization.allow[0].ipBlocks: behind a waypoint the address is that of the tunnel, not of the client; use from instead, or remove the waypoint",
    ],
    "an exception for plain text, which goes through no waypoint": [
      {
        security: {
          peerAuthentication: [
            { namespace: "shop", workload: "ratings", mode: "STRICT", ports: { 9080: "PERMISSIVE" }, reason },
          ],
          authorization: { default: "deny", allow: [{ to: "ratings" }] },
        },
      },
      {},
      "security.peerAuthentication[0]: found PERMISSIVE, but ratings accepts requests from its waypoint only, and plain text does not go through waypoints; remove the exception, or the rules of ratings, or the waypoint of namespace shop",
    ],
    "a caller that bypasses the waypoint": [
      { security: { authorization: { allow: [{ to: "ratings", from: ["old/legacy"] }] } } },
      {
        workloads: [...shop, workload("legacy", ["v1"], "old")],
        dataPlanes: { shop: "ambient", old: "sidecar" },
      },
      "security.authorization.allow[0]: old/legacy (data plane sidecar) does not use waypoints, and ratings accepts requests from its waypoint only; set dataPlane: ambient for namespace old, or remove the waypoint of namespace shop",
    ],
    "a gateway that bypasses the waypoint of a default-deny namespace": [
      { traffic: { services: [offered] }, security: { authorization: { default: "deny" } } },
      noIngress,
      "traffic.services[0].gateways: requests for front from a gateway bypass its waypoint, and front accepts requests from its waypoint only; set ingress: true for the waypoint of namespace shop in talos-mesh:mesh.waypoints",
    ],
    "a rule for a gateway that bypasses the waypoint of a service without exposures": [
      { security: { authorization: { allow: [{ to: "front", from: ["ingress"] }] } } },
      noIngress,
      "security.authorization.allow[0].from: requests for front from a gateway bypass its waypoint, and front accepts requests from its waypoint only; set ingress: true for the waypoint of namespace shop in talos-mesh:mesh.waypoints",
    ],
    "weights at a gateway whose choice the waypoint would repeat": [
      {
        traffic: {
          services: [
            { ...reviews, gateways: ["ingress"], hosts: ["a.example.com"], http: [{ route: { v1: 50, v2: 50 } }] },
          ],
        },
      },
      {},
      "traffic.services[0].http[0].route: requests from the gateway go through the waypoint of namespace shop, which chooses the version again; put the weights in an entry without gateways, or set ingress: false for the waypoint",
    ],
    "a version without a Service": [
      { traffic: { services: [{ ...reviews, http: [{ route: { v1: 100 } }] }] } },
      { workloads: shop.map((one) => ({ ...one, versionServices: undefined })) },
      "traffic.services[0].http[0].route: v1 has no Service of its own, and a route of Gateway API leads to Services; create reviews-<version> for each version, and set versionServices: true in talos-mesh:applications",
    ],
    "a subset that is not a version": [
      {
        traffic: {
          services: [
            {
              host: "reviews",
              subsets: ["v1", { name: "canary", labels: { version: "v2", track: "canary" } }],
              http: [{ route: { v1: 100 }, mirror: { subset: "canary" } }],
            },
          ],
        },
      },
      {},
      "traffic.services[0].http[0].mirror.subset: canary has labels other than version, and a route of Gateway API leads to the Service of a version; name a version",
    ],
    "two subsets of one version": [
      {
        traffic: {
          services: [{ host: "reviews", subsets: ["v1", { name: "old", labels: { version: "v1" } }], http: [{}] }],
        },
      },
      {},
      "traffic.services[0].subsets: two subsets are reviews-v1, which is one Service in the ambient data plane; keep one of them",
    ],
    "an order that an HTTPRoute would change": [
      {
        traffic: {
          services: [
            {
              ...reviews,
              http: [
                { match: [{ headers: { "end-user": { exact: "quentin" } } }], route: { v2: 100 } },
                { match: [{ uri: { exact: "/reviews/0" } }], timeout: "1s" },
                { route: { v1: 100 } },
              ],
            },
          ],
        },
      },
      {},
      "traffic.services[0].http[1]: an HTTPRoute would try it before rule [0], as it tries exact paths first, then longer ones, then more headers; put it before that rule, or give both the same path",
    ],
    "names that an HTTPRoute does not accept": [
      {
        traffic: {
          services: [
            {
              host: "ratings",
              http: [
                {
                  match: [{ headers: { ":authority": { exact: "a" } } }],
                  headers: { request: { set: { "x-empty": "" } } },
                },
              ],
            },
          ],
        },
      },
      {},
      "traffic.services[0].http[0].match[0].headers: found :authority, a name that an HTTPRoute does not accept",
      "traffic.services[0].http[0].headers.request.set: x-empty is empty, which an HTTPRoute refuses; remove the header",
    ],
    "more rules than an HTTPRoute holds": [
      {
        traffic: {
          services: [
            {
              host: "ratings",
              http: Array.from({ length: 17 }, (_, index) => ({ match: [{ uri: { exact: `/${index + 100}` } }] })),
            },
          ],
        },
      },
      {},
      "traffic.services[0].http: ratings has 17 rules with 17 matches; an HTTPRoute has at most 16 rules and 127 matches; combine some",
    ],
  };

  for (const [what, [settings, overrides, ...expected]] of Object.entries(refused)) {
    it(what, () => assert.deepEqual(refusals(ambientSources(settings, overrides)), expected));
  }
});
