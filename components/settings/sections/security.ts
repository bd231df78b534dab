import { z } from "zod";
import { dnsLabel, freeForm, hostPattern, port } from "./common";

/** `talos-mesh:security`: who may talk to whom. */

const path = z.string().startsWith("/", "expected a path that begins with '/', such as /details/*");

const method = z.enum(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"]);

const rule = z.strictObject({
  to: dnsLabel.describe("The workload that is asked."),
  namespace: dnsLabel.optional().describe("Its namespace; default: that of Bookinfo."),
  from: z
    .array(z.string().regex(/^[a-z0-9-]+(\/[a-z0-9-]+)?$/, "expected a workload, namespace/workload, or a gateway"))
    .min(1)
    .optional()
    .describe("Workloads (`productpage`, `ns/name`) or gateways (`ingress`) that ask. Without it: anybody."),
  fromNamespaces: z.array(dnsLabel).min(1).optional().describe("Namespaces whose workloads ask."),
  methods: z.array(method).min(1).optional(),
  paths: z.array(path).min(1).optional(),
  ports: z.array(port).min(1).optional(),
  claims: z.record(z.string(), z.array(z.string()).min(1)).optional(),
  headers: z.record(z.string(), z.array(z.string()).min(1)).optional(),
  ipBlocks: z.array(z.string()).min(1).optional(),
});

const authorization = z.strictObject({
  default: z.enum(["deny", "allow"]).default("allow").describe("deny: nothing is allowed that no rule allows."),
  namespaces: z
    .record(dnsLabel, z.enum(["deny", "allow"]))
    .default({})
    .describe("What differs from default in a namespace."),
  allow: z.array(rule).default([]),
  deny: z.array(rule).default([]),
  audit: z.array(rule).default([]),
  dryRun: z.boolean().default(false),
  external: freeForm.optional().describe("External authorization provider."),
});

const peerAuthentication = z.strictObject({
  namespace: dnsLabel,
  workload: dnsLabel.optional(),
  mode: z.enum(["STRICT", "PERMISSIVE", "DISABLE"]),
  ports: z.record(z.string().regex(/^\d+$/), z.enum(["STRICT", "PERMISSIVE", "DISABLE"])).optional(),
  reason: z.string().min(10).describe("Why this differs from the mesh; it stands on the object."),
});

const jwt = z.strictObject({
  workload: dnsLabel,
  namespace: dnsLabel.optional(),
  issuer: z.string().min(1),
  audiences: z.array(z.string()).default([]),
  jwksUri: z.url().optional(),
  jwks: z.string().optional(),
  forwardOriginalToken: z.boolean().default(false),
  claimsToHeaders: z.record(z.string(), z.string()).optional().describe("claim: request header"),
  requireClaims: z.record(z.string(), z.array(z.string())).optional(),
  paths: z.array(path).optional(),
});

const egress = z.strictObject({
  mode: z.enum(["sidecar", "egressGateway", "waypoint"]).optional(),
  allow: z.array(
    z.strictObject({
      from: z.string().min(1),
      hosts: z.array(hostPattern).min(1),
      ports: z.array(port).min(1),
      protocol: z.enum(["TLS", "HTTP", "TCP"]).default("TLS"),
      tlsOrigination: z.boolean().default(false).describe("The proxy speaks TLS for a workload that speaks HTTP."),
    }),
  ),
});

export const security = z.strictObject({
  peerAuthentication: z
    .array(peerAuthentication)
    .default([])
    .describe("Exceptions from mesh.mtls, each with its reason."),
  authorization: authorization.optional(),
  jwt: z.array(jwt).default([]),
  egress: egress.optional(),
});

export const rawObjects = z.array(freeForm).describe("Objects passed on as they are.");

export type SecuritySettings = z.output<typeof security>;
export type AuthorizationSettings = z.output<typeof authorization>;
export type AuthorizationRuleSettings = z.output<typeof rule>;
