import type { CapabilityName } from "../../policies/capabilities";
import { type PolicySettings, shop, workload } from "../support/policy-models";
import type { Example } from "./security-examples";

type Service = NonNullable<NonNullable<PolicySettings["traffic"]>["services"]>[number];
type Rule = NonNullable<Service["http"]>[number];

const reviews = { host: "reviews", subsets: ["v1", "v2", "v3"] };

function route(...http: Rule[]): Example {
  return { settings: { traffic: { services: [{ ...reviews, http }] } } };
}

/** Of HTTP rules. */
export const routeExamples = {
  match: route(
    {
      name: "testers",
      match: [
        { uri: { exact: "/reviews/0" } },
        { uri: { prefix: "/reviews/" }, headers: { "end-user": { exact: "quentin" }, "x-empty": { exact: "" } } },
        { uri: { regex: "/reviews/[0-9]+" }, queryParams: { beta: { prefix: "y." } }, method: { exact: "GET" } },
      ],
      timeout: "1s",
    },
    {},
  ),
  pathPrefix: route({ match: [{ uri: { pathPrefix: "/reviews" } }], timeout: "1s" }, {}),
  presence: route(
    { match: [{ headers: { "x-debug": { present: true } }, queryParams: { beta: { present: true } } }], timeout: "1s" },
    {},
  ),
  withoutHeaders: route(
    { match: [{ withoutHeaders: { "end-user": { present: true }, "x-tier": { exact: "free" } } }], timeout: "1s" },
    {},
  ),
  ignoreUriCase: route({ match: [{ uri: { prefix: "/Reviews/" }, ignoreUriCase: true }], timeout: "1s" }, {}),
  matchAuthority: route({ match: [{ authority: { prefix: "reviews" } }], timeout: "1s" }, {}),
  matchScheme: route({ match: [{ scheme: { exact: "http" } }], timeout: "1s" }, {}),
  matchPort: route({ match: [{ port: 9080 }], timeout: "1s" }, {}),
  statPrefix: route({ match: [{ uri: { prefix: "/" }, statPrefix: "all" }], timeout: "1s" }),
  matchOrder: route(
    { match: [{ headers: { "end-user": { exact: "quentin" } } }], route: { v3: 100 } },
    { match: [{ headers: { "user-agent": { regex: ".*Mobile.*" } } }], route: { v2: 100 } },
    { route: { v1: 100 } },
  ),
  methodPattern: route({ match: [{ method: { prefix: "P" } }], timeout: "1s" }, {}),
  sourceWorkload: route({ match: [{ sourceWorkload: "front" }], timeout: "1s" }, {}),
  sourceNamespace: route({ match: [{ sourceNamespace: "batch" }], timeout: "1s" }, {}),
  sourceLabels: route({ match: [{ sourceLabels: { tier: "web" } }], timeout: "1s" }, {}),
  destinations: {
    settings: {
      traffic: {
        services: [
          {
            ...reviews,
            http: [
              {
                route: [
                  { subset: "v2", weight: 70 },
                  { host: "cart", namespace: "batch", weight: 30 },
                ],
              },
            ],
          },
        ],
      },
    },
    overrides: { workloads: [...shop, workload("cart", [], "batch")] },
  },
  destinationHeaders: route({
    route: [
      { subset: "v1", weight: 90, headers: { response: { set: { "x-version": "1" } } } },
      { host: "ratings", weight: 10, headers: { request: { remove: ["x-debug"] } } },
    ],
  }),
  weights: route({ route: { v3: 60, v1: 15, v2: 25 } }),
  mirror: route({ route: { v1: 100 }, mirror: { subset: "v3", percentage: 12.5 } }),
  mirrors: route({ mirrors: [{ subset: "v3", percentage: 10 }, { host: "ratings" }] }),
  headers: route({
    headers: {
      request: { set: { "x-from": "mesh" }, add: { "x-seen": "1" } },
      response: { remove: ["x-envoy-upstream-service-time"] },
    },
  }),
  redirect: route({ match: [{ uri: { exact: "/old" } }], redirect: { uri: "/new", scheme: "https" } }, {}),
  redirectOther: route({ match: [{ uri: { exact: "/old" } }], redirect: { uri: "/new", redirectCode: 308 } }, {}),
  redirectPort: route(
    { match: [{ uri: { exact: "/old" } }], redirect: { uri: "/new", derivePort: "FROM_REQUEST_PORT" } },
    {},
  ),
  redirectPrefix: route({ match: [{ uri: { prefix: "/old/" } }], redirect: { prefixRewrite: "/new/" } }, {}),
  directResponse: route({ match: [{ uri: { exact: "/gone" } }], directResponse: { status: 410 } }, {}),
  directResponseBytes: route(
    { match: [{ uri: { exact: "/icon" } }], directResponse: { status: 200, bodyBytes: "R0lGODlh" } },
    {},
  ),
  rewrite: route({ match: [{ uri: { exact: "/old" } }], rewrite: { uri: "/new", authority: "reviews" } }, {}),
  rewriteSegments: route({ match: [{ uri: { pathPrefix: "/v1" } }], rewrite: { uri: "/" } }, {}),
  rewritePrefix: route({ match: [{ uri: { prefix: "/v1/" } }], rewrite: { uri: "/" } }, {}),
  timeout: route({ timeout: "1.5s" }),
  retries: route({ retries: { attempts: 3, perTryTimeout: "1s", retryOn: "5xx" } }),
  backoff: route({ retries: { attempts: 3, backoff: "25ms" } }),
  retryRemoteLocalities: route({ retries: { attempts: 3, retryRemoteLocalities: true } }),
  retryIgnorePreviousHosts: route({ retries: { attempts: 3, retryIgnorePreviousHosts: false } }),
  defaultRetries: { settings: { traffic: { defaultRetries: { attempts: 3 } } } },
  defaultBackoff: { settings: { traffic: { defaultRetries: { attempts: 3, backoff: "25ms" } } } },
  fault: route(
    {
      match: [{ headers: { "end-user": { exact: "jason" } } }],
      fault: { delay: { fixedDelay: "2s", percentage: 50 }, abort: { grpcStatus: "UNAVAILABLE", percentage: 1 } },
    },
    { route: { v1: 90, v2: 10 }, mirror: { subset: "v3" } },
  ),
  cors: route({ corsPolicy: { allowOrigins: [{ exact: "https://shop.example.com" }] } }),
  unmatchedPreflights: route({
    corsPolicy: { allowOrigins: [{ exact: "https://shop.example.com" }], unmatchedPreflights: "IGNORE" },
  }),
} satisfies Partial<Record<CapabilityName, Example>>;
