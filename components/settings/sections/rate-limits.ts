import { z } from "zod";
import {
  dnsLabel,
  exactlyOneOf,
  flag,
  form,
  headerName,
  headerValue,
  matchedHeader,
  off,
  port,
  serviceHost,
  some,
  stringMatch,
} from "../fields";
import { count, duration, uint32 } from "../quantities";

/** `talos-mesh:traffic.rateLimits`: Envoy's rate limits, in its words. */

const tokenBucket = z
  .strictObject({
    maxTokens: count(1, uint32).describe("Requests at once."),
    tokensPerFill: count(1, uint32).optional().describe("Requests for each fillInterval. Default: maxTokens."),
    fillInterval: duration,
  })
  .describe("In each proxy, without asking a service: every request takes a token, and gets 429 where there is none.");

const requestMatch = z
  .strictObject({
    uri: stringMatch.optional(),
    ignoreUriCase: z.boolean().optional(),
    method: stringMatch.optional(),
    headers: z.record(matchedHeader, stringMatch).optional(),
  })
  .describe("All of these.");

const descriptor = z.strictObject({ name: dnsLabel, match: requestMatch, tokenBucket });

const key = z.string().min(1);

/** https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/route/v3/route_components.proto#config-route-v3-ratelimit-action */
const action = exactlyOneOf({
  requestHeaders: z.strictObject({ headerName: matchedHeader, descriptorKey: key }).optional(),
  remoteAddress: z.strictObject({}).optional(),
  genericKey: z.strictObject({ descriptorKey: key.optional(), descriptorValue: key }).optional(),
  headerValueMatch: z
    .strictObject({ descriptorKey: key.optional(), descriptorValue: key, match: requestMatch })
    .optional(),
  destinationCluster: z.strictObject({}).optional(),
  sourceCluster: z.strictObject({}).optional(),
});

const rateLimit = exactlyOneOf(
  {
    workload: form(
      "[a-z0-9-]+(\\/([a-z0-9-]+|\\*))?",
      "expected a workload, a gateway, namespace/name, or namespace/*",
    ).describe("Whose proxies limit the requests that they get: a workload, a gateway, `ns/name`, `ns/*`."),
    port: port.optional().describe("Of a workload's Service. Default: every port."),
    route: dnsLabel.optional().describe("At a gateway, the `name` of an HTTP rule. Default: every request."),
    tokenBucket: tokenBucket.optional(),
    descriptors: some(descriptor).describe("With tokenBucket: smaller buckets of requests that match."),
    responseHeaders: z.record(headerName, headerValue).optional().describe("With tokenBucket: on responses with 429."),
    enableXRatelimitHeaders: flag("With tokenBucket: headers that say how many tokens are left."),
    actions: some(action).describe("What rateLimitService counts by; all of them are one descriptor."),
  },
  ["tokenBucket", "actions"],
);

export const rateLimits = z.array(rateLimit).default([]).describe("Limits of requests, at sidecars and gateways.");

export const rateLimitService = z
  .strictObject({
    service: serviceHost.describe("Full name: `ratelimit.default.svc.cluster.local`."),
    port: port.default(8081).describe("gRPC."),
    domain: z.string().min(1).describe("Of its limits."),
    timeout: duration.optional().describe("Default: Envoy's, 20ms."),
    failureModeDeny: off("Refuse requests (500) while it does not answer."),
  })
  .describe("Counts requests of all proxies: https://github.com/envoyproxy/ratelimit or one with its API.");

export type RateLimitSettings = z.output<typeof rateLimit>;
export type RateLimitServiceSettings = z.output<typeof rateLimitService>;
export type TokenBucket = z.output<typeof tokenBucket>;
export type RateLimitMatch = z.output<typeof requestMatch>;
