import assert from "node:assert/strict";
import { compilePolicies } from "../../policies/compile";
import type { PolicyModel } from "../../components/model/policies/policy-model";
import { ambientShop, egress, ingress, type PolicySettings, shop, shopModel } from "../support/policy-models";

type External = NonNullable<NonNullable<PolicySettings["traffic"]>["externalServices"]>[number];
type Policy = NonNullable<External["trafficPolicy"]>;

const mutual = { mode: "MUTUAL" as const, credentialName: "api-client" };
const external = (tls: Policy["tls"], fields: Partial<External> = {}): PolicySettings => ({
  traffic: {
    externalServices: [
      { hosts: ["api.example.com"], ports: [{ number: 80, protocol: "HTTP" }], trafficPolicy: { tls }, ...fields },
    ],
  },
});
type ServicePolicy = NonNullable<
  NonNullable<NonNullable<PolicySettings["traffic"]>["services"]>[number]["trafficPolicy"]
>;
const ofService = (trafficPolicy: ServicePolicy): PolicySettings => ({
  traffic: { services: [{ host: "ratings", trafficPolicy }] },
});

/** Service accounts that may list the Secrets of their namespace. */
function readers(model: PolicyModel): string[] {
  const objects = compilePolicies(model) as readonly {
    kind: string;
    subjects?: { namespace: string; name: string }[];
  }[];
  return objects
    .filter(({ kind }) => kind === "RoleBinding")
    .flatMap(({ subjects = [] }) => subjects.map(({ namespace, name }) => `${namespace}/${name}`));
}

describe("client certificates from Secrets", () => {
  const gatewayApi = {
    ...egress,
    kind: "gateway-api" as const,
    service: "egress-istio",
    serviceAccount: "egress-istio",
  };
  const throughGateway = external(mutual, { egressGateway: "egress" });

  it("are for the service account of the waypoint, or of the gateway that istiod deploys", () => {
    assert.deepEqual(readers(ambientShop(external(mutual))), ["shop/waypoint"]);
    assert.deepEqual(readers(ambientShop(ofService({ tls: mutual }))), ["shop/waypoint"]);
    const ofPort = { portLevelSettings: [{ port: { number: 9080 }, tls: mutual }] };
    assert.deepEqual(readers(ambientShop(ofService(ofPort))), ["shop/waypoint"]);
    assert.deepEqual(readers(shopModel(throughGateway, { gateways: [ingress, gatewayApi] })), [
      "istio-egress/egress-istio",
    ]);
  });

  it("are for gateways that send TLS to a service", () => {
    const offered = (kind: "chart" | "gateway-api") => {
      const gateway = { ...ingress, kind, serviceAccount: "ingress-account" };
      const workloads = shop.map((one) => ({ ...one, ports: [{ port: 9443, protocol: "https" as const }] }));
      const service = {
        host: "ratings",
        gateways: ["ingress"],
        hosts: ["ratings.example.com"],
        trafficPolicy: { portLevelSettings: [{ port: { number: 9443 }, tls: mutual }] },
      };
      return readers(shopModel({ traffic: { services: [service] } }, { gateways: [gateway], workloads }));
    };
    assert.deepEqual(offered("gateway-api"), ["istio-ingress/ingress-account"]);
    assert.deepEqual(offered("chart"), []);
  });

  it("need no Role at a gateway of the chart, which has one, nor for what is no key", () => {
    assert.deepEqual(readers(shopModel(throughGateway, { gateways: [ingress, egress] })), []);
    for (const tls of [
      { mode: "SIMPLE" as const, credentialName: "api-ca" },
      { mode: "MUTUAL" as const, clientCertificate: "/etc/certs/tls.crt", privateKey: "/etc/certs/tls.key" },
    ])
      assert.deepEqual(readers(ambientShop(external(tls))), []);
  });
});
