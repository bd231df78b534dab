import type { Capabilities, Support } from "./capability";

const http = "traffic.services.*.http.*";
const policy = "traffic.services.*.trafficPolicy";

const route = (field: string): Support => ({ native: `VirtualService http[].${field}` });
const waypointRoute = (field: string): Support => ({ converted: `HTTPRoute at the service's waypoint, ${field}` });
const destination = (field: string) => ({
  sidecar: { native: `DestinationRule trafficPolicy.${field}` },
  ambient: { native: `DestinationRule trafficPolicy.${field}, applied by the waypoint` },
});
const atGateways = "the same in an entry with gateways of kind chart, whose proxies have it";

export const trafficCapabilities = {
  offer: {
    title: "Hosts and paths at a gateway",
    seen: ["sidecar", "ambient"],
    setting: "traffic.services.*.gateways",
    sidecar: { native: "Gateway and VirtualService; HTTPRoute at gateways of kind gateway-api" },
    ambient: { native: "the same: a gateway is a proxy in either data plane" },
  },
  passthrough: {
    title: "TLS passthrough",
    seen: ["sidecar"],
    setting: "traffic.services.*.tls",
    sidecar: { native: "VirtualService tls[] by SNI" },
    ambient: { native: "VirtualService tls[] by SNI, at the gateway" },
  },
  match: {
    title: "Routes by path, header, query and method",
    seen: ["sidecar", "ambient"],
    setting: `${http}.match`,
    sidecar: route("match"),
    ambient: waypointRoute("matches; a prefix becomes a regular expression, because PathPrefix takes whole segments"),
  },
  matchOrder: {
    title: "Order of rules",
    seen: ["sidecar", "ambient"],
    setting: http,
    sidecar: { native: "VirtualService: the first rule that matches applies" },
    ambient: {
      converted: "HTTPRoute has its own order (exact path, longer path, method, headers); refused where it differs",
    },
  },
  methodPattern: {
    title: "Methods by prefix or regular expression",
    seen: ["sidecar"],
    setting: `${http}.match.*.method`,
    sidecar: route("match[].method"),
    ambient: { refused: "an HTTPRoute matches methods exactly", instead: "one match for each method" },
  },
  sourceWorkload: {
    title: "Routes by the workload of the client",
    seen: ["sidecar"],
    setting: `${http}.match.*.sourceWorkload`,
    sidecar: route("match[].sourceLabels"),
    ambient: {
      refused: "a waypoint does not route by the workload of the client",
      instead: "a header that the client sets, or authorization by identity",
    },
  },
  weights: {
    title: "Weights of versions",
    seen: ["sidecar", "ambient"],
    setting: `${http}.route`,
    sidecar: route("route[].weight to subsets"),
    ambient: waypointRoute("backendRefs[].weight to a Service for each version"),
  },
  mirror: {
    title: "Mirroring with a percentage",
    seen: ["sidecar", "ambient"],
    setting: `${http}.mirror`,
    sidecar: route("mirrors[]"),
    ambient: waypointRoute("filter RequestMirror"),
  },
  headers: {
    title: "Headers set, added, removed",
    seen: ["sidecar", "ambient"],
    setting: `${http}.headers`,
    sidecar: route("headers"),
    ambient: waypointRoute("filters RequestHeaderModifier and ResponseHeaderModifier"),
  },
  redirect: {
    title: "Redirects",
    seen: ["sidecar", "ambient"],
    setting: `${http}.redirect`,
    sidecar: route("redirect"),
    ambient: waypointRoute("filter RequestRedirect with 301 or 302"),
  },
  redirectOther: {
    title: "Redirects by 303, 307 or 308, or with a derived port",
    setting: `${http}.redirect.redirectCode`,
    sidecar: route("redirect"),
    ambient: { refused: "the standard channel of Gateway API redirects by 301 and 302", instead: atGateways },
  },
  directResponse: {
    title: "Direct responses",
    seen: ["sidecar"],
    setting: `${http}.directResponse`,
    sidecar: route("directResponse"),
    ambient: { refused: "Gateway API has no direct response", instead: atGateways },
  },
  rewrite: {
    title: "Rewrites of a whole path, and of the host",
    seen: ["sidecar", "ambient"],
    setting: `${http}.rewrite`,
    sidecar: route("rewrite"),
    ambient: waypointRoute("filter URLRewrite"),
  },
  rewritePrefix: {
    title: "Rewrites of a part of the path",
    seen: ["sidecar"],
    setting: `${http}.rewrite.uriRegexRewrite`,
    sidecar: route("rewrite.uri after a prefix, rewrite.uriRegexRewrite"),
    ambient: {
      refused: "an HTTPRoute replaces a whole path, or whole segments at its beginning",
      instead: `exact matches only, or ${atGateways}`,
    },
  },
  timeout: {
    title: "Timeouts",
    seen: ["sidecar", "ambient"],
    setting: `${http}.timeout`,
    sidecar: route("timeout"),
    ambient: waypointRoute("timeouts.request"),
  },
  retries: {
    title: "Retries of a rule",
    seen: ["sidecar"],
    setting: `${http}.retries`,
    sidecar: route("retries"),
    ambient: {
      refused: "retry of HTTPRoute is in Gateway API's experimental channel, which is not installed",
      instead: "traffic.defaultRetries, which waypoints apply",
    },
  },
  backoff: {
    title: "Backoff between retries",
    setting: `${http}.retries.backoff`,
    sidecar: route("retries.backoff"),
    ambient: { refused: "like retries of a rule", instead: "traffic.defaultRetries" },
    since: "1.26",
  },
  defaultRetries: {
    title: "Retries of the whole mesh",
    seen: ["sidecar", "ambient"],
    setting: "traffic.defaultRetries",
    sidecar: { native: "mesh config defaultHttpRetryPolicy" },
    ambient: {
      native: "mesh config defaultHttpRetryPolicy, applied by waypoints and gateways; ztunnel retries nothing",
    },
  },
  defaultBackoff: {
    title: "Backoff between retries of the whole mesh",
    setting: "traffic.defaultRetries.backoff",
    sidecar: { native: "mesh config defaultHttpRetryPolicy" },
    ambient: { native: "mesh config defaultHttpRetryPolicy, applied by waypoints and gateways" },
    since: "1.26",
  },
  fault: {
    title: "Faults: delays, HTTP and gRPC errors",
    seen: ["sidecar", "ambient"],
    setting: `${http}.fault`,
    sidecar: route("fault"),
    ambient: {
      converted: "VirtualService at the waypoint (alpha) in place of the HTTPRoute, for all rules of the host",
    },
  },
  cors: {
    title: "CORS",
    seen: ["sidecar"],
    setting: `${http}.corsPolicy`,
    sidecar: route("corsPolicy"),
    ambient: { refused: "the CORS filter is in Gateway API's experimental channel", instead: atGateways },
  },
  unmatchedPreflights: {
    title: "Preflight requests from other origins",
    setting: `${http}.corsPolicy.unmatchedPreflights`,
    sidecar: route("corsPolicy.unmatchedPreflights"),
    ambient: { refused: "like CORS", instead: atGateways },
    since: "1.23",
  },
  connectionPool: {
    title: "Connection pools",
    seen: ["sidecar", "ambient"],
    setting: `${policy}.connectionPool`,
    ...destination("connectionPool"),
  },
  outlierDetection: {
    title: "Outlier detection",
    seen: ["sidecar", "ambient"],
    setting: `${policy}.outlierDetection`,
    ...destination("outlierDetection"),
  },
  loadBalancer: {
    title: "Load balancing: least request, locality, consistent hash",
    seen: ["sidecar", "ambient"],
    setting: `${policy}.loadBalancer`,
    ...destination("loadBalancer"),
  },
  warmup: {
    title: "Warm-up of new pods",
    setting: `${policy}.loadBalancer.warmup`,
    ...destination("loadBalancer.warmup"),
    since: "1.24",
  },
  portLevelSettings: {
    title: "Traffic policy of one port",
    setting: `${policy}.portLevelSettings`,
    ...destination("portLevelSettings"),
  },
  subsetPolicy: {
    title: "Traffic policy of one version",
    seen: ["sidecar", "ambient"],
    setting: "traffic.services.*.subsets.*.trafficPolicy",
    sidecar: { native: "DestinationRule subsets[].trafficPolicy" },
    ambient: { converted: "DestinationRule of the version's Service, applied by the waypoint" },
  },
} as const satisfies Capabilities;
