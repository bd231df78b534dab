import { z } from "zod";
import { dnsLabel, duration, freeForm, hostPattern, labels, percentage, port, stringMatch } from "./common";

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

const fault = z.strictObject({
  delay: z.strictObject({ fixedDelay: duration, percentage }).optional(),
  abort: z
    .strictObject({ httpStatus: z.int().min(200).max(599).optional(), grpcStatus: z.string().optional(), percentage })
    .optional(),
});

const httpRule = z.strictObject({
  name: dnsLabel.optional(),
  match: z.array(matchRequest).min(1).optional().describe("Any of these; without it, every request."),
  route: z
    .record(dnsLabel, z.int().min(0).max(100))
    .optional()
    .describe("subset: weight in percent, adding up to 100. Without it: the service itself."),
  redirect: z
    .strictObject({
      uri: z.string().optional(),
      authority: z.string().optional(),
      scheme: z.enum(["http", "https"]).optional(),
      redirectCode: z.literal([301, 302, 303, 307, 308]).optional(),
    })
    .optional(),
  directResponse: z.strictObject({ status: z.int().min(200).max(599), body: z.string().optional() }).optional(),
  rewrite: z.strictObject({ uri: z.string().optional(), authority: z.string().optional() }).optional(),
  timeout: duration.optional(),
  retries: z
    .strictObject({
      attempts: z.int().min(0).max(10),
      perTryTimeout: duration.optional(),
      retryOn: z.string().optional(),
      backoff: duration.optional(),
    })
    .optional(),
  fault: fault.optional(),
  mirror: z.strictObject({ subset: dnsLabel, percentage: percentage.default(100) }).optional(),
  headers: z.strictObject({ request: headerOperations.optional(), response: headerOperations.optional() }).optional(),
  corsPolicy: freeForm.optional(),
});

const trafficPolicy = z.strictObject({
  connectionPool: z
    .strictObject({
      tcp: z
        .strictObject({ maxConnections: z.int().min(1).optional(), connectTimeout: duration.optional() })
        .optional(),
      http: z
        .strictObject({
          http1MaxPendingRequests: z.int().min(0).optional(),
          http2MaxRequests: z.int().min(1).optional(),
          maxRequestsPerConnection: z.int().min(0).optional(),
          maxRetries: z.int().min(0).optional(),
        })
        .optional(),
    })
    .optional(),
  outlierDetection: z
    .strictObject({
      consecutive5xxErrors: z.int().min(0).optional(),
      interval: duration.optional(),
      baseEjectionTime: duration.optional(),
      maxEjectionPercent: z.int().min(0).max(100).optional(),
    })
    .optional(),
  loadBalancer: freeForm.optional(),
});

const subset = z.union(
  [dnsLabel, z.strictObject({ name: dnsLabel, labels, trafficPolicy: trafficPolicy.optional() })],
  {
    error: "expected the name of a version, or {name, labels}",
  },
);

const service = z.strictObject({
  host: dnsLabel.describe("The Service."),
  namespace: dnsLabel.optional().describe("Default: the namespace of Bookinfo."),
  gateways: z
    .array(z.enum(["ingress"]))
    .default([])
    .describe("Gateways on which the service is offered to the outside."),
  hosts: z.array(hostPattern).default([]).describe("Names under which a gateway offers it."),
  port: port.optional().describe("The Service's port; needed where it has several."),
  subsets: z.array(subset).default([]).describe("Versions: the value of the `version` label, or {name, labels}."),
  trafficPolicy: trafficPolicy.optional(),
  http: z.array(httpRule).default([]).describe("Rules in order; the first that matches decides."),
});

export const traffic = z.strictObject({
  services: z.array(service).default([]),
  defaultRetries: z.strictObject({ attempts: z.int().min(0).max(10), retryOn: z.string().optional() }).optional(),
});

export type TrafficSettings = z.output<typeof traffic>;
export type TrafficServiceSettings = z.output<typeof service>;
export type HttpRuleSettings = z.output<typeof httpRule>;
