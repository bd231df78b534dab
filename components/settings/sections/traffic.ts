import { z } from "zod";
import { dnsLabel, duration, hostPattern, httpMethods, labels, percentage, port, some, stringMatch } from "../fields";
import { trafficPolicy } from "./traffic-policy";

/** `talos-mesh:traffic`: routes, splits, faults, circuit breakers, in Istio's words. */

const matchRequest = z.strictObject({
  uri: stringMatch.optional(),
  method: stringMatch.optional(),
  headers: z.record(z.string(), stringMatch).optional(),
  queryParams: z.record(z.string(), stringMatch).optional(),
  sourceWorkload: dnsLabel.optional(),
});

const headerOperations = z.strictObject({
  set: labels.optional(),
  add: labels.optional(),
  remove: z.array(z.string().min(1)).optional(),
});

/** Source: grpc/grpc, doc/statuscodes.md; OK is no fault. */
const grpcStatuses = [
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
  "UNAUTHENTICATED",
] as const;

const fault = z.strictObject({
  delay: z.strictObject({ fixedDelay: duration, percentage }).optional(),
  abort: z
    .strictObject({
      httpStatus: z.int().min(200).max(599).optional(),
      grpcStatus: z.enum(grpcStatuses).optional(),
      percentage,
    })
    .optional(),
});

/** https://istio.io/latest/docs/reference/config/networking/virtual-service/#CorsPolicy */
const corsPolicy = z.strictObject({
  allowOrigins: z.array(stringMatch).min(1).describe("Allowed origins: `https://shop.example.com`."),
  allowMethods: some(z.enum(httpMethods)),
  allowHeaders: some(z.string().min(1)),
  exposeHeaders: some(z.string().min(1)),
  maxAge: duration.optional(),
  allowCredentials: z.boolean().optional(),
  unmatchedPreflights: z.enum(["FORWARD", "IGNORE"]).optional().describe("Preflights from other origins."),
});

const retries = z.strictObject({
  attempts: z.int().min(0).max(10),
  perTryTimeout: duration.optional(),
  retryOn: z.string().optional(),
  backoff: duration.optional(),
});

const weights = z
  .record(dnsLabel, z.int().min(0).max(100))
  .describe("subset: weight in percent, adding up to 100. Without it: the service itself.");

const httpRule = z.strictObject({
  name: dnsLabel.optional(),
  match: some(matchRequest).describe("Any of these; without it, every request."),
  route: weights.optional(),
  redirect: z
    .strictObject({
      uri: z.string().optional(),
      authority: z.string().optional(),
      scheme: z.enum(["http", "https"]).optional(),
      port: port.optional(),
      derivePort: z.enum(["FROM_PROTOCOL_DEFAULT", "FROM_REQUEST_PORT"]).optional(),
      redirectCode: z.literal([301, 302, 303, 307, 308]).optional(),
    })
    .optional(),
  directResponse: z.strictObject({ status: z.int().min(200).max(599), body: z.string().optional() }).optional(),
  rewrite: z
    .strictObject({
      uri: z.string().optional(),
      authority: z.string().optional(),
      uriRegexRewrite: z.strictObject({ match: z.string().min(1), rewrite: z.string() }).optional(),
    })
    .optional(),
  timeout: duration.optional(),
  retries: retries.optional(),
  fault: fault.optional(),
  mirror: z.strictObject({ subset: dnsLabel, percentage: percentage.default(100) }).optional(),
  headers: z.strictObject({ request: headerOperations.optional(), response: headerOperations.optional() }).optional(),
  corsPolicy: corsPolicy.optional(),
});

const subset = z.union(
  [dnsLabel, z.strictObject({ name: dnsLabel, labels, trafficPolicy: trafficPolicy.optional() })],
  {
    error: "expected the name of a version, or {name, labels}",
  },
);

const service = z.strictObject({
  host: dnsLabel.describe("The Service."),
  namespace: dnsLabel.optional().describe("Default: that of the first deployed application (bookinfo)."),
  gateways: z.array(dnsLabel).default([]).describe("Gateways that expose the service."),
  hosts: z.array(hostPattern).default([]).describe("Host names that clients use for a gateway."),
  port: port.optional().describe("The Service's port; needed where it has several."),
  subsets: z.array(subset).default([]).describe("Versions: the value of the `version` label, or {name, labels}."),
  trafficPolicy: trafficPolicy.optional(),
  http: z.array(httpRule).default([]).describe("Rules in order; the first that matches decides."),
  tls: z
    .strictObject({ route: weights.optional() })
    .optional()
    .describe("Instead of http: a gateway of mode PASSTHROUGH does not decrypt TLS for `hosts`."),
});

export const traffic = z.strictObject({
  services: z.array(service).default([]),
  defaultRetries: retries
    .optional()
    .describe("For requests whose rule has no retries: mesh config defaultHttpRetryPolicy."),
});

export type TrafficSettings = z.output<typeof traffic>;
export type TrafficServiceSettings = z.output<typeof service>;
export type HttpRuleSettings = z.output<typeof httpRule>;
