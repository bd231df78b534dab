import type { ServicePort } from "../../../components/shared/workload";
import { ingress, shop, withVersionServices } from "../../support/policy-models";
import type { Scenarios } from "./scenario";

const reviews = { host: "reviews", subsets: ["v1", "v2", "v3"] };

const ports: Readonly<Record<string, readonly ServicePort[]>> = {
  front: [{ name: "https", port: 443, protocol: "https" }],
  ratings: [
    { name: "http", port: 9080, protocol: "http" },
    { name: "http-admin", port: 8080, protocol: "http" },
  ],
  reviews: [
    { name: "http", port: 9080, protocol: "http" },
    { name: "grpc", port: 9090, protocol: "grpc" },
    { name: "tcp", port: 9000, protocol: "tcp" },
    { name: "tcp-other", port: 9001, protocol: "tcp" },
  ],
};

export const connectionScenarios: Scenarios = {
  "ports-and-connections": {
    settings: {
      traffic: {
        services: [
          {
            ...reviews,
            http: [{ match: [{ uri: { prefix: "/admin" } }], timeout: "1s" }, { route: { v1: 90, v2: 10 } }],
            tcp: [
              { match: [{ port: 9000, sourceWorkload: "front" }], route: { v3: 100 } },
              { route: { v1: 80, v2: 20 } },
            ],
          },
          { ...reviews, gateways: ["ingress"], port: 9001, tcp: [{ match: [{ port: 31400 }], route: { v1: 100 } }] },
          { host: "ratings", port: 8080, http: [{ timeout: "1s" }] },
          { host: "front", tls: [{ match: [{ sniHosts: ["front.example.com"] }] }] },
        ],
      },
    },
    overrides: {
      gateways: [{ ...ingress, ports: { ...ingress.ports, "tcp-echo": 31400, "tcp-other": 31401 } }],
      workloads: shop.map((one) => ({ ...one, ports: ports[one.name] ?? one.ports })),
    },
  },
  "tcp-gateway-api": {
    settings: {
      traffic: {
        services: [
          {
            ...reviews,
            gateways: ["ingress"],
            port: 9000,
            tcp: [
              { match: [{ port: 31400 }], route: { v1: 80, v3: 20 } },
              { match: [{ port: 31401 }, { port: 31402 }], route: [{ host: "front" }] },
            ],
          },
          { host: "front", gateways: ["theirs"], tcp: [{ match: [{ port: 9000 }] }] },
        ],
      },
    },
    overrides: {
      workloads: shop.map((one) =>
        withVersionServices({ ...one, ports: [{ name: "tcp", port: 9000, protocol: "tcp" as const }] }),
      ),
      gateways: [
        { ...ingress, kind: "gateway-api" as const, ports: { ...ingress.ports, a: 31400, b: 31401, c: 31402 } },
        { ...ingress, name: "theirs", kind: "gateway-api" as const, foreign: { gateway: "shared" } },
      ],
    },
  },
  "passthrough-gateway-api": {
    settings: {
      traffic: {
        services: [
          { host: "front", gateways: ["ingress"], hosts: ["shop.example.com"], tls: {} },
          {
            ...reviews,
            gateways: ["ingress"],
            hosts: ["reviews.example.com", "reviews.example.org"],
            tls: [{ match: [{ sniHosts: ["reviews.example.com"] }], route: { v1: 90, v3: 10 } }],
          },
        ],
      },
    },
    overrides: {
      workloads: shop.map(withVersionServices),
      gateways: [
        {
          ...ingress,
          kind: "gateway-api" as const,
          tls: { plainHttp: "redirect" as const, servers: [{ mode: "PASSTHROUGH" as const, credentialNames: [] }] },
        },
      ],
    },
  },
};
