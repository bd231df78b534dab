import assert from "node:assert/strict";
import type { KubernetesObject } from "../../components/shared/kubernetes/object";
import { compilePolicies } from "../../policies/compile";
import { applyOrder } from "../../policies/mesh-policies";
import { shopModel } from "../support/policy-models";
import { runStack } from "../support/program";
import { scenarios } from "./scenarios";

function istio(kind: string, name: string, spec: object): KubernetesObject {
  return { apiVersion: "networking.istio.io/v1", kind, metadata: { name, namespace: "shop" }, spec };
}

/** Names of the objects of each group, in order. */
function applied(...objects: KubernetesObject[]): string[][] {
  return applyOrder(objects).map((group) => group.map(({ metadata }) => metadata.name));
}

describe("the order in which policies are applied", () => {
  const coffee = istio("ServiceEntry", "coffee", { hosts: ["a-cup-of.coffee"] });

  it("creates an external host after its routes and TLS settings, which proxies would bypass otherwise", () => {
    const { settings, overrides } = scenarios["egress-gateway"] ?? assert.fail("no such scenario");
    const groups = applyOrder(compilePolicies(shopModel(settings, overrides)));
    const at = (kind: string) =>
      groups.flatMap((group, index) => (group.some((each) => each.kind === kind) ? [index] : []));
    assert.deepEqual(at("DestinationRule"), [0]);
    assert.deepEqual(at("Gateway"), [0]);
    assert.deepEqual(at("VirtualService"), [1]);
    assert.deepEqual(at("ServiceEntry"), [2]);
  });

  it("creates a route to an external host after the host, and a route to a subset after the subset", () => {
    const route = istio("VirtualService", "route", {
      hosts: ["reviews"],
      http: [{ route: [{ destination: { host: "a-cup-of.coffee" } }] }],
    });
    const subsets = istio("DestinationRule", "subsets", { host: "reviews" });
    const httpRoute = { ...route, kind: "HTTPRoute", metadata: { ...route.metadata, name: "http" } };
    assert.deepEqual(applied(httpRoute, route, coffee, subsets), [["subsets"], ["coffee"], ["http", "route"]]);
  });

  it("recognizes a host under a wildcard", () => {
    const every = istio("ServiceEntry", "every", { hosts: ["*.coffee"] });
    const routeOf = (name: string, host: string) => istio("VirtualService", name, { hosts: [host] });
    assert.deepEqual(
      applied(every, routeOf("fits", "a-cup-of.coffee"), routeOf("not", "coffee"), routeOf("wide", "*.coffee")),
      [["fits", "wide"], ["every"], ["not"]],
    );
  });

  it("is the order of dependencies in a stack, so that a host is deleted before its routes", async () => {
    const allow = [
      { from: "productpage", hosts: ["a-cup-of.coffee"], ports: [443] },
      { from: "reviews", hosts: ["une-tasse-de.cafe"], ports: [80], protocol: "HTTP", tlsOrigination: true },
    ];
    const overrides = { gateways: { egress: {} }, security: { egress: { mode: "egressGateway", allow } } };
    const run = await runStack({ overrides });
    const entry = run.one("ServiceEntry", "serviceentry-istio-egress/une-tasse-de.cafe");
    for (const [type, name] of [
      ["DestinationRule", "destinationrule-istio-egress/une-tasse-de.cafe"],
      ["DestinationRule", "destinationrule-istio-egress/istio-egress"],
      ["VirtualService", "virtualservice-istio-egress/une-tasse-de.cafe"],
    ] as const) {
      assert.ok(run.dependsOn(entry, run.one(type, name)), `it does not wait for ${name}`);
    }
    const reviews = run.one("VirtualService", "virtualservice-bookinfo/reviews");
    assert.ok(
      run.dependsOn(reviews, entry) &&
        run.dependsOn(reviews, run.one("DestinationRule", "destinationrule-bookinfo/reviews")),
    );
  });
});
