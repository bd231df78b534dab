import { z } from "zod";
import {
  annotations,
  dnsLabel,
  dnsSubdomain,
  exactlyOneOf,
  flag,
  freeForm,
  headerName,
  hostPattern,
  httpMethods,
  httpUrl,
  ipBlock,
  labels,
  off,
  port,
  portKey,
  serviceHost,
  some,
  targetReference,
  valuesByClaim,
  valuesByHeader,
} from "../fields";
import { count, duration, uint32 } from "../quantities";

/** `talos-mesh:security`: which requests are allowed. */

const path = z.string().startsWith("/", "expected a path that begins with '/', such as /details/*");

/** Conditions of a rule on the request; all of them must hold. */
const conditions = {
  methods: some(z.enum(httpMethods)),
  paths: some(path),
  ports: some(port),
  headers: valuesByHeader,
  ipBlocks: some(ipBlock),
};

const target = {
  to: targetReference.describe(
    "What gets the request: a workload, a gateway, `ns/name`, `ns/*` (a namespace), or `*` (the whole mesh).",
  ),
  namespace: dnsLabel
    .optional()
    .describe("Namespace of the workload. Default: that of the first deployed application (bookinfo)."),
};

const rule = z.strictObject({
  ...target,
  from: some(
    z.string().regex(/^[a-z0-9-]+(\/[a-z0-9-]+)?$/, "expected a workload, namespace/workload, or a gateway"),
  ).describe("Callers: workloads (`productpage`, `ns/name`) or gateways (`ingress`). Default: every client."),
  fromNamespaces: some(dnsLabel).describe("Namespaces all of whose workloads are callers, in addition to `from`."),
  claims: valuesByClaim.describe("claim: values, one of which the token has; needs an entry of `jwt`."),
  ...conditions,
});

const externalRule = z
  .strictObject({
    ...target,
    provider: dnsLabel.describe("Name of one of `extensionProviders`."),
    ...conditions,
  })
  .describe("Requests that an external authorizer decides on, before all other rules.");

const authorization = z.strictObject({
  default: z.enum(["deny", "allow"]).default("allow").describe("deny: nothing is allowed that no rule allows."),
  namespaces: z
    .record(dnsLabel, z.enum(["deny", "allow"]))
    .default({})
    .describe("What differs from default in a namespace."),
  allow: z.array(rule).default([]),
  deny: z.array(rule).default([]),
  audit: z.array(rule).default([]).describe("Requests to log; the other rules decide whether they are allowed."),
  dryRun: off("Allow and deny rules only log and count (annotation istio.io/dry-run)."),
  external: z.array(externalRule).default([]),
});

const authorizerService = {
  service: serviceHost.describe("Full name: `opa.opa.svc.cluster.local`."),
  port,
  timeout: duration.optional(),
  failOpen: flag("Let requests through while the authorizer does not answer."),
  statusOnError: z
    .string()
    .regex(
      /^(100|20[0-8]|226|30[0-5]|30[78]|40\d|41[0-7]|42[12346]|428|429|431|50[0-8]|51[01])$/,
      'expected an HTTP status such as "503"',
    )
    .optional(),
  includeRequestBodyInCheck: z
    .strictObject({
      maxRequestBytes: count(1, uint32),
      allowPartialMessage: z.boolean().optional(),
      packAsBytes: z.boolean().optional(),
    })
    .optional(),
};

const headerNames = some(headerName);

/** https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig-ExtensionProvider */
const extensionProvider = exactlyOneOf(
  {
    name: dnsLabel,
    envoyExtAuthzGrpc: z.strictObject(authorizerService).optional(),
    envoyExtAuthzHttp: z
      .strictObject({
        ...authorizerService,
        pathPrefix: path.optional(),
        includeRequestHeadersInCheck: headerNames,
        includeAdditionalHeadersInCheck: z.record(headerName, z.string()).optional(),
        headersToUpstreamOnAllow: headerNames,
        headersToDownstreamOnAllow: headerNames,
        headersToDownstreamOnDeny: headerNames,
      })
      .optional(),
  },
  ["envoyExtAuthzGrpc", "envoyExtAuthzHttp"],
);

const peerAuthentication = z.strictObject({
  namespace: dnsLabel,
  workload: dnsLabel.optional(),
  mode: z.enum(["STRICT", "PERMISSIVE", "DISABLE"]),
  ports: z.record(portKey, z.enum(["STRICT", "PERMISSIVE", "DISABLE"])).optional(),
  reason: z.string().min(10).describe("Why this differs from the mesh; an annotation of the object."),
});

/** The CRD takes no other names here. */
const claimHeader = z.string().regex(/^[-_A-Za-z0-9]+$/, "expected the name of a header: letters, digits, '-' and '_'");

const jwt = z.strictObject({
  workload: targetReference.describe("What gets the tokens: a workload, a gateway, `ns/name`, `ns/*`, or `*`."),
  namespace: dnsLabel.optional(),
  issuer: z.string().min(1),
  audiences: z.array(z.string().min(1)).default([]),
  jwksUri: httpUrl.optional(),
  jwks: z.string().optional(),
  forwardOriginalToken: z.boolean().default(false),
  claimsToHeaders: z.record(z.string().min(1), claimHeader).optional().describe("claim: request header"),
  requireClaims: valuesByClaim.describe("claim: values, one of which the token has."),
  paths: some(path).describe("Paths that need a token; default: all. Of entries with the same paths, one is enough."),
});

const egress = z.strictObject({
  mode: z
    .enum(["sidecar", "egressGateway", "waypoint"])
    .optional()
    .describe("The proxy of egress. Default: the sidecar, in ambient namespaces the waypoint."),
  allow: z.array(
    z.strictObject({
      from: z.string().min(1),
      hosts: z.array(hostPattern).min(1),
      ports: z.array(port).min(1),
      protocol: z.enum(["TLS", "HTTP", "TCP"]).default("TLS"),
      tlsOrigination: off("The proxy speaks TLS for a workload that speaks HTTP."),
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
    annotations: annotations.optional(),
  }),
  spec: freeForm.default({}).describe("Checked against the CRD of the pinned version."),
});

export const rawObjects = z
  .array(rawObject)
  .describe("Objects of Istio and Gateway API that no other setting can express, applied unchanged.");

export type ExternalRuleSettings = z.output<typeof externalRule>;
export type JwtSettings = z.output<typeof jwt>;
export type EgressSettings = z.output<typeof egress>;
export type SecuritySettings = z.output<typeof security>;
export type AuthorizationRuleSettings = z.output<typeof rule>;
