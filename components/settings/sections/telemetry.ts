import { z } from "zod";
import { dnsLabel, exactlyOneOf, flag, form, headerName, port, serviceHost, some } from "../fields";
import { count, duration, percentage, uint32 } from "../quantities";

/** `talos-mesh:telemetry`: access logs, metrics and traces of proxies, in Istio's words. */

const collector = { service: serviceHost, port };

const maxTagLength = count(1, uint32).optional();

const httpHeader = exactlyOneOf(
  {
    name: headerName,
    value: z.string().optional(),
    envName: z.string().min(1).optional().describe("A variable of istiod's own container."),
  },
  ["value", "envName"],
);

/** In it Envoy replaces `%RESPONSE_CODE%` and the like. */
const logText = z.string().min(1);
const logLabels = z.record(z.string().min(1), z.json());

const names = some(z.string().min(1));

const providers = {
  envoyFileAccessLog: z.strictObject({
    path: z.string().startsWith("/", "expected a file such as /dev/stdout").optional(),
    logFormat: exactlyOneOf({ text: logText.optional(), labels: logLabels.optional() }).optional(),
    omitEmptyValues: z.boolean().optional(),
  }),
  envoyOtelAls: z.strictObject({
    ...collector,
    logName: z.string().min(1).optional(),
    logFormat: z.strictObject({ text: logText.optional(), labels: logLabels.optional() }).optional(),
  }),
  envoyHttpAls: z.strictObject({
    ...collector,
    logName: z.string().min(1).optional(),
    filterStateObjectsToLog: names,
    additionalRequestHeadersToLog: some(headerName),
    additionalResponseHeadersToLog: some(headerName),
    additionalResponseTrailersToLog: some(headerName),
  }),
  envoyTcpAls: z.strictObject({
    ...collector,
    logName: z.string().min(1).optional(),
    filterStateObjectsToLog: names,
  }),
  opentelemetry: z.strictObject({
    ...collector,
    maxTagLength,
    http: z
      .strictObject({
        path: z.string().min(1),
        timeout: duration.default("3s").describe("Envoy accepts no listener without one, and istiod sets none."),
        headers: some(httpHeader),
      })
      .optional()
      .describe("OTLP over HTTP. Default: gRPC."),
    resourceDetectors: z
      .strictObject({ environment: z.strictObject({}).optional(), dynatrace: z.strictObject({}).optional() })
      .optional(),
  }),
  zipkin: z.strictObject({ ...collector, maxTagLength, enable64bitTraceId: z.boolean().optional() }),
  datadog: z.strictObject({ ...collector, maxTagLength }),
  skywalking: z.strictObject(collector),
  prometheus: z.strictObject({}),
};

export type TelemetryProviderKind = keyof typeof providers;

/** https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig-ExtensionProvider */
const extensionProvider = exactlyOneOf(
  { name: dnsLabel, ...z.strictObject(providers).partial().shape },
  Object.keys(providers) as TelemetryProviderKind[],
);

const target = {
  workload: form(
    "(\\*|[a-z0-9-]+(\\/([a-z0-9-]+|\\*))?)",
    "expected a workload, a gateway, namespace/name, namespace/*, or * for the mesh",
  )
    .default("*")
    .describe("A workload, a gateway, `ns/name`, `ns/*` or `*`; the narrowest counts. Default: the whole mesh."),
};

const mode = z.strictObject({ mode: z.enum(["CLIENT_AND_SERVER", "CLIENT", "SERVER"]) });

const accessLogging = z.strictObject({
  ...target,
  providers: some(z.string().min(1)).describe("Names. Default: those of the namespace or mesh, else envoy."),
  match: mode.optional(),
  disabled: flag("Log nothing to these providers."),
  filter: z
    .strictObject({ expression: z.string().min(1) })
    .optional()
    .describe("Log only where the expression (CEL) is true: `response.code >= 400`."),
});

/** https://istio.io/latest/docs/reference/config/telemetry/#MetricSelector-IstioMetric */
const istioMetrics = [
  "ALL_METRICS",
  "REQUEST_COUNT",
  "REQUEST_DURATION",
  "REQUEST_SIZE",
  "RESPONSE_SIZE",
  "TCP_OPENED_CONNECTIONS",
  "TCP_CLOSED_CONNECTIONS",
  "TCP_SENT_BYTES",
  "TCP_RECEIVED_BYTES",
  "GRPC_REQUEST_MESSAGES",
  "GRPC_RESPONSE_MESSAGES",
] as const;

const metrics = z.strictObject({
  ...target,
  providers: some(z.string().min(1)).describe("Names. Default: those of the namespace or mesh, else prometheus."),
  overrides: some(
    z.strictObject({
      match: z
        .strictObject({
          metric: z.enum(istioMetrics).optional(),
          customMetric: z.string().min(1).optional(),
          ...mode.partial().shape,
        })
        .optional(),
      disabled: z.boolean().optional(),
      tagOverrides: z
        .record(
          z.string().min(1),
          z.strictObject({ operation: z.enum(["UPSERT", "REMOVE"]).optional(), value: z.string().min(1).optional() }),
        )
        .optional()
        .describe("tag: an expression (CEL) as its value, or `operation: REMOVE`."),
    }),
  ),
  reportingInterval: duration.optional().describe("Of TCP metrics."),
});

const defaultValue = z.string().min(1).optional();

const customTag = exactlyOneOf({
  literal: z.strictObject({ value: z.string().min(1) }).optional(),
  environment: z.strictObject({ name: z.string().min(1), defaultValue }).optional(),
  header: z.strictObject({ name: headerName, defaultValue }).optional(),
  formatter: z.strictObject({ value: z.string().min(1) }).optional(),
});

const tracing = z.strictObject({
  ...target,
  match: mode.optional(),
  providers: some(z.string().min(1)).describe("One name. Default: that of the namespace or mesh, or of observability."),
  randomSamplingPercentage: percentage.optional(),
  disableSpanReporting: z.boolean().optional(),
  customTags: z.record(z.string().min(1), customTag).optional(),
  useRequestIdForTraceSampling: z.boolean().optional(),
  enableIstioTags: z.boolean().optional(),
  disableContextPropagation: z.boolean().optional(),
});

export const telemetry = z.strictObject({
  extensionProviders: z.array(extensionProvider).default([]).describe("Where proxies send telemetry, by name."),
  accessLogging: z.array(accessLogging).default([]),
  metrics: z.array(metrics).default([]),
  tracing: z.array(tracing).default([]),
});

export type TelemetrySettings = z.output<typeof telemetry>;
