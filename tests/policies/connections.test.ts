import assert from "node:assert/strict";
import type { PolicyModel } from "../../components/model/policies/policy-model";
import type { ServicePort } from "../../components/shared/workload";
import { compilePolicies } from "../../policies/compile";
import { explain } from "../../policies/explain/explain";
import {
  ambientShop,
  ingress,
  type PolicySettings,
  shop,
  shopModel,
  withVersionServices,
} from "../support/policy-models";

type Service = NonNullable<NonNullable<PolicySettings["traffic"]>["services"]>[number];

const http: ServicePort = { name: "http", port: 9080, protocol: "http" };
const admin: ServicePort = { name: "http-admin", port: 8080, protocol: "http" };
const tcp: ServicePort = { name: "tcp", port: 9000, protocol: "tcp" };
const other: ServicePort = { name: "tcp-other", port: 9001, protocol: "tcp" };
const tls: ServicePort = { name: "tls", port: 9443, protocol: "tls" };

function withPorts(...ports: readonly ServicePort[]) {
  return shop.map((one) => (one.name === "reviews" ? withVersionServices({ ...one, ports }) : one));
}

const reviews = { host: "reviews", subsets: ["v1", "v2"] };
const split = { route: { v1: 80, v2: 20 } };

function settings(...services: Service[]): PolicySettings {
  return { traffic: { services } };
}

interface Routes {
  readonly hosts: readonly string[];
  readonly http?: readonly { readonly match?: object[]; readonly route: readonly { readonly destination: object }[] }[];
  readonly tcp?: Routes["http"];
  readonly tls?: Routes["http"];
}

function specs(model: PolicyModel, kind: string): Record<string, unknown> {
  const objects = compilePolicies(model).filter((object) => object.kind === kind);
  return Object.fromEntries(objects.map(({ metadata, spec }) => [metadata.name, spec]));
}

function virtualService(model: PolicyModel, name = "reviews"): Routes {
  return (specs(model, "VirtualService")[name] ?? assert.fail(`no VirtualService ${name}`)) as Routes;
}

const destination = (port: number | undefined, subset?: string) => ({
  host: "reviews.shop.svc.cluster.local",
  ...(port !== undefined && { port: { number: port } }),
  ...(subset !== undefined && { subset }),
});

