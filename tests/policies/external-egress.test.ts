import assert from "node:assert/strict";
import { compilePolicies } from "../../policies/compile";
import {
  ambientShop,
  ambientSources,
  egress,
  ingress,
  type Overrides,
  type PolicySettings,
  refusals,
  shopModel,
  type ShopSources,
  shopSources,
} from "../support/policy-models";

type External = NonNullable<NonNullable<PolicySettings["traffic"]>["externalServices"]>[number];

const http = { number: 80, protocol: "HTTP" as const };
const api: External = { hosts: ["api.example.com"], ports: [http] };

describe("egress to a service that traffic.externalServices describes", () => {
  const gateways = [ingress, egress];
  const byGatewayApi = { ...egress, kind: "gateway-api" as const, service: "egress-istio" };
  const atGateway = { ...api, egressGateway: "egress" };
  const gatewayRefusals: Readonly<Record<string, [External, string, Overrides?]>> = {
    "two ports for HTTP": [
      { ...atGateway, ports: [http, { ...http, number: 8080 }] },
      "ports: found HTTP 80, HTTP 8080; an egress gateway serves one port of a host for HTTP, and one for TLS or TCP; write an entry without egressGateway for the others",
    ],
    "a wildcard that it would have to resolve": [
      { ...atGateway, hosts: ["*.example.com"] },
      "egressGateway: found with resolution NONE; a gateway has to resolve the host: name it, or for a wildcard set resolution: DNS and the endpoint that serves all of its names; a forward proxy by SNI takes an EnvoyFilter under talos-mesh:objects",
    ],
    "a host that is too long for a name": [
      { ...atGateway, hosts: [`${"a".repeat(59)}.example.com`] },
      `hosts: ${"a".repeat(59)}.example.com is too long for an egress gateway, which names a Gateway after it`,
    ],
    "a Gateway that others deploy": [
      atGateway,
      "egressGateway: found egress, whose Gateway others deploy, so that this program adds no listeners to it; expected one of kind chart or gateway-api",
      { gateways: [ingress, { ...byGatewayApi, foreign: { gateway: "egress" } }] },
    ],
    "connections through a Gateway of an older Istio": [
      { ...atGateway, ports: [http, { number: 443, protocol: "TLS" }] },
      "egressGateway: found egress for a port of TLS or TCP; a gateway of kind gateway-api has TLS that it does not decrypt, and TLSRoutes, from Istio 1.31 on; upgrade, or set kind: chart",
      { gateways: [ingress, byGatewayApi], istioVersion: "1.30.3" },
    ],
    "a rule that an HTTPRoute does not have": [
      { ...atGateway, http: [{ retries: { attempts: 2 } }] },
      "http[0].retries: not at a gateway of kind gateway-api: retry of HTTPRoute is in Gateway API's experimental channel; set kind: chart for gateways.egress, whose VirtualServices have it",
      { gateways: [ingress, byGatewayApi] },
    ],
    "a subset, which is no Service": [
      {
        ...atGateway,
        endpoints: [{ address: "b.example.com", labels: { site: "north" } }],
        subsets: [{ name: "north", labels: { site: "north" } }],
        http: [{ route: { north: 100 } }],
      },
      "http[0].route: north is a group of endpoints, and a route of Gateway API leads to hosts and Services; write an entry for each group, or set kind: chart for the gateway",
      { gateways: [ingress, byGatewayApi] },
    ],
    "a gateway that does not exist": [
      { ...api, egressGateway: "egres" },
      "egressGateway: found egres; no such gateway; did you mean egress?",
    ],
  };
  for (const [what, [service, expected, overrides]] of Object.entries(gatewayRefusals)) {
    it(`is refused at an egress gateway with ${what}`, () => {
      const sources = shopSources({ traffic: { externalServices: [service] } }, { gateways, ...overrides });
      assert.deepEqual(refusals(sources), [`traffic.externalServices[0].${expected}`]);
    });
  }

  const allowed = (mode: "egressGateway" | undefined, service: External, allowance: object = {}) => ({
    traffic: { externalServices: [service] },
    security: { egress: { mode, allow: [{ from: "front", hosts: [service.hosts[0] ?? ""], ...allowance }] } },
  });
  const ruleRefusals: Readonly<Record<string, [ShopSources, string]>> = {
    "ports, which are those of its entry": [
      shopSources(allowed(undefined, api, { ports: [80] })),
      "ports: of api.example.com are those of traffic.externalServices[0], for every workload; remove them",
    ],
    "TLS origination, which its entry sets": [
      shopSources(allowed(undefined, api, { protocol: "HTTP", tlsOrigination: true })),
      "tlsOrigination: of api.example.com is set by trafficPolicy.tls of traffic.externalServices[0]; remove it",
    ],
    "a workload whose namespace does not know it": [
      shopSources(allowed(undefined, { ...api, exportTo: ["batch"] })),
      "hosts: found api.example.com, which traffic.externalServices[0] does not export to namespace shop; add it to exportTo",
    ],
    "a way around the egress gateway": [
      shopSources(allowed("egressGateway", api), { gateways }),
      "hosts: found api.example.com, whose requests do not go through the egress gateway; set egressGateway: egress in traffic.externalServices[0]",
    ],
    "no waypoint that authorizes it": [
      ambientSources(allowed(undefined, { ...api, namespace: "elsewhere" })),
      "hosts: found api.example.com, which no waypoint authorizes; set a namespace with a waypoint in traffic.externalServices[0]",
    ],
    "another port at a waypoint": [
      ambientSources(allowed(undefined, api, { ports: [81] })),
      "ports: found 81; traffic.externalServices[0] has 80",
    ],
    "some of its hosts at a waypoint": [
      ambientSources(allowed(undefined, { ...api, hosts: ["api.example.com", "b.example.com"] })),
      "hosts: found api.example.com; a waypoint authorizes traffic.externalServices[0] as a whole; add b.example.com, or write an entry for each host",
    ],
  };
  for (const [what, [sources, expected]] of Object.entries(ruleRefusals)) {
    it(`is refused in an egress rule with ${what}`, () => {
      assert.deepEqual(refusals(sources), [`security.egress.allow[0].${expected}`]);
    });
  }

  it("is known to the gateway, whatever namespaces it is exported to", () => {
    const exportedTo = (service: External) => {
      const model = shopModel({ traffic: { externalServices: [{ ...atGateway, ...service }] } }, { gateways });
      const [entry] = compilePolicies(model).filter(({ kind }) => kind === "ServiceEntry");
      return (entry?.spec as { exportTo?: string[] }).exportTo;
    };
    assert.deepEqual(exportedTo({ ...api, exportTo: ["shop"] }), ["shop", "istio-egress"]);
    assert.deepEqual(exportedTo({ ...api, exportTo: [".", "shop"] }), [".", "shop"]);
    assert.deepEqual(exportedTo({ ...api, namespace: "shop", exportTo: ["."] }), [".", "istio-egress"]);
    assert.equal(exportedTo(api), undefined);
  });

  it("is open at a waypoint to the workloads of egress rules, and to no other", () => {
    const policyOf = (settings: PolicySettings) => {
      const objects = compilePolicies(ambientShop(settings));
      return objects.find(({ metadata }) => metadata.name === "api.example.com.way-out")?.spec;
    };
    const targetRefs = [{ group: "networking.istio.io", kind: "ServiceEntry", name: "api.example.com" }];
    const front = { source: { principals: ["cluster.local/ns/shop/sa/front-account"] } };
    assert.deepEqual(policyOf(allowed(undefined, api)), { targetRefs, action: "ALLOW", rules: [{ from: [front] }] });
    const closed = { ...allowed(undefined, api), security: { egress: { allow: [] } } };
    assert.deepEqual(policyOf(closed), { targetRefs, action: "ALLOW" });
    const byDefault = {
      traffic: { externalServices: [api] },
      security: { authorization: { default: "deny" as const } },
    };
    assert.deepEqual(policyOf(byDefault), { targetRefs, action: "ALLOW", rules: [{}] });
    assert.equal(policyOf({ traffic: { externalServices: [api] } }), undefined);
  });
});
