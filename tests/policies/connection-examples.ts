import type { ServicePort } from "../../components/shared/workload";
import type { CapabilityName } from "../../policies/capabilities";
import { ingress, shop } from "../support/policy-models";
import type { Example } from "./security-examples";

const reviews = { host: "reviews", subsets: ["v1", "v2", "v3"] };

/** The shop, where `reviews` has these ports. */
function withPorts(...ports: readonly ServicePort[]) {
  return shop.map((one) => (one.name === "reviews" ? { ...one, ports } : one));
}

export const connectionExamples = {
  severalPorts: {
    settings: { traffic: { services: [{ ...reviews, port: 9090, http: [{ route: { v1: 90, v2: 10 } }] }] } },
    overrides: { workloads: withPorts({ port: 9080, protocol: "http" }, { port: 9090, protocol: "http" }) },
  },
  tcp: {
    settings: { traffic: { services: [{ ...reviews, tcp: [{ route: { v1: 80, v2: 20 } }] }] } },
    overrides: { workloads: withPorts({ port: 9000, protocol: "tcp" }) },
  },
  tcpAtGateway: {
    settings: {
      traffic: { services: [{ ...reviews, gateways: ["ingress"], tcp: [{ route: { v1: 80, v2: 20 } }] }] },
    },
    overrides: {
      workloads: withPorts({ port: 9000, protocol: "tcp" }),
      gateways: [{ ...ingress, ports: { ...ingress.ports, "tcp-echo": 31400 } }],
    },
  },
  tlsRoutes: {
    settings: {
      traffic: {
        services: [
          {
            ...reviews,
            tls: [{ match: [{ sniHosts: ["reviews.shop.svc.cluster.local"] }], route: { v1: 80, v2: 20 } }],
          },
        ],
      },
    },
    overrides: { workloads: withPorts({ port: 9443, protocol: "tls" }) },
  },
} satisfies Partial<Record<CapabilityName, Example>>;
