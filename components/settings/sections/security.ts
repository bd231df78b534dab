import { z } from "zod";
import {
  annotations,
  dnsLabel,
  dnsSubdomain,
  exactlyOneOf,
  externalHost,
  flag,
  freeForm,
  headerName,
  httpUrl,
  labels,
  off,
  port,
  portKey,
  serviceHost,
  some,
  targetReference,
} from "../fields";
import { count, duration, uint32 } from "../quantities";
import { authorization, rulePath, valuesByClaim } from "./access-rules";

/** `talos-mesh:security`: which requests are allowed. */

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
        pathPrefix: z.string().startsWith("/", "expected a path that begins with '/'").optional(),
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

const mtlsMode = z.enum(["STRICT", "PERMISSIVE", "DISABLE"]);

const peerAuthentication = z.strictObject({
  namespace: dnsLabel.optional().describe("Default: as of a workload that is named without one."),
  workload: targetReference.optional().describe("`name` or `ns/name`. Default: all of the namespace, as is `ns/*`."),
  mode: mtlsMode.optional().describe("Default, where ports are given: that of the namespace, or else of the mesh."),
  ports: z.record(portKey, mtlsMode).optional(),
  reason: z
    .string()
    .min(10)
    .optional()
    .describe("An annotation of the object; needed where this accepts more than mesh.mtls."),
});

/** The CRD takes no other names here. */
const claimHeader = z.string().regex(/^[-_A-Za-z0-9]+$/, "expected the name of a header: letters, digits, '-' and '_'");

/** https://istio.io/latest/docs/reference/config/security/jwt/ */
const jwt = z.strictObject({
  workload: targetReference.describe("What gets the tokens: a workload, a gateway, `ns/name`, `ns/*`, or `*`."),
  namespace: dnsLabel.optional(),
  issuer: z.string().min(1),
  required: z
    .boolean()
    .default(true)
    .describe("false: a request without a token passes; one with an invalid token is refused in any case."),
  audiences: z.array(z.string().min(1)).default([]),
  jwksUri: httpUrl.optional(),
  jwks: z.string().optional(),
  timeout: duration.optional().describe("For fetching the keys. Default: 5s."),
  fromHeaders: some(z.strictObject({ name: headerName, prefix: z.string().optional() })).describe(
    "Where the token is. Default: the header Authorization with the prefix Bearer, and the parameter access_token.",
  ),
  fromParams: some(z.string().min(1)).describe("Query parameters with the token."),
  fromCookies: some(z.string().min(1)).describe("Cookies with the token."),
  forwardOriginalToken: z.boolean().default(false),
  outputPayloadToHeader: headerName
    .optional()
    .describe("Request header for the payload of a valid token, in base64url."),
  claimsToHeaders: z.record(z.string().min(1), claimHeader).optional().describe("claim: request header"),
  spaceDelimitedClaims: some(z.string().min(1)).describe("Claims that are lists, besides scope and permission."),
  requireClaims: valuesByClaim.describe("claim: values, one of which the token has."),
  paths: some(rulePath).describe(
    "Paths that need a token; default: all. Of entries with the same paths, one is enough.",
  ),
  notPaths: some(rulePath).describe("Paths that need no token."),
});

const egress = z.strictObject({
  mode: z
    .enum(["sidecar", "egressGateway", "waypoint"])
    .optional()
    .describe("The proxy of egress. Default: the sidecar, in ambient namespaces the waypoint."),
  allow: z.array(
    z.strictObject({
      from: z.string().min(1).describe("A workload, ns/name, ns/* (a namespace), or * (all workloads of the mesh)."),
      hosts: z.array(externalHost).min(1),
      ports: some(port).describe("Needed for hosts that traffic.externalServices does not describe."),
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

export type JwtSettings = z.output<typeof jwt>;
export type EgressSettings = z.output<typeof egress>;
export type SecuritySettings = z.output<typeof security>;
