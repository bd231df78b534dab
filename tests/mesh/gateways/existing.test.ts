import assert from "node:assert/strict";
import path from "node:path";
import { projectRoot, runStack, type StackRun } from "../../support/program";

interface Made {
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec: Readonly<Record<string, unknown>>;
}

describe("a gateway that others deploy", function () {
  this.timeout(60_000);
  let stack: StackRun;
  before(async () => {
    stack = await runStack({
      stack: "gateways",
      configFile: path.join(projectRoot, "tests/fixtures/good/gateways-existing.yaml"),
    });
  });

  const spec = (type: string, name: string) => (stack.one(type, name).inputs as unknown as Made).spec;

  it("is not deployed, nor is its namespace created", () => {
    const releases = stack.byType("kubernetes:helm.sh/v3:Release").map(({ name }) => name);
    assert.deepEqual(
      releases.filter((name) => name.startsWith("istio-gateway-")),
      [],
    );
    const namespaces = stack.byType("Namespace").map(({ inputs }) => (inputs as unknown as Made).metadata.name);
    assert.deepEqual(namespaces.sort(), ["bookinfo", "istio-system", "observability"]);
    assert.deepEqual(stack.byType("kubernetes:gateway.networking.k8s.io/v1:Gateway"), []);
  });

  it("gets a Gateway where it is known by the labels of its pods only", () => {
    const gateways = stack.byType("kubernetes:networking.istio.io/v1:Gateway").map(({ name }) => name);
    assert.deepEqual(gateways, ["gateway-istio-system/pods"]);
    assert.deepEqual(spec("kubernetes:networking.istio.io/v1:Gateway", "gateway-istio-system/pods"), {
      selector: { istio: "ingressgateway" },
      servers: [
        {
          port: { number: 8080, name: "http", protocol: "HTTP" },
          hosts: ["bookinfo/shop.example.com"],
        },
        {
          port: { number: 443, name: "https", protocol: "HTTPS" },
          hosts: ["bookinfo/shop.example.com"],
          tls: { mode: "SIMPLE", credentialName: "wildcard" },
        },
      ],
    });
  });

  it("has a URL where this program knows its ports", () => {
    assert.deepEqual(stack.outputs.urls, ["https://shop.example.com:30443/"]);
  });

  it("gets routes that name its own Gateway", () => {
    const route = (name: string) => spec("VirtualService", `virtualservice-bookinfo/productpage.${name}`).gateways;
    assert.deepEqual([route("pods"), route("shared")], [["istio-system/pods"], ["edge/public"]]);
    const { parentRefs, hostnames } = spec("HTTPRoute", "httproute-bookinfo/productpage.standard");
    assert.deepEqual(parentRefs, [{ namespace: "infra", name: "web", sectionName: "https" }]);
    assert.deepEqual(hostnames, ["shop.example.com"]);
  });

  it("is known to rules by the identity and the labels of its pods, or by its Gateway", () => {
    const allowed = JSON.stringify(spec("AuthorizationPolicy", "authorizationpolicy-bookinfo/productpage.allow"));
    for (const identity of [
      "istio-system/sa/istio-ingressgateway-service-account",
      "edge/sa/edge",
      "infra/sa/web-istio",
    ]) {
      assert.ok(allowed.includes(`"cluster.local/ns/${identity}"`), allowed);
    }
    const rules = (namespace: string, name: string) =>
      spec("AuthorizationPolicy", `authorizationpolicy-${namespace}/${name}.allow`);
    assert.deepEqual(rules("infra", "standard").targetRefs, [
      { group: "gateway.networking.k8s.io", kind: "Gateway", name: "web" },
    ]);
    assert.deepEqual(rules("edge", "shared").selector, { matchLabels: { istio: "edge" } });
  });
});
