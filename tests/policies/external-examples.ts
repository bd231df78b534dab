import { egress, ingress, type PolicySettings } from "../support/policy-models";
import type { Example } from "./security-examples";

type External = NonNullable<NonNullable<PolicySettings["traffic"]>["externalServices"]>[number];

function externalService(service: External): Example {
  return { settings: { traffic: { externalServices: [service] } } };
}

/** Of services outside the mesh. */
export const externalExamples = {
  externalServices: externalService({
    hosts: ["db.example.com"],
    addresses: ["192.0.2.10"],
    ports: [
      { number: 5432, protocol: "TCP" },
      { number: 443, protocol: "TLS", name: "console", targetPort: 8443 },
    ],
    endpoints: [
      { address: "198.51.100.7", ports: { console: 9443 }, locality: "eu/a", weight: 3 },
      { address: "198.51.100.8", network: "other", labels: { zone: "b" } },
    ],
    exportTo: [".", "batch"],
  }),
  dynamicDns: externalService({
    hosts: ["*.example.com"],
    resolution: "DYNAMIC_DNS",
    ports: [{ number: 80, protocol: "HTTP" }],
  }),
  externalRules: externalService({
    hosts: ["api.example.com"],
    ports: [
      { number: 80, protocol: "HTTP" },
      { number: 8080, protocol: "HTTP" },
    ],
    http: [
      { match: [{ uri: { prefix: "/slow" } }], timeout: "3s", retries: { attempts: 2 } },
      { fault: { abort: { httpStatus: 503, percentage: 1 } } },
    ],
  }),
  externalTrafficPolicy: externalService({
    hosts: ["a.example.com", "b.example.com"],
    ports: [{ number: 80, protocol: "HTTP" }],
    endpoints: [{ address: "backend.example.com", labels: { site: "north" } }],
    trafficPolicy: { outlierDetection: { consecutive5xxErrors: 3 } },
    subsets: [
      { name: "north", labels: { site: "north" }, trafficPolicy: { connectionPool: { tcp: { maxConnections: 9 } } } },
    ],
    http: [{ route: { north: 100 } }],
  }),
  externalTls: externalService({
    hosts: ["api.example.com"],
    ports: [
      { number: 80, protocol: "HTTP", targetPort: 443 },
      { number: 443, protocol: "TLS" },
    ],
    trafficPolicy: {
      portLevelSettings: [
        {
          port: { number: 80 },
          tls: { mode: "MUTUAL", clientCertificate: "/etc/certs/tls.crt", privateKey: "/etc/certs/tls.key" },
        },
      ],
    },
  }),
  externalClient: externalService({
    hosts: ["api.example.com"],
    ports: [
      { number: 80, protocol: "HTTP", targetPort: 443 },
      { number: 443, protocol: "TLS" },
    ],
    trafficPolicy: {
      portLevelSettings: [{ port: { number: 80 }, tls: { mode: "MUTUAL", credentialName: "api-client" } }],
    },
    sourceWorkload: "front",
  }),
  externalGateway: {
    ...externalService({
      hosts: ["api.example.com"],
      ports: [{ number: 443, protocol: "TLS" }],
      egressGateway: "egress",
    }),
    overrides: { gateways: [ingress, egress] },
  },
} satisfies Readonly<Record<string, Example>>;
