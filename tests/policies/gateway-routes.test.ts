import assert from "node:assert/strict";
import type { KubernetesObject } from "../../components/shared/kubernetes/object";
import type { GatewayWorkload } from "../../components/shared/workload";
import { compilePolicies } from "../../policies/compile";
import { CrdSchemas } from "../support/crd-schema";
import {
  ambientShop,
  ingress,
  type Overrides,
  type PolicySettings,
  refusals as refusalsOf,
  shop,
  shopModel,
  shopSources,
  withVersionServices,
} from "../support/policy-models";

const edge: GatewayWorkload = {
  ...ingress,
  kind: "gateway-api",
  service: "ingress-istio",
  serviceAccount: "ingress-istio",
  selector: { "gateway.networking.k8s.io/gateway-name": "ingress" },
};
const withTls = (tls: Partial<NonNullable<GatewayWorkload["tls"]>>): GatewayWorkload => ({
  ...edge,
  tls: {
    plainHttp: "closed",
    servers: [{ mode: "SIMPLE", credentialNames: ["istio-ingress-certificate"] }],
    ...tls,
  },
});
const versioned: typeof shop = shop.map(withVersionServices);

type Entry = NonNullable<NonNullable<PolicySettings["traffic"]>["services"]>[number];
const front: Entry = { host: "front", gateways: ["ingress"], hosts: ["shop.example.com"], http: [{}] };

const planes = {
  sidecar: (settings: PolicySettings, overrides: Overrides) =>
    shopModel(settings, { workloads: versioned, ...overrides }),
  ambient: (settings: PolicySettings, overrides: Overrides) => ambientShop(settings, { waypoints: [], ...overrides }),
};

function compiled(services: Entry[], gateway = edge, plane: keyof typeof planes = "sidecar"): KubernetesObject[] {
  return compilePolicies(planes[plane]({ traffic: { services } }, { gateways: [gateway] }));
}

function routes(services: Entry[], gateway = edge, plane: keyof typeof planes = "sidecar") {
  const schemas = new CrdSchemas();
  return compiled(services, gateway, plane)
    .filter(({ kind }) => kind === "HTTPRoute")
    .map((route) => {
      assert.deepEqual(schemas.problems(route), [], route.metadata.name);
      return { name: `${route.metadata.namespace}/${route.metadata.name}`, spec: route.spec };
    });
}

function refusals(entry: Partial<Entry>, workloads: typeof shop = versioned): string[] {
  const settings = { traffic: { services: [{ ...front, ...entry }] } };
  return refusalsOf(shopSources(settings, { gateways: [edge], workloads }));
}

