import assert from "node:assert/strict";
import path from "node:path";
import { projectRoot, runStack, type StackRun } from "../support/program";

describe("pages of addons behind gateways", function () {
  this.timeout(60_000);
  let stack: StackRun;
  before(async () => {
    stack = await runStack({
      stack: "exposed",
      configFile: path.join(projectRoot, "tests/fixtures/good/observability-exposed.yaml"),
    });
  });

  const specOf = (type: string, name: string) =>
    (stack.one(type, name).inputs as { readonly spec: Readonly<Record<string, unknown>> }).spec;

  it("have routes to the addon's Service, in its namespace", () => {
    for (const [name, port] of [
      ["grafana", 3000],
      ["jaeger", 16686],
    ] as const) {
      assert.deepEqual(specOf("VirtualService", `virtualservice-observability/${name}.ingress`), {
        hosts: [`${name}.example.com`],
        gateways: ["istio-ingress/ingress"],
        http: [
          { route: [{ destination: { host: `${name}.observability.svc.cluster.local`, port: { number: port } } }] },
        ],
      });
    }
    const { hostnames, rules } = specOf("HTTPRoute", "httproute-observability/kiali.standard");
    assert.deepEqual([hostnames, rules], [["kiali.example.com"], [{ backendRefs: [{ name: "kiali", port: 20001 }] }]]);
  });

  it("are hosts of the gateway, for the namespace of the addons only", () => {
    const { servers } = specOf("kubernetes:networking.istio.io/v1:Gateway", "gateway-istio-ingress/ingress");
    const hosts = (servers as { readonly hosts: readonly string[] }[]).map((server) => server.hosts);
    assert.deepEqual(hosts, [["observability/grafana.example.com", "observability/jaeger.example.com"]]);
    const { listeners } = specOf("kubernetes:gateway.networking.k8s.io/v1:Gateway", "istio-gateway-standard");
    const described = (listeners as { readonly hostname: string; readonly allowedRoutes: unknown }[]).map(
      ({ hostname, allowedRoutes }) => [hostname, allowedRoutes],
    );
    const namespaces = {
      from: "Selector",
      selector: { matchLabels: { "kubernetes.io/metadata.name": "observability" } },
    };
    assert.deepEqual(described, [["kiali.example.com", { namespaces }]]);
  });

  it("have URLs, and no policy of the mesh applies to them, as their pods have no proxy", () => {
    const urls = stack.outputs.urls as string[];
    assert.deepEqual(
      urls,
      ["grafana", "jaeger", "kiali"].map((name) => `https://${name}.example.com:443/`),
    );
    const policies = ["AuthorizationPolicy", "PeerAuthentication", "Sidecar"].flatMap((kind) => stack.byType(kind));
    assert.deepEqual(
      policies.filter(({ name }) => name.includes("observability")),
      [],
    );
  });
});
