import { ingress, type PolicyWords } from "../support/policy-models";
import type { PolicyModel } from "../../policies/model";

/** One scenario a concern: what a user writes, and what else differs from the shop. Each has a golden file. */
export interface Scenario {
  readonly words: PolicyWords;
  readonly places?: Partial<PolicyModel>;
}

const atIngress = { host: "front", gateways: ["ingress" as const], hosts: ["shop.example.com"] };
const reviews = { host: "reviews", subsets: ["v1", "v2", "v3"] };

export const scenarios: Readonly<Record<string, Scenario>> = {
  "gateway-and-paths": {
    words: {
      traffic: {
        services: [
          {
            ...atIngress,
            hosts: ["www.shop.example.com", "shop.example.com"],
            http: [{ match: [{ uri: { exact: "/products" } }, { uri: { prefix: "/static" } }] }],
          },
          { host: "ratings", gateways: ["ingress"], hosts: ["ratings.example.com"], http: [{}] },
        ],
      },
    },
  },
  "edge-and-mesh": {
    words: {
      traffic: {
        services: [
          { ...atIngress, http: [{ match: [{ uri: { regex: "/(cart|order)/[0-9]+" } }] }] },
          { host: "front", http: [{ timeout: "2s" }] },
        ],
      },
    },
  },
  "weighted-split": {
    words: { traffic: { services: [{ ...reviews, http: [{ route: { v3: 60, v1: 15, v2: 25 } }] }] } },
  },
  matches: {
    words: {
      traffic: {
        services: [
          {
            ...reviews,
            subsets: ["v1", { name: "canary", labels: { version: "v3", track: "canary" } }],
            http: [
              {
                name: "testers",
                match: [
                  { headers: { "end-user": { exact: "quentin" } } },
                  { headers: { "user-agent": { regex: ".*Firefox.*" } }, method: { exact: "GET" } },
                  { queryParams: { beta: { exact: "1" } }, sourceWorkload: "front" },
                ],
                route: { canary: 100 },
              },
              { route: { v1: 100, canary: 0 } },
            ],
          },
        ],
      },
    },
  },
  mirror: {
    words: {
      traffic: {
        services: [{ ...reviews, http: [{ route: { v1: 100 }, mirror: { subset: "v3", percentage: 12.5 } }] }],
      },
    },
  },
  faults: {
    words: {
      traffic: {
        services: [
          {
            host: "ratings",
            http: [
              {
                match: [{ headers: { "end-user": { exact: "jason" } } }],
                fault: {
                  delay: { fixedDelay: "2s", percentage: 50 },
                  abort: { httpStatus: 503, percentage: 30 },
                },
              },
              { fault: { abort: { grpcStatus: "UNAVAILABLE", percentage: 0.5 } } },
            ],
          },
        ],
      },
    },
  },
  "timeout-and-retries": {
    words: {
      traffic: {
        services: [
          {
            host: "ratings",
            http: [
              { match: [{ method: { exact: "POST" } }], retries: { attempts: 0 } },
              {
                timeout: "1s",
                retries: { attempts: 3, perTryTimeout: "250ms", retryOn: "5xx,reset", backoff: "25ms" },
              },
            ],
          },
        ],
      },
    },
  },
  headers: {
    words: {
      traffic: {
        services: [
          {
            ...atIngress,
            http: [
              {
                headers: {
                  request: { set: { "x-from": "edge" }, add: { "x-seen": "1" } },
                  response: { remove: ["x-envoy-upstream-service-time"] },
                },
              },
            ],
          },
        ],
      },
    },
  },
  "redirect-rewrite-respond": {
    words: {
      traffic: {
        services: [
          {
            ...atIngress,
            http: [
              { match: [{ uri: { exact: "/" } }], redirect: { uri: "/products", redirectCode: 302 } },
              { match: [{ uri: { prefix: "/v1/" } }], rewrite: { uri: "/" } },
              { match: [{ uri: { exact: "/robots.txt" } }], directResponse: { status: 200, body: "Disallow: /" } },
              { match: [{ uri: { exact: "/gone" } }], directResponse: { status: 410 } },
            ],
          },
        ],
      },
    },
  },
  "circuit-breaker": {
    words: {
      traffic: {
        services: [
          {
            host: "ratings",
            subsets: [
              {
                name: "v1",
                labels: { version: "v1" },
                trafficPolicy: { connectionPool: { tcp: { maxConnections: 2 } } },
              },
            ],
            trafficPolicy: {
              connectionPool: {
                tcp: { maxConnections: 1, connectTimeout: "500ms" },
                http: { http1MaxPendingRequests: 1, http2MaxRequests: 10, maxRequestsPerConnection: 1, maxRetries: 2 },
              },
              outlierDetection: {
                consecutive5xxErrors: 1,
                interval: "1s",
                baseEjectionTime: "3m",
                maxEjectionPercent: 100,
              },
            },
          },
        ],
      },
    },
  },
  "mtls-exceptions": {
    words: {
      security: {
        peerAuthentication: [
          { namespace: "shop", mode: "PERMISSIVE", reason: "migration until the batch jobs are in the mesh" },
          {
            namespace: "shop",
            workload: "ratings",
            mode: "STRICT",
            ports: { "9080": "DISABLE" },
            reason: "health checks of the load balancer come without a certificate",
          },
        ],
      },
    },
  },
  "default-deny": {
    words: {
      security: {
        authorization: {
          default: "deny",
          allow: [
            { to: "front", from: ["ingress"] },
            { to: "reviews", from: ["front"], methods: ["GET"] },
            {
              to: "ratings",
              from: ["reviews", "front"],
              methods: ["POST", "GET"],
              paths: ["/ratings/*"],
              ports: [9080],
            },
            { to: "ratings", methods: ["GET"], paths: ["/health"] },
          ],
          deny: [
            { to: "ratings", from: ["shop/front"], headers: { "x-debug": ["1", "true"] } },
            { to: "ratings", ipBlocks: ["10.9.0.0/16"] },
          ],
        },
      },
    },
  },
  "gateway-beside-workloads": {
    words: { security: { authorization: { default: "deny", allow: [{ to: "front", from: ["ingress"] }] } } },
    places: { gateways: [{ ...ingress, namespace: "shop" }] },
  },
};
