import assert from "node:assert/strict";
import { compilePolicies } from "../../policies/compile";
import { explain } from "../../policies/explain/explain";
import { CrdSchemas } from "../support/crd-schema";
import {
  ingress,
  type Overrides,
  type PolicySettings,
  refusals,
  shop,
  shopModel,
  shopSources,
  workload,
} from "../support/policy-models";

type Services = NonNullable<NonNullable<PolicySettings["traffic"]>["services"]>;

const exposed = { gateways: ["ingress"], hosts: ["shop.example.com"] };
const api: Services[number] = {
  ...exposed,
  host: "cart",
  namespace: "orders",
  http: [{ match: [{ uri: { pathPrefix: "/api" } }], rewrite: { uri: "/" } }],
};
const front: Services[number] = { ...exposed, host: "front", hosts: ["shop.example.com", "www.example.com"] };
const workloads = [...shop, workload("cart", [], "orders")];
const kinds = { chart: ingress, "gateway-api": { ...ingress, kind: "gateway-api" as const } };

function overrides(kind: keyof typeof kinds): Overrides {
  return { workloads, gateways: [kinds[kind]] };
}

function compiled(services: Services, kind: keyof typeof kinds) {
  const schemas = new CrdSchemas();
  return compilePolicies(shopModel({ traffic: { services } }, overrides(kind))).map((object) => {
    assert.deepEqual(schemas.problems(object), [], object.metadata.name);
    const { kind: name, metadata, spec } = object;
    return { title: `${name} ${metadata.namespace ?? ""}/${metadata.name}`, spec };
  });
}

describe("an entry with a wildcard and a host that it is for", () => {
  const hosts = ["*.example.com", "other.example.net", "*.shop.example.com", "a.shop.example.com"];
  const vsOf = (entry: Services[number]) =>
    compiled([entry], "chart").flatMap(({ title, spec }) =>
      title.startsWith("VirtualService") ? [{ title, ...(spec as { hosts: string[] }) }] : [],
    );

  it("has a VirtualService of its own for each such wildcard, with the same rules", () => {
    const gateways = ["istio-ingress/ingress"];
    const http = [
      {
        timeout: "3s",
        route: [{ destination: { host: "front.shop.svc.cluster.local", port: { number: 9080 } } }],
      },
    ];
    assert.deepEqual(vsOf({ ...front, hosts, http: [{ timeout: "3s" }] }), [
      {
        title: "VirtualService shop/front.ingress",
        hosts: ["a.shop.example.com", "other.example.net"],
        gateways,
        http,
      },
      { title: "VirtualService shop/ingress.host.any.example.com", hosts: ["*.example.com"], gateways, http },
      { title: "VirtualService shop/ingress.host.any.shop.example.com", hosts: ["*.shop.example.com"], gateways, http },
    ]);
  });

  it("has the rules for TLS with the names of each, and none where no rule is for its host", () => {
    const tls = [{ match: [{ sniHosts: ["*.example.com"] }, { sniHosts: ["other.example.net", "*.example.com"] }] }];
    const found = vsOf({ ...front, hosts, tls }) as { hosts: string[]; tls?: { match: { sniHosts: string[] }[] }[] }[];
    assert.deepEqual(
      found.map((one) => [one.hosts, one.tls?.map(({ match }) => match.map(({ sniHosts }) => sniHosts))]),
      [
        [["a.shop.example.com", "other.example.net"], [[["other.example.net"]]]],
        [["*.example.com"], [[["*.example.com"], ["*.example.com"]]]],
      ],
    );
  });

  it("is one HTTPRoute", () => {
    const titles = compiled([{ ...front, hosts }], "gateway-api").map(({ title }) => title);
    assert.ok(titles.includes("HTTPRoute shop/front.ingress"));
    assert.deepEqual(
      titles.filter((title) => title.includes(".host.")),
      [],
    );
  });
});

