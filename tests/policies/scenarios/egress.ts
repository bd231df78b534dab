import { egress, ingress } from "../../support/policy-models";
import type { Scenarios } from "./scenario";

export const egressScenarios: Scenarios = {
  "external-services": {
    settings: {
      traffic: {
        externalServices: [
          {
            hosts: ["api.example.com"],
            egressGateway: "egress",
            ports: [
              { number: 80, protocol: "HTTP", targetPort: 443 },
              { number: 443, protocol: "TLS" },
            ],
            trafficPolicy: {
              portLevelSettings: [{ port: { number: 80 }, tls: { mode: "MUTUAL", credentialName: "api-client" } }],
            },
            http: [
              { match: [{ uri: { prefix: "/slow" } }], timeout: "10s" },
              { timeout: "1s", retries: { attempts: 3 } },
            ],
          },
          {
            hosts: ["*.example.org"],
            egressGateway: "egress",
            ports: [{ number: 443, protocol: "TLS" }],
            endpoints: [{ address: "www.example.org" }],
          },
          { hosts: ["db.example.com"], ports: [{ number: 5432, protocol: "TCP" }], exportTo: ["."] },
        ],
      },
      security: {
        egress: {
          mode: "egressGateway",
          allow: [
            { from: "front", hosts: ["api.example.com"] },
            { from: "front", hosts: ["other.example.net"], ports: [443] },
            { from: "shop/*", hosts: ["*.example.org"] },
          ],
        },
      },
    },
    overrides: { gateways: [ingress, egress] },
  },
  "external-services-gateway-api": {
    settings: {
      traffic: {
        externalServices: [
          {
            hosts: ["api.example.com"],
            egressGateway: "egress",
            ports: [
              { number: 80, protocol: "HTTP", targetPort: 443 },
              { number: 443, protocol: "TLS" },
            ],
            trafficPolicy: { portLevelSettings: [{ port: { number: 80 }, tls: { mode: "SIMPLE" } }] },
            http: [
              { match: [{ uri: { pathPrefix: "/reviews" } }], route: [{ host: "reviews", namespace: "shop" }] },
              { timeout: "1s" },
            ],
          },
          {
            hosts: ["*.example.org"],
            egressGateway: "egress",
            ports: [{ number: 443, protocol: "TLS" }],
            endpoints: [{ address: "www.example.org" }],
          },
        ],
      },
      security: {
        egress: {
          mode: "egressGateway",
          allow: [
            { from: "front", hosts: ["api.example.com"] },
            { from: "ratings", hosts: ["db.example.net"], ports: [5432], protocol: "TCP" },
            { from: "shop/*", hosts: ["*.example.org"] },
          ],
        },
      },
    },
    overrides: { gateways: [ingress, { ...egress, kind: "gateway-api", service: "egress-istio" }] },
  },
  "external-services-open": {
    settings: {
      traffic: {
        externalServices: [
          { hosts: ["api.example.com"], egressGateway: "egress", ports: [{ number: 443, protocol: "TLS" }] },
          { hosts: ["b.example.com"], ports: [{ number: 80, protocol: "HTTP" }] },
        ],
      },
      security: { authorization: { default: "deny" } },
    },
    overrides: { gateways: [ingress, egress], sidecarScoping: { proxyServices: [] } },
  },
};
