import assert from "node:assert/strict";
import { compilePolicies } from "../../policies/compile";
import { explain } from "../../policies/explain/explain";
import { gatewayWorkloads } from "../../components/model/gateways";
import { gateways } from "../../components/settings/sections/gateways";
import type { GatewayWorkload, Workload } from "../../components/shared/workload";
import {
  ambientSources,
  ingress,
  modelOf,
  type PolicySettings,
  refusals,
  shop,
  shopSources,
  type ShopSources,
} from "../support/policy-models";

const web: Workload["ports"] = [
  { name: "http", port: 80, targetPort: 8080, protocol: "http" },
  { name: "db", port: 3306, targetPort: 13306, protocol: "tcp" },
];
const withPorts = (ports: Workload["ports"]) => shop.map((one) => (one.name === "ratings" ? { ...one, ports } : one));
const workloads = withPorts(web);
const shared = withPorts([
  { name: "http", port: 80, targetPort: 8080, protocol: "http" },
  { name: "http-admin", port: 81, targetPort: 8080, protocol: "http" },
]);

type Rules = NonNullable<NonNullable<PolicySettings["security"]>["authorization"]>;
const security = (authorization: Rules): PolicySettings => ({ security: { authorization } });
const denied = (to: string, ports: number[]) => security({ deny: [{ to, ports }] });

function operations(sources: ShopSources): unknown[] {
  return compilePolicies(modelOf(sources))
    .filter(({ kind, metadata }) => kind === "AuthorizationPolicy" && metadata.name.endsWith("deny"))
    .flatMap(({ spec }) =>
      (spec as { rules: { to: { operation: unknown }[] }[] }).rules.map(({ to }) => to[0]?.operation),
    );
}

