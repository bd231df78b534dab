import type { IEnvoyFilter } from "@kubernetes-models/istio/networking.istio.io/v1alpha3" with {
  "resolution-mode": "import",
};
import { targetKey } from "../../components/model/names";
import { targetPolicyName } from "../../components/model/object-names";
import type { PolicyModel, RateLimit } from "../../components/model/policies/policy-model";
import type {
  RateLimitMatch,
  RateLimitServiceSettings,
  TokenBucket,
} from "../../components/settings/sections/rate-limits";
import { milliseconds } from "../../components/shared/duration";
import { grouped } from "../../components/shared/grouped";
import type { KubernetesObject } from "../../components/shared/kubernetes/object";
import { escaped } from "../../components/shared/re2";
import { throwUnknown } from "../../components/shared/unknown";
import { policyObject } from "../api-objects";
import { attachment } from "../attachment";

type Spec = NonNullable<IEnvoyFilter["spec"]>;
type Patch = NonNullable<Spec["configPatches"]>[number];
type Context = "GATEWAY" | "SIDECAR_INBOUND";
type Value = Readonly<Record<string, unknown>>;

const connectionManager = "envoy.filters.network.http_connection_manager";
const localFilter = "envoy.filters.http.local_ratelimit";
const types = "type.googleapis.com/envoy.extensions.filters.http";

/**
 * One EnvoyFilter for each target with rate limits: Istio has no API of its own for them. A bucket for all requests is
 * part of Envoy's filter, one for a port or a route overrides it there.
 *
 * https://istio.io/latest/docs/tasks/policy-enforcement/rate-limit/
 */
export function rateLimits({ rateLimits: all, rateLimitService }: PolicyModel): KubernetesObject<Spec>[] {
  return grouped(all, ({ target }) => targetKey(target)).map(([{ target, path: from }, limits]) => {
    const context = target.kind === "gateway" ? "GATEWAY" : "SIDECAR_INBOUND";
    const local = limits.filter(({ settings }) => settings.tokenBucket);
    const inFilter = local.find(isInFilter);
    const place = { namespace: target.namespace, name: targetPolicyName(target, "rate-limit"), from };
    const { selector } = attachment(target);
    return policyObject("networking.istio.io/v1alpha3", "EnvoyFilter", place, {
      ...(selector && { workloadSelector: { labels: selector.matchLabels ?? {} } }),
      configPatches: [
        ...(local.length > 0 ? [httpFilter(context, localLimit(inFilter))] : []),
        ...(limits.length > local.length
          ? [httpFilter(context, globalLimit(rateLimitService ?? throwUnknown()), "envoy.filters.http.router")]
          : []),
        ...local.filter((limit) => limit !== inFilter).map((limit) => localPatch(context, limit)),
        ...globalPatches(
          context,
          limits.filter(({ settings }) => settings.actions),
        ),
      ],
    });
  });
}

/** For all requests to the target, whatever they are. */
function isInFilter({ settings: { port, route, descriptors } }: RateLimit): boolean {
  return port === undefined && route === undefined && !descriptors;
}

/** @param before the HTTP filter that it goes before; without it, before all */
function httpFilter(context: Context, value: Value, before?: string): Patch {
  const filter = { name: connectionManager, ...(before !== undefined && { subFilter: { name: before } }) };
  return {
    applyTo: "HTTP_FILTER",
    match: { context, listener: { filterChain: { filter } } },
    patch: { operation: "INSERT_BEFORE", value: { ...value } },
  };
}

function localLimit(limit?: RateLimit): Value {
  const value = limit ? localConfig(limit) : { stat_prefix: "http_local_rate_limiter" };
  return { name: localFilter, typed_config: localTyped(value) };
}

function localTyped(value: Value): Value {
  const type = `${types}.local_ratelimit.v3.LocalRateLimit`;
  return { "@type": "type.googleapis.com/udpa.type.v1.TypedStruct", type_url: type, value };
}

function localConfig({ settings }: RateLimit): Value {
  const { tokenBucket, descriptors, responseHeaders = {}, enableXRatelimitHeaders } = settings;
  const always = (key: string) => {
    return { runtime_key: `local_rate_limit_${key}`, default_value: { numerator: 100, denominator: "HUNDRED" } };
  };
  const headers = Object.entries(responseHeaders).map(([key, value]) => ({ append: false, header: { key, value } }));
  return {
    stat_prefix: "http_local_rate_limiter",
    token_bucket: bucket(tokenBucket ?? throwUnknown()),
    filter_enabled: always("enabled"),
    filter_enforced: always("enforced"),
    ...(headers.length > 0 && { response_headers_to_add: headers }),
    ...(enableXRatelimitHeaders && { enable_x_ratelimit_headers: "DRAFT_VERSION_03" }),
    ...(descriptors && {
      descriptors: descriptors.map(({ name, tokenBucket: own }) => ({
        entries: [{ key: "header_match", value: name }],
        token_bucket: bucket(own),
      })),
    }),
  };
}

