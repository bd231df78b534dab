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