describe("services that share a host of a gateway", () => {
  it("are one VirtualService, with the rules in the order of the entries", () => {
    const objects = compiled([api, front], "chart");
    const shared = objects.find(({ title }) => title === "VirtualService orders/ingress.host.shop.example.com");
    const [cart, shopFront] = ["cart.orders", "front.shop"].map((name) => ({
      destination: { host: `${name}.svc.cluster.local`, port: { number: 9080 } },
    }));
    assert.deepEqual(shared?.spec, {
      hosts: ["shop.example.com"],
      gateways: ["istio-ingress/ingress"],
      http: [
        {
          match: [{ uri: { exact: "/api" } }, { uri: { prefix: "/api/" } }],
          rewrite: { uriRegexRewrite: { match: "^/api/*(.*)$", rewrite: "/\\1" } },
          route: [cart],
        },
        { route: [shopFront] },
      ],
    });
    const alone = objects.find(({ title }) => title === "VirtualService shop/front.ingress");
    assert.deepEqual((alone?.spec as { hosts: string[] }).hosts, ["www.example.com"]);
    const gateway = objects.find(({ title }) => title === "Gateway istio-ingress/ingress");
    assert.deepEqual((gateway?.spec as { servers: { hosts: string[] }[] }).servers[0]?.hosts, [
      "orders/shop.example.com",
      "shop/www.example.com",
    ]);
  });

  it("have a name that Kubernetes takes, and each another, however long the host is", () => {
    const label = "a".repeat(60);
    const long = ["x", "y"].map((last) => `${label}.${label}.${label}.${"b".repeat(52)}${last}.example.com`);
    const entry = { ...front, hosts: long };
    for (const kind of ["chart", "gateway-api"] as const) {
      const titles = compiled([{ ...api, hosts: long }, entry], kind).map(({ title }) => title);
      const shared = titles.filter((title) => title.includes("ingress.host."));
      assert.equal(new Set(shared).size, 2);
      assert.deepEqual(
        shared.filter((title) => !/^[A-Za-z]+ orders\/(?=.{253}$)[a-z0-9.-]+\.[0-9a-f]{16}$/.test(title)),
        [],
      );
    }
  });

  it("are one HTTPRoute, with a grant for the services of other namespaces", () => {
    const objects = compiled([api, front], "gateway-api");
    const shared = objects.find(({ title }) => title === "HTTPRoute orders/ingress.host.shop.example.com");
    assert.deepEqual((shared?.spec as { rules: object[] }).rules, [
      {
        matches: [{ path: { type: "PathPrefix", value: "/api" } }],
        filters: [
          { type: "URLRewrite", urlRewrite: { path: { type: "ReplacePrefixMatch", replacePrefixMatch: "/" } } },
        ],
        backendRefs: [{ name: "cart", port: 9080 }],
      },
      { backendRefs: [{ name: "front", namespace: "shop", port: 9080 }] },
    ]);
    assert.deepEqual(objects.find(({ title }) => title === "ReferenceGrant shop/routes-of-orders")?.spec, {
      from: [{ group: "gateway.networking.k8s.io", kind: "HTTPRoute", namespace: "orders" }],
      to: [{ group: "", kind: "Service", name: "front" }],
    });
  });

  it("are refused where an HTTPRoute would try the rules of the second first", () => {
    const exact = { ...front, http: [{ match: [{ uri: { exact: "/api/x" } }] }] };
    const found = (services: Services) => refusals(shopSources({ traffic: { services } }, overrides("gateway-api")));
    assert.match(
      found([api, exact]).join("\n"),
      /^traffic\.services\[1\]\.http\[0\]: an HTTPRoute would try it before traffic\.services\[0\]\.http\[0\]/,
    );
    assert.deepEqual(found([exact, api]), []);
  });

  it("are explained together: a request goes to the service of the first rule that matches", () => {
    const model = shopModel({ traffic: { services: [api, front] } }, overrides("chart"));
    const ask = (path: string, to: string) => {
      const headers = { host: "shop.example.com" };
      const { outcome, steps } = explain(model, { from: "ingress", to, path, method: "GET", headers });
      return [outcome, ...steps.map(({ what }) => what)].join("; ");
    };
    assert.match(ask("/api/orders/1", "orders/cart"), /^passes;.*its path becomes \/orders\/1/);
    assert.match(ask("/api/orders/1", "front"), /it does not reach front; what follows is for cart/);
    assert.match(ask("/other", "orders/cart"), /it goes to front; it does not reach cart/);
  });
});

describe("a route to another service", () => {
  const route = { host: "ratings", weight: 100 };
  const settings: PolicySettings = {
    traffic: { services: [{ host: "reviews", http: [{ match: [{ uri: { prefix: "/r" } }], route: [route] }, {}] }] },
    security: { authorization: { deny: [{ to: "ratings", from: ["front"] }] } },
  };

  it("is judged by the rules of that service", () => {
    const ask = (path: string) =>
      explain(shopModel(settings), { from: "front", to: "reviews", path, method: "GET", headers: {} });
    assert.equal(ask("/r/1").outcome, "denied");
    assert.ok(ask("/r/1").steps.some(({ what }) => what === "it does not reach reviews; what follows is for ratings"));
    assert.equal(ask("/other").outcome, "passes");
  });
});
