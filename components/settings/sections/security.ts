import { z } from "zod";
import { dnsLabel, dnsSubdomain, duration, freeForm, hostPattern, httpMethods, ipBlock, labels, port } from "../fields";

/** `talos-mesh:security`: who may talk to whom. */

const path = z.string().startsWith("/", "expected a path that begins with '/', such as /details/*");

/** What a rule asks for beside who asks whom; all of it must hold. */
const conditions = {
  methods: z.array(z.enum(httpMethods)).min(1).optional(),
  paths: z.array(path).min(1).optional(),
  ports: z.array(port).min(1).optional(),
  headers: z.record(z.string(), z.array(z.string()).min(1)).optional(),
  ipBlocks: z.array(ipBlock).min(1).optional(),
};

const target = {
  to: dnsLabel.describe("The workload that is asked."),
  namespace: dnsLabel.optional().describe("Its namespace; default: that of Bookinfo."),
};

const rule = z.strictObject({
  ...target,
  from: z
    .array(z.string().regex(/^[a-z0-9-]+(\/[a-z0-9-]+)?$/, "expected a workload, namespace/workload, or a gateway"))
    .min(1)
    .optional()
    .describe("Workloads (`productpage`, `ns/name`) or gateways (`ingress`) that ask. Without it: anybody."),
  fromNamespaces: z.array(dnsLabel).min(1).optional().describe("Namespaces all of whose workloads ask, beside `from`."),
  claims: z
    .record(z.string(), z.array(z.string()).min(1))
    .optional()
    .describe("claim: values, one of which the token must have; the workload needs an entry of `jwt`."),
  ...conditions,
});

const externalRule = z
  .strictObject({
    ...target,
    provider: dnsLabel.describe("Name of one of `extensionProviders`."),
    ...conditions,
  })
  .describe("Requests that an external authorizer is asked about, before any other rule.");

const authorization = z.strictObject({
  default: z.enum(["deny", "allow"]).default("allow").describe("deny: nothing is allowed that no rule allows."),
  namespaces: z
    .record(dnsLabel, z.enum(["deny", "allow"]))
    .default({})
    .describe("What differs from default in a namespace."),
  allow: z.array(rule).default([]),
  deny: z.array(rule).default([]),
  audit: z.array(rule).default([]).describe("Requests that are let through as the other rules say, and logged."),
  dryRun: z
    .boolean()
    .default(false)
    .describe("Allow and deny rules only log and count what they would do (annotation istio.io/dry-run)."),
  external: z.array(externalRule).default([]),
});

const authorizerService = {
  service: z.string().min(1).describe("Full name: `opa.opa.svc.cluster.local`."),
  port,
  timeout: duration.optional(),
  failOpen: z.boolean().optional().describe("Let requests through while the authorizer does not answer."),
  statusOnError: z
    .string()
    .regex(/^\d{3}$/, 'expected an HTTP status such as "503"')
    .optional(),
  includeRequestBodyInCheck: z
    .strictObject({
      maxRequestBytes: z.int().min(1),
      allowPartialMessage: z.boolean().optional(),
      packAsBytes: z.boolean().optional(),
    })
    .optional(),
};

const headerNames = z.array(z.string().min(1)).min(1).optional();

/** https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig-ExtensionProvider */
const extensionProvider = z.strictObject({
  name: dnsLabel,
  envoyExtAuthzGrpc: z.strictObject(authorizerService).optional(),
  envoyExtAuthzHttp: z
    .strictObject({
      ...authorizerService,
      pathPrefix: path.optional(),
      includeRequestHeadersInCheck: headerNames,
      includeAdditionalHeadersInCheck: z.record(z.string(), z.string()).optional(),
      headersToUpstreamOnAllow: headerNames,
      headersToDownstreamOnAllow: headerNames,
      headersToDownstreamOnDeny: headerNames,
    })
    .optional(),
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
  requireClaims: z
    .record(z.string(), z.array(z.string()).min(1))
    .optional()
    .describe("claim: values, one of which the token must have."),
  paths: z
    .array(path)
    .min(1)
    .optional()
    .describe("Paths that need such a token; default: all. Of entries for the same paths, one is enough."),
});

const egress = z.strictObject({
  mode: z
    .enum(["sidecar", "egressGateway", "waypoint"])
    .optional()
    .describe("What lets workloads out. Default: their own sidecar, in ambient namespaces the namespace's waypoint."),
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
  extensionProviders: z
    .array(extensionProvider)
    .default([])
    .describe("External authorizers, for istiod's mesh config."),
  jwt: z.array(jwt).default([]),
  egress: egress.optional(),
});

const rawObject = z.strictObject({
  apiVersion: z.string().min(1),
  kind: z.string().min(1),
  metadata: z.strictObject({
    name: dnsSubdomain,
    namespace: dnsLabel.optional(),
    labels: labels.optional(),
    annotations: labels.optional(),
  }),
  spec: freeForm.default({}).describe("Checked against the CRD of the pinned version; unknown keys are refused."),
});

export const rawObjects = z
  .array(rawObject)
  .describe("Objects of Istio and Gateway API that no other setting can say, placed as they are.");

export type ExternalRuleSettings = z.output<typeof externalRule>;
export type JwtSettings = z.output<typeof jwt>;
export type EgressSettings = z.output<typeof egress>;
export type SecuritySettings = z.output<typeof security>;
export type AuthorizationRuleSettings = z.output<typeof rule>;
