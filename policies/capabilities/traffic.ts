import { both, type Capabilities, type Capability, converted, native, refused, type Support } from "./capability";

/** A field of an HTTP rule. */
function httpRule<Ambient extends Support>(
  title: string,
  field: string,
  ambient: Ambient,
  more: Partial<Capability> = {},
) {
  const sidecar = native(`VirtualService http[].${field}`);
  return { title, setting: `traffic.services.*.http.*.${field}`, sidecar, ...more, ambient };
}

function httpRoute(how: string) {
  return converted(`HTTPRoute at the service's waypoint, ${how}`);
}

/** A field of the traffic policy of a service. */
function trafficPolicy(title: string, field: string, more: Partial<Capability> = {}) {
  const rule = `DestinationRule trafficPolicy.${field}`;
  const ambient = native(`${rule}, applied by the waypoint`);
  return { title, setting: `traffic.services.*.trafficPolicy.${field}`, sidecar: native(rule), ...more, ambient };
}

const atGateways = "the same in an entry with gateways of kind chart, whose proxies have it";
const sidecars = { seen: ["sidecar"] } as const;
const everywhere = { seen: both };

export const trafficCapabilities = {
  offer: {
    title: "Hosts and paths at a gateway",
    seen: both,
    setting: "traffic.services.*.gateways",
    sidecar: native("Gateway and VirtualService; HTTPRoute at gateways of kind gateway-api"),
    ambient: native("the same: a gateway is a proxy in either data plane"),
  },
  passthrough: {
    title: "TLS passthrough",
    seen: ["sidecar"],
    setting: "traffic.services.*.tls",
    sidecar: native("VirtualService tls[] by SNI"),
    ambient: native("VirtualService tls[] by SNI, at the gateway"),
  },
  match: httpRule(
    "Routes by path, header, query and method",
    "match",
    httpRoute("matches; a prefix becomes a regular expression, because PathPrefix takes whole segments"),
    everywhere,
  ),
  matchOrder: {
    title: "Order of rules",
    seen: both,
    setting: "traffic.services.*.http.*",
    sidecar: native("VirtualService: the first rule that matches applies"),
    ambient: converted(
      "HTTPRoute has its own order (exact path, longer path, method, headers); refused where it differs",
    ),
  },
  methodPattern: httpRule(
    "Methods by prefix or regular expression",
    "match.*.method",
    refused("an HTTPRoute matches methods exactly", "one match for each method"),
    { ...sidecars, sidecar: native("VirtualService http[].match[].method") },
  ),
  sourceWorkload: httpRule(
    "Routes by the workload of the client",
    "match.*.sourceWorkload",
    refused(
      "a waypoint does not route by the workload of the client",
      "a header that the client sets, or authorization by identity",
    ),
    { ...sidecars, sidecar: native("VirtualService http[].match[].sourceLabels") },
  ),
  weights: httpRule("Weights of versions", "route", httpRoute("backendRefs[].weight to a Service for each version"), {
    ...everywhere,
    sidecar: native("VirtualService http[].route[].weight to subsets"),
  }),
  mirror: httpRule("Mirroring with a percentage", "mirror", httpRoute("filter RequestMirror"), {
    ...everywhere,
    sidecar: native("VirtualService http[].mirrors[]"),
  }),
  headers: httpRule(
    "Headers set, added, removed",
    "headers",
    httpRoute("filters RequestHeaderModifier and ResponseHeaderModifier"),
    everywhere,
  ),
  redirect: httpRule("Redirects", "redirect", httpRoute("filter RequestRedirect with 301 or 302"), everywhere),
  redirectOther: httpRule(
    "Redirects by 303, 307 or 308, or with a derived port",
    "redirect.redirectCode",
    refused("the standard channel of Gateway API redirects by 301 and 302", atGateways),
    { sidecar: native("VirtualService http[].redirect") },
  ),
  directResponse: httpRule(
    "Direct responses",
    "directResponse",
    refused("Gateway API has no direct response", atGateways),
    sidecars,
  ),
  rewrite: httpRule("Rewrites of a whole path, and of the host", "rewrite", httpRoute("filter URLRewrite"), everywhere),
  rewritePrefix: httpRule(
    "Rewrites of a part of the path",
    "rewrite.uriRegexRewrite",
    refused(
      "an HTTPRoute replaces a whole path, or whole segments at its beginning",
      `exact matches only, or ${atGateways}`,
    ),
    {
      ...sidecars,
      sidecar: native("VirtualService http[].rewrite.uri after a prefix, rewrite.uriRegexRewrite"),
    },
  ),
  timeout: httpRule("Timeouts", "timeout", httpRoute("timeouts.request"), everywhere),
  retries: httpRule(
    "Retries of a rule",
    "retries",
    refused(
      "retry of HTTPRoute is in Gateway API's experimental channel, which is not installed",
      "traffic.defaultRetries, which waypoints apply",
    ),
    sidecars,
  ),
  backoff: httpRule(
    "Backoff between retries",
    "retries.backoff",
    refused("like retries of a rule", "traffic.defaultRetries"),
    { since: "1.26" },
  ),
  defaultRetries: {
    title: "Retries of the whole mesh",
    seen: both,
    setting: "traffic.defaultRetries",
    sidecar: native("mesh config defaultHttpRetryPolicy"),
    ambient: native("mesh config defaultHttpRetryPolicy, applied by waypoints and gateways; ztunnel retries nothing"),
  },
  defaultBackoff: {
    title: "Backoff between retries of the whole mesh",
    setting: "traffic.defaultRetries.backoff",
    sidecar: native("mesh config defaultHttpRetryPolicy"),
    ambient: native("mesh config defaultHttpRetryPolicy, applied by waypoints and gateways"),
    since: "1.26",
  },
  fault: httpRule(
    "Faults: delays, HTTP and gRPC errors",
    "fault",
    converted("VirtualService at the waypoint (alpha) in place of the HTTPRoute, for all rules of the host"),
    everywhere,
  ),
  cors: httpRule(
    "CORS",
    "corsPolicy",
    refused("the CORS filter is in Gateway API's experimental channel", atGateways),
    sidecars,
  ),
  unmatchedPreflights: httpRule(
    "Preflight requests from other origins",
    "corsPolicy.unmatchedPreflights",
    refused("like CORS", atGateways),
    { since: "1.23" },
  ),
  connectionPool: trafficPolicy("Connection pools", "connectionPool", everywhere),
  outlierDetection: trafficPolicy("Outlier detection", "outlierDetection", everywhere),
  loadBalancer: trafficPolicy("Load balancing: least request, locality, consistent hash", "loadBalancer", everywhere),
  warmup: trafficPolicy("Warm-up of new pods", "loadBalancer.warmup", { since: "1.24" }),
  portLevelSettings: trafficPolicy("Traffic policy of one port", "portLevelSettings"),
  subsetPolicy: {
    title: "Traffic policy of one version",
    seen: both,
    setting: "traffic.services.*.subsets.*.trafficPolicy",
    sidecar: native("DestinationRule subsets[].trafficPolicy"),
    ambient: converted("DestinationRule of the version's Service, applied by the waypoint"),
  },
} satisfies Capabilities;
