import type { CapabilityName } from "../../policies/capabilities";
import { ingress, type PolicySettings, shop } from "../support/policy-models";
import { externalExamples } from "./external-examples";
import { proxyExamples } from "./proxy-examples";
import { routeExamples } from "./route-examples";
import { type Example, securityExamples } from "./security-examples";
import { connectionExamples } from "./connection-examples";
import { telemetryExamples } from "./telemetry-examples";

type Service = NonNullable<NonNullable<PolicySettings["traffic"]>["services"]>[number];
function trafficPolicy(policy: Service["trafficPolicy"]): Example {
  return { settings: { traffic: { services: [{ host: "ratings", trafficPolicy: policy }] } } };
}

/** Settings for each row of the table of capabilities, which need that capability and no other. */
export const examples: Readonly<Record<CapabilityName, Example>> = {
  ...securityExamples,
  ...connectionExamples,
  ...telemetryExamples,
  ...proxyExamples,
  offer: {
    settings: {
      traffic: {
        services: [{ host: "front", gateways: ["ingress"], hosts: ["shop.example.com"], http: [{ timeout: "3s" }] }],
      },
    },
  },
  passthrough: {
    settings: {
      traffic: { services: [{ host: "front", gateways: ["ingress"], hosts: ["shop.example.com"], tls: {} }] },
    },
    overrides: {
      gateways: [{ ...ingress, tls: { plainHttp: "closed", servers: [{ mode: "PASSTHROUGH", credentialNames: [] }] } }],
    },
  },
  gatewayTls: {
    settings: {
      traffic: {
        services: [
          { host: "front", gateways: ["ingress"], hosts: ["*.example.com", "shop.example.com"], http: [{}] },
          { host: "ratings", gateways: ["ingress"], hosts: ["own.example.com"], tls: {} },
        ],
      },
    },
    overrides: {
      gateways: [
        {
          ...ingress,
          httpServers: [
            { number: 8080, protocol: "HTTP" },
            { number: 8443, protocol: "HTTPS" },
          ],
          tls: {
            plainHttp: "redirect",
            servers: [
              {
                hosts: ["shop.example.com", "*.shop.example.com"],
                mode: "OPTIONAL_MUTUAL",
                credentialNames: ["rsa", "ecdsa"],
                protocol: {
                  minProtocolVersion: "TLSV1_2",
                  cipherSuites: ["ECDHE-RSA-AES256-GCM-SHA384"],
                  subjectAltNames: ["client.example.com"],
                },
              },
              { hosts: ["own.example.com"], mode: "PASSTHROUGH", credentialNames: [] },
              { mode: "SIMPLE", credentialNames: ["any-host"] },
            ],
          },
        },
      ],
    },
  },
  ...routeExamples,
  connectionPool: trafficPolicy({
    connectionPool: { tcp: { maxConnections: 1 }, http: { http1MaxPendingRequests: 1, maxRequestsPerConnection: 1 } },
  }),
  outlierDetection: trafficPolicy({ outlierDetection: { consecutive5xxErrors: 5, interval: "10s" } }),
  loadBalancer: trafficPolicy({ loadBalancer: { consistentHash: { httpHeaderName: "x-user" } } }),
  http2KeepAlive: trafficPolicy({
    connectionPool: { http: { http2KeepAlive: { interval: "30s", timeout: "5s" } } },
  }),
  retryBudget: trafficPolicy({ retryBudget: { percent: 20, minRetryConcurrency: 3 } }),
  proxyProtocol: trafficPolicy({ proxyProtocol: { version: "V2" } }),
  outlierStatuses: trafficPolicy({ outlierDetection: { outlierDetectionHttpErrorCodes: [500, 503] } }),
  cookieAttributes: trafficPolicy({
    loadBalancer: {
      consistentHash: { httpCookie: { name: "user", ttl: "0s", attributes: [{ name: "SameSite", value: "Strict" }] } },
    },
  }),
  warmup: trafficPolicy({ loadBalancer: { simple: "ROUND_ROBIN", warmup: { duration: "30s" } } }),
  clientTls: {
    ...trafficPolicy({ tls: { mode: "SIMPLE", caCertificates: "/etc/certs/ca.pem" } }),
    overrides: { mtls: "PERMISSIVE" },
  },
  gatewayTlsOrigination: {
    settings: {
      traffic: {
        services: [
          {
            host: "ratings",
            gateways: ["ingress"],
            hosts: ["ratings.example.com"],
            port: 9443,
            trafficPolicy: {
              connectionPool: { tcp: { connectTimeout: "1s" } },
              portLevelSettings: [{ port: { number: 9443 }, tls: { mode: "SIMPLE", caCertificates: "/etc/ca.pem" } }],
            },
          },
        ],
      },
    },
    overrides: {
      mtls: "PERMISSIVE",
      workloads: shop.map((one) => ({ ...one, ports: [{ name: "https", port: 9443, protocol: "https" }] })),
    },
  },
  clientMtls: trafficPolicy({
    tls: { mode: "ISTIO_MUTUAL" },
    portLevelSettings: [{ port: { number: 9080 }, tls: { mode: "ISTIO_MUTUAL" } }],
  }),
  portLevelSettings: trafficPolicy({
    portLevelSettings: [{ port: { number: 9080 }, connectionPool: { tcp: { maxConnections: 1 } } }],
  }),
  subsetPolicy: {
    settings: {
      traffic: {
        services: [
          {
            host: "reviews",
            trafficPolicy: { connectionPool: { tcp: { maxConnections: 10 } } },
            subsets: [
              "v1",
              { name: "canary", labels: { version: "v3" }, trafficPolicy: { outlierDetection: { interval: "1s" } } },
            ],
            http: [{ route: { v1: 90, canary: 10 } }],
          },
        ],
      },
    },
  },
  ...externalExamples,
};
