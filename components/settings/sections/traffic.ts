import { z } from "zod";
import { dnsLabel, hostPattern, labels, port } from "../fields";
import { tcpRule, tlsRule } from "./connection-rule";
import { externalService } from "./external-services";
import { httpRule, retries, weights } from "./http-rule";
import { rateLimits, rateLimitService } from "./rate-limits";
import { trafficPolicy } from "./traffic-policy";

/** `talos-mesh:traffic`: routes, splits, faults, circuit breakers, in Istio's words. */

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
  subsets: z
    .array(subset)
    .default([])
    .describe(
      "Parts of its pods: {name, labels}. Versions, the values of the `version` label, that rules name need no entry.",
    ),
  trafficPolicy: trafficPolicy.optional(),
  http: z
    .array(httpRule)
    .default([])
    .describe("Rules in order; the first that matches decides. Without it, a gateway lets every request in."),
  tcp: z
    .array(tcpRule)
    .default([])
    .describe("Rules for connections to ports of protocol tcp; at a gateway, to its extraPorts."),
  tls: z
    .union([z.array(tlsRule).min(1), z.strictObject({ route: weights.optional() })], {
      error: "expected a list of rules, or {route}",
    })
    .optional()
    .describe(
      "Rules for connections with TLS that no proxy decrypts: to ports of protocol tls or https, or at a gateway, instead " +
        "of http, where its tls.mode is PASSTHROUGH. An object is a single rule.",
    ),
});

export const traffic = z.strictObject({
  services: z.array(service).default([]),
  externalServices: z.array(externalService).default([]).describe("Services outside the mesh."),
  rateLimits,
  rateLimitService: rateLimitService.optional(),
  defaultRetries: retries
    .optional()
    .describe("For requests whose rule has no retries: mesh config defaultHttpRetryPolicy."),
});

export type TrafficSettings = z.output<typeof traffic>;
export type TrafficServiceSettings = z.output<typeof service>;