describe("routes at gateways of kind gateway-api", () => {
  const listener = (sectionName: string) => ({ name: "ingress", namespace: "istio-ingress", sectionName });

  for (const plane of ["sidecar", "ambient"] as const) {
    it(`are HTTPRoutes in the ${plane} data plane, and nothing of Istio's own API`, () => {
      assert.deepEqual(routes([front], edge, plane), [
        {
          name: "shop/front.ingress",
          spec: {
            parentRefs: [listener("http.shop.example.com")],
            hostnames: ["shop.example.com"],
            rules: [{ backendRefs: [{ name: "front", port: 9080 }] }],
          },
        },
      ]);
      const kinds = new Set(compiled([front], edge, plane).map(({ apiVersion, kind }) => `${apiVersion} ${kind}`));
      for (const kind of ["Gateway", "VirtualService"]) assert.ok(!kinds.has(`networking.istio.io/v1 ${kind}`), kind);
    });
  }

  it("attach to the listeners of their own hosts, with and without TLS", () => {
    const hosts = ["*.example.com", "shop.example.com"];
    const parents = (tls: Parameters<typeof withTls>[0]) =>
      routes([{ ...front, hosts }], withTls(tls)).map(({ spec }) => (spec as { parentRefs: object }).parentRefs);
    const https = [listener("https-any.example.com"), listener("https.shop.example.com")];
    assert.deepEqual(parents({}), [https]);
    assert.deepEqual(parents({ plainHttp: "served" }), [
      [listener("http-any.example.com"), listener("http.shop.example.com"), ...https],
    ]);
  });

  it("attach to the listeners of further ports", () => {
    const [route] = routes([front], { ...withTls({}), httpServers: [{ number: 8080, protocol: "HTTP" }] });
    assert.deepEqual((route?.spec as { parentRefs: object }).parentRefs, [
      listener("https.shop.example.com"),
      listener("http8080.shop.example.com"),
    ]);
  });

  it("have no hostnames if they are for any host", () => {
    const [route] = routes([{ ...front, hosts: ["*", "shop.example.com"] }]);
    assert.deepEqual(route?.spec, {
      parentRefs: [listener("http"), listener("http.shop.example.com")],
      rules: [{ backendRefs: [{ name: "front", port: 9080 }] }],
    });
  });

  it("redirect plain HTTP to the port of HTTPS", () => {
    const redirect = (gateway: GatewayWorkload) => routes([front], gateway)[1];
    const expected = (port: object) => ({
      name: "shop/front.ingress.https",
      spec: {
        parentRefs: [listener("http.shop.example.com")],
        hostnames: ["shop.example.com"],
        rules: [
          {
            filters: [{ type: "RequestRedirect", requestRedirect: { scheme: "https", statusCode: 301, ...port } }],
          },
        ],
      },
    });
    assert.deepEqual(redirect(withTls({ plainHttp: "redirect" })), expected({}));
    assert.deepEqual(redirect(withTls({ plainHttp: "redirect", outsidePort: 30443 })), expected({ port: 30443 }));
    const [route] = routes([front], withTls({ plainHttp: "redirect" }));
    assert.deepEqual((route?.spec as { parentRefs: object }).parentRefs, [listener("https.shop.example.com")]);
  });

  it("reach versions by their Services, which get the service's traffic policy", () => {
    const reviews: Entry = {
      host: "reviews",
      gateways: ["ingress"],
      hosts: ["reviews.example.com"],
      subsets: ["v1", "v2"],
      trafficPolicy: { connectionPool: { tcp: { maxConnections: 7 } } },
      http: [{ route: { v1: 90, v2: 10 } }],
    };
    const [route] = routes([reviews]);
    assert.deepEqual((route?.spec as { rules: object }).rules, [
      {
        backendRefs: [
          { name: "reviews-v1", port: 9080, weight: 90 },
          { name: "reviews-v2", port: 9080, weight: 10 },
        ],
      },
    ]);
    const hosts = compiled([reviews])
      .filter(({ kind }) => kind === "DestinationRule")
      .map(({ spec }) => (spec as { host: string }).host);
    assert.deepEqual(
      hosts,
      ["reviews", "reviews-v1", "reviews-v2"].map((name) => `${name}.shop.svc.cluster.local`),
    );
  });

  it("are created next to those of a gateway of kind chart", () => {
    const settings = { traffic: { services: [{ ...front, gateways: ["ingress", "public"] }] } };
    const gateways = [edge, { ...ingress, name: "public", namespace: "istio-public" }];
    const made = compilePolicies(shopModel(settings, { gateways })).map(
      ({ kind, metadata }) => `${kind} ${metadata.name}`,
    );
    for (const expected of ["Gateway public", "HTTPRoute front.ingress", "VirtualService front.public"]) {
      assert.ok(made.includes(expected), expected);
    }
    assert.ok(!made.includes("Gateway ingress") && !made.includes("VirtualService front.ingress"));
  });

  it("leave a gateway in a default-deny namespace open, by its Gateway", () => {
    const inShop = { ...edge, namespace: "shop" };
    const settings: PolicySettings = { security: { authorization: { default: "deny" } } };
    const policy = compilePolicies(shopModel(settings, { gateways: [inShop] })).find(
      ({ metadata }) => metadata.name === "ingress.gateway",
    );
    assert.deepEqual(policy?.spec, {
      targetRefs: [{ group: "gateway.networking.k8s.io", kind: "Gateway", name: "ingress" }],
      action: "ALLOW",
      rules: [{}],
    });
  });

  const instead = "set kind: chart for gateways.ingress, whose VirtualServices have it";
  const rules: Readonly<Record<string, NonNullable<Entry["http"]>[number]>> = {
    retries: { retries: { attempts: 2 } },
    fault: { fault: { abort: { httpStatus: 503, percentage: 10 } } },
    directResponse: { directResponse: { status: 200 } },
    corsPolicy: { corsPolicy: { allowOrigins: [{ regex: "https://.*[.]example[.]com" }] } },
    rewrite: { match: [{ uri: { prefix: "/a" } }], rewrite: { uri: "/b" } },
    redirect: { redirect: { derivePort: "FROM_REQUEST_PORT" } },
    match: { match: [{ method: { prefix: "P" } }] },
  };
  for (const [field, rule] of Object.entries(rules)) {
    it(`refuse ${field}, and name the alternative`, () => {
      const [problem = "", ...others] = refusals({ http: [rule] });
      assert.deepEqual(others, []);
      assert.ok(
        problem.startsWith(`traffic.services[0].http[0].${field}: not at a gateway of kind gateway-api: `),
        problem,
      );
      assert.ok(problem.endsWith(instead), problem);
    });
  }

  it("refuse versions without Services, another order than that of HTTPRoute, and too many hosts", () => {
    assert.deepEqual(refusals({ subsets: ["v1"], http: [{ route: { v1: 100 } }] }, shop), [
      "traffic.services[0].http[0].route: v1 has no Service of its own, and a route of Gateway API leads to Services; create front-<version> for each version, and set versionServices: true in talos-mesh:applications",
    ]);
    const [order = ""] = refusals({
      http: [{ match: [{ uri: { prefix: "/a" } }] }, { match: [{ uri: { exact: "/a" } }], timeout: "3s" }],
    });
    assert.match(order, /^traffic\.services\[0\]\.http\[1\]: an HTTPRoute would try it before rule \[0\]/);
    const hosts = Array.from({ length: 17 }, (_, index) => `h${index}.example.com`);
    assert.deepEqual(refusals({ hosts }), [
      `traffic.services[0].hosts: found 17; an HTTPRoute has at most 16; use a wildcard, or ${instead}`,
    ]);
  });
});
