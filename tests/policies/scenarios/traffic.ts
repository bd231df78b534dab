import { ingress } from "../../support/policy-models";
import type { Scenarios } from "./scenario";

const atIngress = { host: "front", gateways: ["ingress"], hosts: ["shop.example.com"] };
const reviews = { host: "reviews", subsets: ["v1", "v2", "v3"] };

export const trafficScenarios: Scenarios = {
  "gateway-and-paths": {
    settings: {
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
    settings: {
      traffic: {
        services: [
          { ...atIngress, http: [{ match: [{ uri: { regex: "/(cart|order)/[0-9]+" } }] }] },
          { host: "front", http: [{ timeout: "2s" }] },
        ],
      },
    },
  },
  "weighted-split": {
    settings: { traffic: { services: [{ ...reviews, http: [{ route: { v3: 60, v1: 15, v2: 25 } }] }] } },
  },
  matches: {
    settings: {
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
    settings: {
      traffic: {
        services: [{ ...reviews, http: [{ route: { v1: 100 }, mirror: { subset: "v3", percentage: 12.5 } }] }],
      },
    },
  },
  faults: {
    settings: {
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
    settings: {
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
    settings: {
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
    settings: {
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
    settings: {
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
  cors: {
    settings: {
      traffic: {
        services: [
          {
            ...atIngress,
            http: [
              {
                corsPolicy: {
                  allowOrigins: [{ exact: "https://shop.example.com" }, { regex: "https://.*\\.example\\.com" }],
                  allowMethods: ["GET", "POST"],
                  allowHeaders: ["authorization"],
                  exposeHeaders: ["x-total"],
                  maxAge: "24h",
                  allowCredentials: true,
                  unmatchedPreflights: "IGNORE",
                },
              },
            ],
          },
        ],
      },
    },
  },
  "rewrite-by-regex": {
    settings: {
      traffic: {
        services: [
          {
            ...atIngress,
            http: [
              {
                match: [{ uri: { prefix: "/old/" } }],
                redirect: { scheme: "https", authority: "new.example.com", port: 8443, redirectCode: 308 },
              },
              { rewrite: { uriRegexRewrite: { match: "^/v[0-9]+/(.*)$", rewrite: "/\\1" }, authority: "shop" } },
            ],
          },
        ],
      },
    },
  },
  "load-balancing": {
    settings: {
      traffic: {
        services: [
          {
            ...reviews,
            subsets: [
              "v1",
              {
                name: "sticky",
                labels: { version: "v2" },
                trafficPolicy: {
                  loadBalancer: {
                    consistentHash: { httpCookie: { name: "user", ttl: "0s" }, maglev: { tableSize: 65537 } },
                  },
                },
              },
            ],
            trafficPolicy: {
              outlierDetection: { consecutiveGatewayErrors: 3, interval: "10s" },
              loadBalancer: {
                simple: "LEAST_REQUEST",
                localityLbSetting: { failover: [{ from: "eu-west", to: "eu-central" }] },
                warmup: { duration: "30s", minimumPercent: 10 },
              },
              portLevelSettings: [{ port: { number: 9080 }, connectionPool: { tcp: { maxConnections: 10 } } }],
            },
          },
          {
            host: "ratings",
            trafficPolicy: {
              loadBalancer: {
                localityLbSetting: { distribute: [{ from: "eu-west/*", to: { "eu-west/*": 80, "eu-central/*": 20 } }] },
              },
            },
          },
        ],
      },
    },
  },
  passthrough: {
    settings: {
      traffic: {
        services: [
          { ...atIngress, subsets: ["v1"], tls: {} },
          { ...reviews, gateways: ["ingress"], hosts: ["reviews.example.com"], tls: { route: { v1: 90, v3: 10 } } },
        ],
      },
    },
    overrides: {
      gateways: [
        {
          ...ingress,
          tls: { plainHttp: "closed" as const, servers: [{ mode: "PASSTHROUGH" as const, credentialNames: [] }] },
        },
      ],
    },
  },
  "several-gateways": {
    settings: {
      traffic: {
        services: [
          { ...atIngress, gateways: ["ingress", "partners"], http: [{ timeout: "1s" }] },
          { ...reviews, gateways: ["partners"], hosts: ["reviews.example.com"], http: [{ route: { v3: 100 } }] },
        ],
      },
    },
    overrides: {
      gateways: [ingress, { ...ingress, name: "partners", namespace: "partners", selector: { istio: "partners" } }],
    },
  },
};
