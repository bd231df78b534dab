import assert from "node:assert/strict";
import { telemetry } from "../../components/settings/sections/telemetry";
import { compilePolicies } from "../../policies/compile";
import { explain } from "../../policies/explain/explain";
import {
  type Overrides,
  type PolicySettings,
  refusals,
  shop,
  shopModel,
  shopSources,
  workload,
} from "../support/policy-models";

const workloads = [...shop, workload("stock", [], "store")];
const overrides: Overrides = { workloads };
const ownOnly: PolicySettings["mesh"] = { sidecars: [{ workload: "shop/*", hosts: ["./*", "istio-system/*"] }] };

const refused = (settings: PolicySettings, more: Overrides = {}) =>
  refusals(shopSources(settings, { ...overrides, ...more }));

describe("services that sidecars know by hand", () => {
  it("refuses a rule for a client that does not know the service, of the narrowest entry", () => {
    const security = { authorization: { allow: [{ to: "store/stock", from: ["shop/front", "shop/reviews"] }] } };
    const hosts = ["./*", "store/stock.store.svc.cluster.local"];
    const sidecars = [...(ownOnly.sidecars ?? []), { workload: "reviews", hosts }];
    assert.deepEqual(refused({ mesh: { sidecars }, security }), [
      "security.authorization.allow[0].from: front knows ./*, istio-system/* only, at mesh.sidecars[0], which hides stock: its proxy would send no identity; add store/stock.store.svc.cluster.local there",
    ]);
  });

  it("refuses routes, traffic policies and hosts outside the mesh that no client knows", () => {
    const traffic: PolicySettings["traffic"] = {
      services: [{ host: "stock", namespace: "store", http: [{ timeout: "1s" }] }],
      externalServices: [{ hosts: ["api.example.com"], ports: [{ number: 443, protocol: "TLS" }], namespace: "store" }],
    };
    const found = refused({ mesh: { sidecars: [{ hosts: ["shop/*"] }] }, traffic });
    assert.match(found.join("\n"), /traffic.externalServices\[0\]: mesh.sidecars hides api.example.com from every/);
    assert.match(
      found.join("\n"),
      /traffic.services\[0\]: mesh.sidecars hides stock.store.svc.cluster.local from every/,
    );
    assert.deepEqual(
      refused({ mesh: { sidecars: [{ hosts: ["store/*.store.svc.cluster.local", "./*"] }] }, traffic }),
      [],
    );
  });

  it("adds what every proxy calls, where the entry does not name it", () => {
    const otel = { service: "otel.otel.svc.cluster.local", port: 4317 };
    const hosts = (given: string[]) => {
      const model = shopModel(
        { mesh: { sidecars: [{ hosts: given }] } },
        { telemetry: telemetry.parse({ extensionProviders: [{ name: "otel", opentelemetry: otel }] }) },
      );
      const [sidecar] = compilePolicies(model).filter(({ kind }) => kind === "Sidecar");
      return (sidecar?.spec as { egress: { hosts: string[] }[] }).egress[0]?.hosts;
    };
    assert.deepEqual(hosts(["./*"]), ["*/otel.otel.svc.cluster.local", "./*"]);
    assert.deepEqual(hosts(["./*", "otel/*"]), ["./*", "otel/*"]);
  });

  it("explains a request to a hidden service: without identity, or blocked", () => {
    const request = { from: "front", to: "store/stock", method: "GET", path: "/", headers: {} };
    const outcome = (mesh: PolicySettings["mesh"], more: Overrides = {}) =>
      explain(shopModel({ mesh }, { ...overrides, ...more }), request).outcome;
    assert.equal(outcome({}), "passes");
    assert.equal(outcome(ownOnly), "denied");
    assert.equal(outcome(ownOnly, { mtls: "PERMISSIVE" }), "passes");
    assert.equal(outcome({ ...ownOnly, outboundTrafficPolicy: "REGISTRY_ONLY" }, { mtls: "PERMISSIVE" }), "denied");
  });

  it("explains a request to a hidden host outside the mesh", () => {
    const request = { from: "front", to: "api.example.com", method: "GET", path: "/", headers: {}, port: 443 };
    const externalServices = [{ hosts: ["api.example.com"], ports: [{ number: 443, protocol: "TLS" as const }] }];
    const outcome = (hosts: string[]) => {
      const mesh = { sidecars: [{ hosts, outboundTrafficPolicy: "REGISTRY_ONLY" as const }] };
      return explain(shopModel({ mesh, traffic: { externalServices } }), request).outcome;
    };
    assert.equal(outcome(["*/api.example.com"]), "passes");
    assert.equal(outcome(["*/*.svc.cluster.local"]), "denied");
  });

  it("refuses a gateway, a second entry, and an entry next to egress rules", () => {
    const hosts = ["./*"];
    const sidecars = [
      { workload: "ingress", hosts },
      { workload: "shop/*", hosts },
      { workload: "shop/*", hosts },
    ];
    const found = refused({ mesh: { sidecars }, security: { egress: { allow: [] } } }).join("\n");
    assert.match(found, /sidecars\[0\].workload: found gateway ingress; a Sidecar selects pods with a sidecar/);
    assert.match(found, /sidecars\[2\]: .*namespace shop/);
    assert.match(found, /sidecars\[1\]: security.egress has a Sidecar for each workload/);
  });

  it("refuses objects that select the same pods, and hosts that no client would know", () => {
    type Written = NonNullable<Overrides["objects"]>[number];
    const object = (kind: string, spec: Written["spec"]): Written => {
      return { apiVersion: "networking.istio.io/v1", kind, metadata: { name: "own", namespace: "shop" }, spec };
    };
    const objects = [object("Sidecar", { egress: [{ hosts: ["*/*"] }] }), object("ProxyConfig", { concurrency: 1 })];
    const mesh = { ...ownOnly, proxyConfigs: [{ workload: "shop/*", concurrency: 2 }] };
    assert.deepEqual(refused({ mesh }, { objects }), [
      "objects[0].spec: selects the same as the Sidecar of mesh.sidecars[0], and Istio reads one of them; remove one",
      "objects[1].spec: selects the same as the ProxyConfig of mesh.proxyConfigs[0], and Istio reads one of them; remove one",
    ]);
    const entry = { ...object("ServiceEntry", { hosts: ["a.example"] }), metadata: { name: "a", namespace: "store" } };
    const hidden = refused({ mesh: { sidecars: [{ hosts: ["shop/*"] }] } }, { objects: [entry] }).join("\n");
    assert.match(hidden, /objects\[0\]: mesh.sidecars hides a.example from every workload/);
  });
});

describe("configurations of proxies", () => {
  it("refuses a gateway, the mesh, and an entry that sets nothing", () => {
    const proxyConfigs = [
      { workload: "ingress", concurrency: 1 },
      { workload: "*", concurrency: 1 },
      { workload: "front" },
    ];
    const found = refused({ mesh: { proxyConfigs } });
    assert.deepEqual(found, [
      "mesh.proxyConfigs[0].workload: found gateway ingress; its pods may run before the ProxyConfig exists; expected a workload or namespace/*",
      "mesh.proxyConfigs[1].workload: found *; for every proxy of the mesh set mesh.values.istiod.meshConfig.defaultConfig: concurrency, proxyMetadata, image",
      "mesh.proxyConfigs[2]: expected at least one of: concurrency, environmentVariables, image",
    ]);
  });
});
