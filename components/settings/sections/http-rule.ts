import { z } from "zod";
import {
  authority,
  changedHeader,
  dnsLabel,
  exactlyOneOf,
  headerName,
  headerValue,
  hostName,
  httpMethods,
  labels,
  matchedHeader,
  pathMatch,
  port,
  requestHeader,
  some,
  stringMatch,
  valueMatch,
} from "../fields";
import { count, duration, percentage, seconds } from "../quantities";

/** A rule for HTTP requests: what it matches, and what happens to the request. */

const matchRequest = z.strictObject({
  uri: pathMatch.optional(),
  ignoreUriCase: z.literal(true).optional().describe("For exact, prefix and pathPrefix."),
  method: stringMatch.optional(),
  scheme: stringMatch.optional(),
  authority: stringMatch.optional().describe("What the client calls the server: the header Host."),
  port: port.optional().describe("Of the Service or the gateway to which the request is sent."),
  headers: z.record(matchedHeader, valueMatch).optional(),
  withoutHeaders: z.record(matchedHeader, valueMatch).optional().describe("Headers that it does not have."),
  queryParams: z.record(z.string().min(1), valueMatch).optional(),
  sourceWorkload: dnsLabel.optional().describe("The workload of the client, in the namespace of the service."),
  sourceNamespace: dnsLabel.optional().describe("The namespace of the client."),
  sourceLabels: labels.optional().describe("Labels of the client's pods."),
  statPrefix: z.string().min(1).max(253).optional().describe("In the names of Envoy's statistics of these requests."),
});

const headerOperations = (name: typeof headerName) =>
  z.strictObject({
    set: z.record(name, headerValue).optional(),
    add: z.record(name, headerValue).optional(),
    remove: z.array(changedHeader).optional(),
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
  abort: exactlyOneOf(
    { httpStatus: count(200, 599).optional(), grpcStatus: z.enum(grpcStatuses).optional(), percentage },
    ["httpStatus", "grpcStatus"],
  ).optional(),
});

/** https://istio.io/latest/docs/reference/config/networking/virtual-service/#CorsPolicy */
const corsPolicy = z.strictObject({
  allowOrigins: z.array(stringMatch).min(1).describe("Allowed origins: `https://shop.example.com`."),
  allowMethods: some(z.enum(httpMethods)),
  allowHeaders: some(headerName),
  exposeHeaders: some(headerName),
  maxAge: seconds.optional(),
  allowCredentials: z.boolean().optional(),
  unmatchedPreflights: z.enum(["FORWARD", "IGNORE"]).optional().describe("Preflights from other origins."),
});

/** Source: istio/istio, pkg/config/validation/agent, ValidateHTTPRetry, and the statuses of Go's net/http. */
const retryCondition =
  "(5xx|gateway-error|reset|reset-before-request|connect-failure|retriable-4xx|refused-stream|retriable-status-codes|" +
  "retriable-headers|envoy-ratelimited|http3-post-connect-failure|cancelled|deadline-exceeded|internal|" +
  "resource-exhausted|unavailable|10[0-3]|20[0-8]|226|30[0-5]|30[78]|40\\d|41[0-8]|42[1-689]|431|451|50[0-8]|51[01])";
const retryConditions = z
  .string()
  .regex(
    new RegExp(`^${retryCondition}(,${retryCondition})*$`),
    "expected conditions of Envoy or HTTP statuses, separated by commas without spaces, such as 5xx,reset,503",
  );

export const retries = z.strictObject({
  attempts: count(0, 10),
  perTryTimeout: duration.optional(),
  retryOn: retryConditions.optional(),
  backoff: duration.optional(),
  retryRemoteLocalities: z.boolean().optional().describe("Retries may go to other localities."),
  retryIgnorePreviousHosts: z
    .boolean()
    .optional()
    .describe("Retries go to other pods than those that failed. Istio's default: true."),
});

export const weights = z
  .record(dnsLabel, count(0, 100))
  .describe("subset: weight in percent, adding up to 100. Without it: the service itself.");

const headers = z.strictObject({
  request: headerOperations(requestHeader).optional(),
  response: headerOperations(changedHeader).optional(),
});

export const target = {
  host: hostName.optional().describe("A workload, or a host of externalServices. Default: the service itself."),
  namespace: dnsLabel.optional().describe("Of host. Default: that of the service."),
  subset: dnsLabel.optional().describe("One of the subsets of host."),
  port: port.optional().describe("Default: the port of host."),
};

export const weighted = {
  ...target,
  weight: count(0, 100).optional().describe("In percent, adding up to 100; needed where there are several."),
};

const destination = z.strictObject({
  ...weighted,
  headers: headers.optional().describe("Changes for the requests that go there, and for their responses."),
});

const destinations = z.array(destination).min(1);

const mirror = z.strictObject({ ...target, percentage: percentage.default(100) });

export const httpRule = z.strictObject({
  name: dnsLabel.optional(),
  match: some(matchRequest).describe("Any of these; without it, every request."),
  route: z
    .union([destinations, weights], {
      error: "expected subset: weight, or a list of {host, subset, port, weight, headers}",
    })
    .optional()
    .describe("subset: weight; or a list of {host, subset, port, weight, headers}, also of other services."),
  redirect: z
    .strictObject({
      uri: z.string().min(1).optional(),
      authority: authority.optional(),
      scheme: z.enum(["http", "https"]).optional(),
      port: port.optional(),
      derivePort: z.enum(["FROM_PROTOCOL_DEFAULT", "FROM_REQUEST_PORT"]).optional(),
      prefixRewrite: z.string().min(1).optional().describe("Replaces the part of the path that matched."),
      redirectCode: z.literal([301, 302, 303, 307, 308]).optional(),
    })
    .optional(),
  directResponse: z
    .strictObject({
      status: count(200, 599),
      body: z.string().max(1_048_576).optional(),
      bodyBytes: z.base64().max(1_048_576).optional().describe("A body that is no text, in base64."),
    })
    .optional(),
  rewrite: z
    .strictObject({
      uri: z.string().min(1).optional(),
      authority: authority.optional(),
      uriRegexRewrite: z.strictObject({ match: z.string().min(1).max(1024), rewrite: z.string().min(1) }).optional(),
    })
    .optional(),
  timeout: duration.optional(),
  retries: retries.optional(),
  fault: fault.optional(),
  mirror: mirror.optional(),
  mirrors: some(mirror).describe("Several copies of a request."),
  headers: headers.optional(),
  corsPolicy: corsPolicy.optional(),
});

export type HttpRuleSettings = z.output<typeof httpRule>;
export type DestinationSettings = z.output<typeof destination>;
export type MirrorSettings = z.output<typeof mirror>;