describe("routes to a Service with several ports", () => {
  it("are one for each port, so that a request keeps the one that it was sent to", () => {
    const model = shopModel(settings({ ...reviews, http: [split, {}] }), { workloads: withPorts(http, admin, tcp) });
    const { http: rules = [] } = virtualService(model);
    assert.deepEqual(
      rules.map(({ match, route }) => [match, route.map((one) => one.destination)]),
      [
        [[{ port: 9080 }], [destination(9080, "v1"), destination(9080, "v2")]],
        [[{ port: 8080 }], [destination(8080, "v1"), destination(8080, "v2")]],
        [[{ port: 9080 }], [destination(9080)]],
        [[{ port: 8080 }], [destination(8080)]],
      ],
    );
  });

  it("match the port that their entry names, and leave requests for other ports alone", () => {
    const byHeader = { match: [{ headers: { a: { exact: "b" } } }, { port: 8080 }], timeout: "1s" };
    const model = shopModel(settings({ ...reviews, port: 8080, http: [byHeader, {}] }), {
      workloads: withPorts(http, admin),
    });
    const { http: rules = [] } = virtualService(model);
    assert.deepEqual(
      rules.map(({ match, route }) => [match, route.map((one) => one.destination)]),
      [
        [[{ port: 8080, headers: { a: { exact: "b" } } }, { port: 8080 }], [destination(8080)]],
        [[{ port: 8080 }], [destination(8080)]],
      ],
    );
  });

  it("name the port behind a gateway: the only one for HTTP, or that of the entry", () => {
    const entry = { ...reviews, gateways: ["ingress"], hosts: ["shop.example.com"] };
    const one = shopModel(settings(entry), { workloads: withPorts(tcp, http) });
    assert.deepEqual(virtualService(one, "reviews.ingress").http, [{ route: [{ destination: destination(9080) }] }]);
    const two = shopModel(settings({ ...entry, port: 8080 }), { workloads: withPorts(http, admin) });
    assert.deepEqual(virtualService(two, "reviews.ingress").http, [{ route: [{ destination: destination(8080) }] }]);
  });

  it("are an HTTPRoute for each HTTP port at a waypoint, with that port of the backends", () => {
    const of = (...services: Service[]) =>
      specs(ambientShop(settings(...services), { workloads: withPorts(http, tcp, admin) }), "HTTPRoute");
    const every = of({ ...reviews, http: [split] });
    assert.deepEqual(Object.keys(every), ["reviews", "reviews.8080"]);
    for (const [name, port] of Object.entries({ reviews: 9080, "reviews.8080": 8080 })) {
      const text = JSON.stringify(every[name]);
      assert.match(
        text,
        new RegExp(`"parentRefs":\\[\\{"group":"","kind":"Service","name":"reviews","port":${port}\\}`),
      );
      assert.match(text, new RegExp(`"name":"reviews-v1","port":${port},"weight":80`));
    }
    assert.match(JSON.stringify(of({ ...reviews, port: 8080, http: [split] })), /^\{"reviews":.*"port":8080/);
  });

  it("use the port of a version's own Service", () => {
    const workloads = shop.map((one) => ({
      ...one,
      versionServices: new Map(one.versions.map((version) => [version, { name: `${one.name}-${version}`, port: 80 }])),
    }));
    const routes = specs(ambientShop(settings({ ...reviews, http: [split] }), { workloads }), "HTTPRoute");
    const text = JSON.stringify(routes);
    assert.match(text, /"parentRefs":\[\{"group":"","kind":"Service","name":"reviews","port":9080\}/);
    assert.match(text, /"backendRefs":\[\{"name":"reviews-v1","port":80,"weight":80\},/);
  });

  it("apply to the port of a request in its explanation", () => {
    const model = shopModel(settings({ ...reviews, port: 8080, http: [{ match: [{ uri: { exact: "/a" } }] }] }), {
      workloads: withPorts(http, admin),
    });
    const ask = (port: number) =>
      explain(model, { from: "front", to: "reviews", method: "GET", path: "/b", headers: {}, port }).outcome;
    assert.equal(ask(8080), "no route");
    assert.equal(ask(9080), "passes");
  });
});

describe("routes of connections", () => {
  it("are shared by weight among versions, at sidecars and at waypoints", () => {
    const shared = settings({ ...reviews, tcp: [split] });
    const expected = [
      { destination: destination(9000, "v1"), weight: 80 },
      { destination: destination(9000, "v2"), weight: 20 },
    ];
    for (const shopOf of [shopModel, ambientShop]) {
      const { tcp: rules } = virtualService(shopOf(shared, { workloads: withPorts(tcp) }));
      assert.deepEqual(rules, [{ route: expected }]);
      assert.ok("reviews" in specs(shopOf(shared, { workloads: withPorts(tcp) }), "DestinationRule"));
    }
  });

  it("share a VirtualService with those of HTTP at sidecars, and have one next to the HTTPRoute at a waypoint", () => {
    const both = settings({ ...reviews, http: [split], tcp: [split] });
    const overrides = { workloads: withPorts(http, tcp) };
    const inMesh = virtualService(shopModel(both, overrides));
    assert.deepEqual([inMesh.http?.length, inMesh.tcp?.length], [1, 1]);
    const ambient = ambientShop(both, overrides);
    assert.deepEqual(Object.keys(virtualService(ambient)), ["hosts", "tcp"]);
    assert.ok("reviews" in specs(ambient, "HTTPRoute"));
  });

  it("are matched by port, address and client", () => {
    const match = [
      { port: 9001, sourceWorkload: "front" },
      { destinationSubnets: ["10.0.0.0/8"], sourceNamespace: "batch", sourceLabels: { tier: "a" } },
    ];
    const model = shopModel(settings({ ...reviews, tcp: [{ match, route: { v2: 100 } }, {}] }), {
      workloads: withPorts(tcp, other),
    });
    const batch = { destinationSubnets: ["10.0.0.0/8"], sourceNamespace: "batch", sourceLabels: { tier: "a" } };
    assert.deepEqual(virtualService(model).tcp, [
      { match: [{ port: 9000, ...batch }], route: [{ destination: destination(9000, "v2"), weight: 100 }] },
      {
        match: [
          { port: 9001, sourceLabels: { app: "front" }, sourceNamespace: "shop" },
          { port: 9001, ...batch },
        ],
        route: [{ destination: destination(9001, "v2"), weight: 100 }],
      },
      { match: [{ port: 9000 }], route: [{ destination: destination(9000) }] },
      { match: [{ port: 9001 }], route: [{ destination: destination(9001) }] },
    ]);
  });

  it("go to a port of another service", () => {
    const model = shopModel(settings({ ...reviews, tcp: [{ route: [{ host: "ratings" }] }] }), {
      workloads: withPorts(tcp).map((one) =>
        one.name === "ratings" ? { ...one, ports: [http, { ...tcp, port: 7000 }] } : one,
      ),
    });
    assert.deepEqual(virtualService(model).tcp, [
      { route: [{ destination: { host: "ratings.shop.svc.cluster.local", port: { number: 7000 } } }] },
    ]);
  });

  it("enter by a further port of a gateway, which serves nothing else", () => {
    const gateway = { ...ingress, ports: { ...ingress.ports, "tcp-echo": 31400 } };
    const model = shopModel(settings({ ...reviews, gateways: ["ingress"], tcp: [split] }), {
      workloads: withPorts(http, tcp),
      gateways: [gateway],
    });
    const { servers } = specs(model, "Gateway").ingress as { servers: object[] };
    assert.deepEqual(servers, [{ port: { number: 31400, name: "tcp-31400", protocol: "TCP" }, hosts: ["shop/*"] }]);
    const { hosts, tcp: rules } = virtualService(model, "reviews.ingress.tcp");
    assert.deepEqual(hosts, ["*"]);
    assert.deepEqual(rules?.[0]?.match, [{ port: 31400 }]);
    assert.deepEqual(
      rules.map(({ route }) => route.map((one) => one.destination)),
      [[destination(9000, "v1"), destination(9000, "v2")]],
    );
  });

  it("by the name in a TLS handshake: at sidecars the given ones, at a waypoint every connection", () => {
    const named = { match: [{ sniHosts: ["reviews.example.com"] }], ...split };
    const overrides = { workloads: withPorts(tls) };
    const { hosts, tls: rules } = virtualService(shopModel(settings({ ...reviews, tls: [named] }), overrides));
    assert.deepEqual(hosts, ["reviews.shop.svc.cluster.local", "reviews.example.com"]);
    assert.deepEqual(rules?.[0]?.match, [{ sniHosts: ["reviews.example.com"] }]);
    const ambient = virtualService(ambientShop(settings({ ...reviews, tls: [split] }), overrides));
    assert.deepEqual(ambient.hosts, ["reviews.shop.svc.cluster.local"]);
    assert.deepEqual(ambient.tls?.[0]?.match, [{ sniHosts: ["reviews.shop.svc.cluster.local"] }]);
  });

  it("are explained", () => {
    const rules = [{ match: [{ sourceWorkload: "front" }], route: { v2: 100 } }];
    const model = shopModel(settings({ ...reviews, tcp: rules }), { workloads: withPorts(tcp) });
    const ask = (from: string) =>
      explain(model, { from, to: "reviews", method: "GET", path: "/", headers: {} }).steps.map(({ what }) => what)[0];
    assert.equal(ask("front"), "its connection goes to v2 100%");
    assert.equal(ask("ratings"), "no rule takes its connection: it goes to the service itself");
  });
});
