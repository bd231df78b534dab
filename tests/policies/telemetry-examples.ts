import type { PolicySettings } from "../support/policy-models";
import type { Example } from "./security-examples";

function rateLimited(...rateLimits: NonNullable<NonNullable<PolicySettings["traffic"]>["rateLimits"]>): Example {
  return { settings: { traffic: { rateLimits } } };
}

type Telemetry = NonNullable<PolicySettings["telemetry"]>;

function telemetry(settings: Telemetry): Example {
  return { settings: { telemetry: settings } };
}

/** By an own provider, because the shop has no addons. */
function traced(settings: NonNullable<Telemetry["tracing"]>[number]): Example {
  const zipkin = { service: "zipkin.zipkin.svc.cluster.local", port: 9411 };
  return telemetry({
    extensionProviders: [{ name: "zipkin", zipkin }],
    tracing: [{ providers: ["zipkin"], ...settings }],
  });
}

/** Settings for the rows of the table about telemetry and rate limits. */
export const telemetryExamples = {
  rateLimits: rateLimited(
    { workload: "ratings", tokenBucket: { maxTokens: 100, fillInterval: "60s" } },
    {
      workload: "ratings",
      port: 9080,
      tokenBucket: { maxTokens: 10, tokensPerFill: 5, fillInterval: "1m30s" },
      responseHeaders: { "x-local-rate-limit": "true" },
      enableXRatelimitHeaders: true,
      descriptors: [
        {
          name: "writes",
          match: { uri: { exact: "/ratings" }, method: { exact: "POST" }, headers: { "x-user": { regex: "[a-z]+" } } },
          tokenBucket: { maxTokens: 2, fillInterval: "3m" },
        },
      ],
    },
  ),
  gatewayRateLimits: {
    settings: {
      traffic: {
        services: [
          { host: "front", gateways: ["ingress"], hosts: ["shop.example.com"], http: [{ name: "all", timeout: "3s" }] },
        ],
        rateLimits: [
          { workload: "ingress", tokenBucket: { maxTokens: 50, fillInterval: "1s" } },
          { workload: "ingress", route: "all", tokenBucket: { maxTokens: 10, fillInterval: "500ms" } },
        ],
      },
    },
  },
  globalRateLimits: {
    settings: {
      traffic: {
        rateLimitService: { service: "ratelimit.default.svc.cluster.local", domain: "ratelimit", timeout: "10s" },
        rateLimits: [
          { workload: "ingress", actions: [{ requestHeaders: { headerName: ":path", descriptorKey: "PATH" } }] },
          {
            workload: "ingress",
            actions: [
              { remoteAddress: {} },
              { genericKey: { descriptorKey: "stage", descriptorValue: "test" } },
              { headerValueMatch: { descriptorValue: "api", match: { uri: { regex: "/api/[0-9]{1,2}" } } } },
            ],
          },
        ],
      },
    },
  },
  telemetryProviders: telemetry({
    extensionProviders: [
      { name: "json", envoyFileAccessLog: { path: "/dev/stdout", logFormat: { labels: { code: "%RESPONSE_CODE%" } } } },
    ],
    accessLogging: [{ workload: "ratings", providers: ["json"] }],
  }),
  accessLogging: {
    ...telemetry({
      accessLogging: [
        { providers: ["envoy"], filter: { expression: "response.code >= 400" } },
        { workload: "shop/*", disabled: true },
        { workload: "ratings", match: { mode: "SERVER" } },
        { workload: "ingress", filter: { expression: "response.code >= 500" } },
      ],
    }),
  },
  metrics: telemetry({
    metrics: [
      { overrides: [{ match: { metric: "REQUEST_COUNT", mode: "CLIENT" }, disabled: true }], reportingInterval: "10s" },
      {
        workload: "ratings",
        providers: ["prometheus"],
        overrides: [
          {
            match: { metric: "REQUEST_COUNT" },
            tagOverrides: { grpc_response_status: { operation: "REMOVE" }, host: { value: "request.host" } },
          },
          { match: { customMetric: "my_metric" }, disabled: true },
        ],
      },
    ],
  }),
  tracing: telemetry({
    extensionProviders: [{ name: "otel", opentelemetry: { service: "otel.otel.svc.cluster.local", port: 4317 } }],
    tracing: [
      { providers: ["otel"], randomSamplingPercentage: 5, customTags: { stage: { literal: { value: "test" } } } },
      {
        workload: "ratings",
        disableSpanReporting: true,
        useRequestIdForTraceSampling: false,
        customTags: {
          cluster: { environment: { name: "ISTIO_META_CLUSTER_ID", defaultValue: "unknown" } },
          user: { header: { name: "x-user" } },
        },
      },
    ],
  }),
  enableIstioTags: traced({ enableIstioTags: false }),
  tagFormatter: traced({ customTags: { key1: { formatter: { value: "%REQ(key1)%" } } } }),
  disableContextPropagation: traced({ disableContextPropagation: true }),
  omitEmptyValues: telemetry({
    extensionProviders: [{ name: "brief", envoyFileAccessLog: { omitEmptyValues: true } }],
  }),
  headersFromEnvironment: telemetry({
    extensionProviders: [
      {
        name: "otel",
        opentelemetry: {
          ...{ service: "otel.otel.svc.cluster.local", port: 4318 },
          http: { path: "v1/traces", headers: [{ name: "x-token", envName: "OTEL_TOKEN" }] },
        },
      },
    ],
  }),
} satisfies Readonly<Record<string, Example>>;