describe("a rule by the port of a Service", () => {
  it("is for the port of the pods at sidecars and at ztunnel, and for that of the Service at a waypoint", () => {
    const rule = denied("ratings", [80]);
    assert.deepEqual(operations(shopSources(rule, { workloads })), [{ ports: ["8080"] }]);
    assert.deepEqual(operations(ambientSources(rule, { workloads, waypoints: [] })), [{ ports: ["8080"] }]);
    assert.deepEqual(operations(ambientSources(rule, { workloads })), [{ ports: ["80"] }]);
    for (const sources of [shopSources(rule, { workloads }), ambientSources(rule, { workloads })])
      assert.deepEqual(refusals(sources), []);
  });

  it("is also for the port of a version's Service at a waypoint", () => {
    const versioned = workloads.map((one) =>
      one.name === "ratings"
        ? { ...one, ports: web.slice(0, 1), versionServices: new Map([["v1", { name: "r1", port: 8081 }]]) }
        : one,
    );
    assert.deepEqual(operations(ambientSources(denied("ratings", [80]), { workloads: versioned })), [
      { ports: ["80", "8081"] },
    ]);
  });

  it("is for each workload's own port of the pods in a namespace", () => {
    const given = workloads.map((one) =>
      one.name === "front" ? { ...one, ports: [{ ...web[0]!, targetPort: 9090 }] } : one,
    );
    const sources = shopSources(security({ deny: [{ to: "shop/*", notPorts: [80, 3306, 9080] }] }), {
      workloads: given,
    });
    assert.deepEqual(refusals(sources), []);
    assert.deepEqual(operations(sources), [{ notPorts: ["13306", "8080", "9080", "9090"] }]);
  });

  it("is for the port of the pods of a gateway", () => {
    const settings = gateways.parse({ ingress: { extraPorts: { tcp: { port: 31400, targetPort: 3140 } } } });
    const sources = shopSources(denied("ingress", [80, 31400]), { gateways: gatewayWorkloads(settings) });
    assert.deepEqual(refusals(sources), []);
    assert.deepEqual(operations(sources), [{ ports: ["3140", "80"] }]);
  });

  it("is explained by the port of the Service", () => {
    const model = modelOf(shopSources(denied("ratings", [80]), { workloads }));
    const ask = (port: number) =>
      explain(model, { from: "front", to: "ratings", method: "GET", path: "/", headers: {}, port }).outcome;
    assert.deepEqual([ask(80), ask(3306)], ["denied", "passes"]);
  });

  it("leaves out the pods' ports of TCP where a token is required", () => {
    const jwt: PolicySettings = { security: { jwt: [{ workload: "ratings", issuer: "https://a.example.com" }] } };
    const specOf = (sources: ShopSources) =>
      compilePolicies(modelOf(sources)).find(({ kind }) => kind === "AuthorizationPolicy")?.spec as {
        rules: { to?: unknown }[];
      };
    assert.deepEqual(specOf(shopSources(jwt, { workloads })).rules[0]?.to, [{ operation: { notPorts: ["13306"] } }]);
  });

  const refused: Readonly<Record<string, [ShopSources, string[]]>> = {
    "a port of the pods": [
      shopSources(denied("ratings", [8080]), { workloads }),
      [
        "security.authorization.deny[0].ports[0]: found 8080, the targetPort of port 80; rules name the port of the Service: 80, 3306",
      ],
    ],
    "an unknown port": [
      shopSources(security({ allow: [{ to: "ratings", notPorts: [80, 9999] }] }), { workloads }),
      [
        "security.authorization.allow[0].notPorts[1]: found 9999; the ports of ratings: 80, 3306; " +
          "name one of them, or add it to ports of the workload in talos-mesh:applications, to podPorts where the Service does not have it",
      ],
    ],
    "one of two ports that are the same at the pods": [
      shopSources(denied("ratings", [80]), { workloads: shared }),
      [
        "security.authorization.deny[0].ports: ports 80 and 81 of ratings are one port of its pods, 8080, where the rule would be for both; name both",
      ],
    ],
    "a port of a namespace that is another one of other pods": [
      shopSources(denied("shop/*", [80]), { workloads: withPorts([{ port: 80, targetPort: 9080, protocol: "http" }]) }),
      [
        "security.authorization.deny[0].ports: port 80 of ratings is port 9080 of its pods, as is port 9080 of front, which the rule would be for too; " +
          "name the workloads one by one",
      ],
    ],
    "a port of a gateway that others deploy": [
      shopSources(denied("ingress", [80]), { gateways: [{ ...ingress, targetPorts: new Map() }] }),
      [
        "security.authorization.deny[0].ports[0]: found 80; which port its pods have for it is not known of gateway ingress, of kind existing; " +
          "name one of its extraPorts with targetPort, or remove it",
      ],
    ],
    "a limit of one of two ports that are the same at the pods": [
      shopSources(
        {
          traffic: {
            rateLimits: [{ workload: "ratings", port: 80, tokenBucket: { maxTokens: 1, fillInterval: "1s" } }],
          },
        },
        { workloads: shared },
      ),
      [
        "traffic.rateLimits[0].port: ports 80 and 81 of ratings are one port of its pods, 8080; limit the workload, without port",
      ],
    ],
  };
  for (const [what, [sources, expected]] of Object.entries(refused)) {
    it(`refuses ${what}`, () => assert.deepEqual(refusals(sources), expected));
  }
});

describe("the mTLS mode of a port", () => {
  const exception = (ports: Readonly<Record<string, "DISABLE" | "STRICT" | "PERMISSIVE">>): PolicySettings => ({
    security: { peerAuthentication: [{ workload: "ratings", ports, reason: "clients without a proxy" }] },
  });

  it("is that of the port of the pods, also behind a waypoint", () => {
    for (const sourcesOf of [shopSources, ambientSources]) {
      const objects = compilePolicies(modelOf(sourcesOf(exception({ 80: "PERMISSIVE" }), { workloads })));
      const spec = objects.find(
        ({ kind, metadata }) => kind === "PeerAuthentication" && metadata.namespace === "shop",
      )?.spec;
      assert.deepEqual((spec as { portLevelMtls: unknown }).portLevelMtls, { 8080: { mode: "PERMISSIVE" } });
    }
  });

  it("is that of a port that only the pods have, which rules at a waypoint cannot name", () => {
    const given = workloads.map((one) => (one.name === "ratings" ? { ...one, podPorts: [9102] } : one));
    const metrics = exception({ 9102: "PERMISSIVE" });
    assert.deepEqual(refusals(shopSources(metrics, { workloads: given })), []);
    assert.deepEqual(operations(shopSources(denied("ratings", [80, 9102]), { workloads: given })), [
      { ports: ["8080", "9102"] },
    ]);
    assert.deepEqual(refusals(shopSources(denied("ratings", [9102]), { workloads: given })), []);
    const [refusal = ""] = refusals(ambientSources(denied("ratings", [9102]), { workloads: given }));
    assert.match(refusal, /found 9102; the ports of ratings: 80, 3306;/);
  });

  it("is refused for a port that the Service does not have, and where another port is the same at the pods", () => {
    assert.deepEqual(refusals(shopSources(exception({ 8080: "PERMISSIVE" }), { workloads })), [
      'security.peerAuthentication[0].ports["8080"]: found 8080, the targetPort of port 80; rules name the port of the Service: 80, 3306',
    ]);
    assert.deepEqual(refusals(shopSources(exception({ 80: "PERMISSIVE" }), { workloads: shared })), [
      'security.peerAuthentication[0].ports["80"]: found PERMISSIVE, and port 81 has STRICT; both are port 8080 of the pods of ratings; give both the same mode',
    ]);
    assert.deepEqual(
      refusals(shopSources(exception({ 80: "PERMISSIVE", 81: "PERMISSIVE" }), { workloads: shared })),
      [],
    );
  });
});

