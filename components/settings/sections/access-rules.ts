import { z } from "zod";
import { dnsLabel, flag, form, headerName, httpMethods, ipBlock, off, port, some, targetReference } from "../fields";

/** `talos-mesh:security.authorization`: which requests are allowed. */

/** A value, `prefix*`, `*suffix`, or `*` for any. Elsewhere istiod takes an asterisk for itself. */
const pattern = form("(\\*|\\*?[^*]+|[^*]+\\*)", "expected a value, in which '*' may be at the beginning or the end");

export const rulePath = form(
  "(/.*|\\*.*)",
  "expected a path that begins with '/' or '*', such as /details/* or */info",
);

const namespacePattern = form(
  "(\\*|\\*?[a-z0-9]([-a-z0-9]*[a-z0-9])?|[a-z0-9][-a-z0-9]*\\*)",
  "expected a namespace, in which '*' may be at the beginning or the end",
);

/** `https://` has no place in it: istiod puts `spiffe://` before it. */
const principal = form(
  "(?!spiffe:)(\\*|\\*?[^*]+|[^*]+\\*)",
  "expected an identity without spiffe://, such as example.org/ns/shop/sa/front; '*' may be at the beginning or the end",
);

/** The claim of a token; `a[b]` is claim b in claim a. */
const claimName = form("[^[\\]]+(\\[[^[\\]]+\\])*", "expected the name of a claim; a nested one is written a[b]");

const values = z.array(pattern).min(1);
export const valuesByClaim = z.record(claimName, values).optional();

type Negated<Shape> = { readonly [Key in keyof Shape & string as `not${Capitalize<Key>}`]: Shape[Key] };

/** Conditions, and for each one that is its opposite: `paths` and `notPaths`. */
function withOpposites<Shape extends Readonly<Record<string, z.ZodType>>>(shape: Shape): Shape & Negated<Shape> {
  const opposites = Object.entries(shape).map(([key, schema]) => [
    `not${key[0]?.toUpperCase()}${key.slice(1)}`,
    schema,
  ]);
  return { ...shape, ...(Object.fromEntries(opposites) as Negated<Shape>) };
}

/** Conditions on the request and its connection; all of them must hold. Each needs a row in policies/conditions.ts. */
const conditions = withOpposites({
  methods: some(z.enum(httpMethods)),
  paths: some(rulePath).describe("`/a`, `/a*`, `*/a`, or with templates: `{*}` is one segment, `{**}` any number."),
  hosts: some(pattern).describe("Of the header Host, with any port."),
  ports: some(port),
  headers: z.record(headerName, values).optional().describe("header: values, one of which it has; `*`: any."),
  ipBlocks: some(ipBlock).describe("Addresses of the peer: the client, or the proxy in front of it."),
  remoteIpBlocks: some(ipBlock).describe("Addresses of the client, as X-Forwarded-For or the PROXY protocol has them."),
  destinationIps: some(ipBlock),
  sni: some(pattern).describe("Server names of TLS."),
});

/** Conditions on identities and tokens, which an external authorizer's rules cannot have. */
const identities = withOpposites({
  from: some(
    z.string().regex(/^[a-z0-9-]+(\/[a-z0-9-]+)?$/, "expected a workload, namespace/workload, or a gateway"),
  ).describe("Callers: workloads (`productpage`, `ns/name`) or gateways (`ingress`). Default: every client."),
  fromNamespaces: some(namespacePattern).describe("Namespaces of callers, in addition to `from`."),
  principals: some(principal).describe("Identities of callers that the stack does not name, in addition to `from`."),
  trustDomains: some(pattern),
  requestPrincipals: some(pattern).describe("`issuer/subject` of the token; `*`: any valid token."),
  claims: valuesByClaim.describe("claim: values, one of which the token has; needs an entry of `jwt`."),
  audiences: some(pattern),
  presenters: some(pattern),
});

const target = {
  to: targetReference.describe(
    "What gets the request: a workload, a gateway, `ns/name`, `ns/*` (a namespace), or `*` (the whole mesh).",
  ),
  namespace: dnsLabel
    .optional()
    .describe("Namespace of the workload. Default: that of the first deployed application (bookinfo)."),
};

const rule = z.strictObject({ ...target, ...identities, ...conditions });

const rehearsedRule = rule.extend({ dryRun: flag("This rule only logs and counts.") });

const externalRule = z
  .strictObject({
    ...target,
    provider: dnsLabel.describe("Name of one of `extensionProviders`."),
    ...conditions,
  })
  .describe("Requests that an external authorizer decides on, before all other rules.");

export const authorization = z.strictObject({
  default: z.enum(["deny", "allow"]).default("allow").describe("deny: nothing is allowed that no rule allows."),
  namespaces: z
    .record(dnsLabel, z.enum(["deny", "allow"]))
    .default({})
    .describe("What differs from default in a namespace."),
  allow: z.array(rehearsedRule).default([]),
  deny: z.array(rehearsedRule).default([]),
  audit: z.array(rule).default([]).describe("Requests to log; the other rules decide whether they are allowed."),
  dryRun: off("Allow and deny rules only log and count (annotation istio.io/dry-run)."),
  external: z.array(externalRule).default([]),
});

export type ExternalRuleSettings = z.output<typeof externalRule>;
export type AuthorizationRuleSettings = z.output<typeof rehearsedRule>;