/** Envoy's own default for `tokens_per_fill` is 1. */
function bucket({ maxTokens, tokensPerFill = maxTokens, fillInterval }: TokenBucket): Value {
  return { max_tokens: maxTokens, tokens_per_fill: tokensPerFill, fill_interval: seconds(fillInterval) };
}

/** Envoy's durations have seconds only. */
function seconds(duration: string): string {
  return `${milliseconds(duration) / 1000}s`;
}

function localPatch(context: Context, limit: RateLimit): Patch {
  const { descriptors = [] } = limit.settings;
  const limits = descriptors.map(({ name, match }) => rateLimit([headerValueMatch({ descriptorValue: name, match })]));
  return routePatch("HTTP_ROUTE", context, limit, {
    ...(limits.length > 0 && { route: { rate_limits: limits } }),
    typed_per_filter_config: { [localFilter]: localTyped(localConfig(limit)) },
  });
}

function globalLimit({ service, port, domain, timeout, failureModeDeny }: RateLimitServiceSettings): Value {
  const [, host = service] = service.split("/");
  const grpc = { cluster_name: `outbound|${port}||${host}`, authority: host };
  return {
    name: "envoy.filters.http.ratelimit",
    typed_config: {
      "@type": `${types}.ratelimit.v3.RateLimit`,
      domain,
      failure_mode_deny: failureModeDeny,
      ...(timeout !== undefined && { timeout: seconds(timeout) }),
      rate_limit_service: { grpc_service: { envoy_grpc: grpc }, transport_api_version: "V3" },
    },
  };
}

/** Those of a route replace those of its virtual host, so all of one place are one patch. */
function globalPatches(context: Context, limits: readonly RateLimit[]): Patch[] {
  return grouped(limits, ({ settings: { port, route } }) => JSON.stringify([port, route])).map(([first, all]) => {
    const rate_limits = all.map(({ settings }) => rateLimit((settings.actions ?? []).map(globalAction)));
    if (first.settings.route === undefined) return routePatch("VIRTUAL_HOST", context, first, { rate_limits });
    return routePatch("HTTP_ROUTE", context, first, { route: { rate_limits } });
  });
}

function routePatch(
  applyTo: "HTTP_ROUTE" | "VIRTUAL_HOST",
  context: Context,
  { settings: { port, route } }: RateLimit,
  value: Value,
): Patch {
  // To another action than a route, a merge would add a second one.
  const action = applyTo === "HTTP_ROUTE" && value.route !== undefined ? "ROUTE" : "ANY";
  // Without a name, it is every virtual host.
  const vhost = {
    ...(port !== undefined && { name: `inbound|http|${port}` }),
    route: { ...(route !== undefined && { name: route }), action } as const,
  };
  return {
    applyTo,
    match: { context, routeConfiguration: { vhost } },
    patch: { operation: "MERGE", value: { ...value } },
  };
}

function rateLimit(actions: readonly Value[]): Value {
  return { actions };
}

type Action = NonNullable<RateLimit["settings"]["actions"]>[number];

function globalAction({ requestHeaders, genericKey, headerValueMatch: byHeader, ...others }: Action): Value {
  if (requestHeaders) {
    return {
      request_headers: { header_name: requestHeaders.headerName, descriptor_key: requestHeaders.descriptorKey },
    };
  }
  if (genericKey) return { generic_key: described(genericKey) };
  if (byHeader) return headerValueMatch(byHeader);
  if (others.remoteAddress) return { remote_address: {} };
  return others.sourceCluster ? { source_cluster: {} } : { destination_cluster: {} };
}

interface Described {
  readonly descriptorKey?: string | undefined;
  readonly descriptorValue: string;
}

function described({ descriptorKey, descriptorValue }: Described): Value {
  return {
    ...(descriptorKey !== undefined && { descriptor_key: descriptorKey }),
    descriptor_value: descriptorValue,
  };
}

function headerValueMatch({ match, ...names }: Described & { readonly match: RateLimitMatch }): Value {
  const { uri, ignoreUriCase, method, headers = {} } = match;
  const matches = [
    ...(uri ? [{ name: ":path", string_match: pathMatch(uri, ignoreUriCase) }] : []),
    ...(method ? [{ name: ":method", string_match: stringMatch(method) }] : []),
    ...Object.entries(headers).map(([name, value]) => ({ name, string_match: stringMatch(value) })),
  ];
  return { header_value_match: { ...described(names), expect_match: true, headers: matches } };
}

type StringMatch = NonNullable<RateLimitMatch["uri"]>;

function stringMatch({ exact, prefix, regex }: StringMatch): Value {
  if (regex !== undefined) return { safe_regex: { regex } };
  return exact === undefined ? { prefix } : { exact };
}

/** Envoy's header `:path` has the query in it. */
function pathMatch({ exact, prefix, regex }: StringMatch, ignoreCase = false): Value {
  if (prefix !== undefined) return { prefix, ...(ignoreCase && { ignore_case: true }) };
  // The expression of a rule does not follow ignoreUriCase either.
  const flags = ignoreCase && regex === undefined ? "(?i)" : "";
  return { safe_regex: { regex: `${flags}${exact === undefined ? `(?:${regex ?? ""})` : escaped(exact)}(?:\\?.*)?` } };
}