describe("ports of HTTP and of TCP of one service", () => {
  const two: NonNullable<NonNullable<PolicySettings["traffic"]>["services"]> = [
    { host: "ratings", gateways: ["ingress"], hosts: ["ratings.example.com"], http: [{ timeout: "1s" }] },
    { host: "ratings", gateways: ["ingress"], tcp: [{ match: [{ port: 31400 }] }] },
  ];
  const open: GatewayWorkload = { ...ingress, ports: { ...ingress.ports, tcp: 31400 } };
  const sources = (kind: GatewayWorkload["kind"]) =>
    shopSources({ traffic: { services: two } }, { workloads, gateways: [{ ...open, ...(kind && { kind }) }] });

  it("are at one gateway by two entries", () => {
    const routes = (kind: GatewayWorkload["kind"]) =>
      compilePolicies(modelOf(sources(kind)))
        .filter((object) => object.kind.endsWith("Route") || object.kind === "VirtualService")
        .map((object) => `${object.kind} ${object.metadata.name} ${portsIn(object.spec).join()}`);
    assert.deepEqual(refusals(sources("chart")), []);
    assert.deepEqual(routes("chart"), [
      "VirtualService ratings.ingress 80",
      "VirtualService ratings.ingress.tcp 31400,3306",
    ]);
    assert.deepEqual(routes("gateway-api"), [
      "HTTPRoute ratings.ingress 80",
      "TCPRoute ratings.ingress.tcp-31400 3306",
    ]);
    const model = modelOf(sources("chart"));
    const ask = (port: number) =>
      explain(model, { from: "ingress", to: "ratings", method: "GET", path: "/", headers: {}, port });
    assert.deepEqual([ask(80).outcome, ask(31400).outcome], ["passes", "passes"]);
  });

  it("have routes that name the port which a client called, and lead to it", () => {
    const services = [{ host: "ratings", http: [{ timeout: "1s" }], tcp: [{}] }];
    const named = (ports: Workload["ports"]) => {
      const model = modelOf(shopSources({ traffic: { services } }, { workloads: withPorts(ports) }));
      return portsIn(compilePolicies(model).find(({ kind }) => kind === "VirtualService")?.spec);
    };
    assert.deepEqual(named(web), [80, 3306]);
    // Each with its match: 80 leads to 80, and 81 to 81.
    assert.deepEqual(named([...web, { name: "http-admin", port: 81, protocol: "http" }]), [80, 80, 81, 81, 3306]);
    // Connections to the port of TLS are none of TCP.
    assert.deepEqual(named([...web, { name: "tls", port: 443, protocol: "tls" }]), [80, 3306, 3306]);
  });
});

/** Numbers of ports, in the order of an object. */
function portsIn(value: unknown): number[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, one]: [string, unknown]) => {
    const number = key === "port" && typeof one === "object" ? (one as { number?: number } | null)?.number : one;
    return key === "port" && typeof number === "number" ? [number] : portsIn(one);
  });
}
