import assert from "node:assert/strict";
import { compilePolicies } from "../../policies/compile";
import { explain, type Question } from "../../policies/explain/explain";
import { CrdSchemas } from "../support/crd-schema";
import {
  ingress,
  type Overrides,
  type PolicySettings,
  refusals,
  shop,
  shopModel,
  shopSources,
} from "../support/policy-models";

type Service = NonNullable<NonNullable<PolicySettings["traffic"]>["services"]>[number];

const entry: Service = { host: "ratings", gateways: ["ingress"], hosts: ["ratings.example.com"], port: 9443 };
const ports = [
  { name: "https", port: 9443, protocol: "https" as const },
  { name: "http", port: 9080, protocol: "http" as const },
];
const overrides: Overrides = { mtls: "PERMISSIVE", workloads: shop.map((one) => ({ ...one, ports })) };
const level = { port: { number: 9443 }, tls: { mode: "SIMPLE" as const, credentialName: "ca" } };

function rules(service: Service) {
  const model = shopModel({ traffic: { services: [{ ...entry, ...service }] } }, overrides);
  const all = compilePolicies(model).filter(({ kind }) => kind === "DestinationRule");
  for (const rule of all) assert.deepEqual(new CrdSchemas().problems(rule), []);
  return all.map(({ metadata, spec }) => ({ at: `${metadata.namespace}/${metadata.name}`, spec }));
}

describe("a gateway that speaks TLS to a service of an encrypted port", () => {
  const host = "ratings.shop.svc.cluster.local";

  it("has a rule for its pods alone, and clients in the mesh keep the rest of the policy", () => {
    const pool = { connectionPool: { tcp: { connectTimeout: "1s" } } };
    const subsets = [{ name: "v1", labels: { version: "v1" } }];
    const tls = { mode: "SIMPLE", sni: host, subjectAltNames: [host], credentialName: "ca" };
    assert.deepEqual(rules({ host: "ratings", subsets, trafficPolicy: { ...pool, portLevelSettings: [level] } }), [
      {
        at: "istio-ingress/ratings.shop.ingress",
        spec: {
          host,
          exportTo: ["."],
          workloadSelector: { matchLabels: ingress.selector },
          trafficPolicy: { ...pool, portLevelSettings: [{ port: { number: 9443 }, tls }] },
          subsets,
        },
      },
      { at: "shop/ratings", spec: { host, trafficPolicy: pool, subsets } },
    ]);
  });

  it("has the only rule where the policy has nothing else", () => {
    assert.deepEqual(
      rules({ host: "ratings", trafficPolicy: { portLevelSettings: [level] } }).map(({ at }) => at),
      ["istio-ingress/ratings.shop.ingress"],
    );
  });

  it("is explained: the gateway's requests have no mTLS, those of clients in the mesh do", () => {
    const service = { ...entry, trafficPolicy: { portLevelSettings: [level] } };
    const model = shopModel({ traffic: { services: [service] } }, overrides);
    const question = { to: "ratings", method: "GET", path: "/", headers: { host: "ratings.example.com" } };
    const stepsFor = (from: Pick<Question, "from" | "port">) =>
      explain(model, { ...question, ...from }).steps.map(({ what }) => what);
    const plain = "it goes without mTLS and identity (trafficPolicy.tls SIMPLE)";
    assert.ok(stepsFor({ from: "ingress" }).includes(plain));
    assert.ok(!stepsFor({ from: "front", port: 9443 }).includes(plain));
  });

  const at = "traffic.services[0].trafficPolicy";
  const encrypted =
    "port 9443 has protocol https, so the workload speaks TLS already, and the proxy would encrypt it again; " +
    "set it under portLevelSettings for a port of protocol HTTP";
  const refused = (service: Partial<Service>) =>
    refusals(shopSources({ traffic: { services: [{ ...entry, ...service }] } }, overrides));

  it("is refused for all ports where others are not encrypted, and without the gateway", () => {
    const { tls } = { tls: { mode: "SIMPLE" as const } };
    assert.deepEqual(refused({ trafficPolicy: { portLevelSettings: [level] } }), []);
    assert.deepEqual(refused({ trafficPolicy: { tls } }), [`${at}.tls: ${encrypted}`]);
    const inMesh = { gateways: [], hosts: [], http: [] };
    assert.deepEqual(refused({ ...inMesh, trafficPolicy: { portLevelSettings: [{ ...level, tls }] } }), [
      `${at}.portLevelSettings[0].tls: ${encrypted}`,
    ]);
  });
});
