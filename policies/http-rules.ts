import type { HttpRuleSettings } from "../components/settings/sections/http-rule";
import { compareMinor, gatewayApiSince } from "../components/settings/versions";
import { milliseconds } from "../components/shared/duration";
import type { HttpFault, VirtualServiceRoute, RouteFilter, RouteRule } from "./api-objects";
import { backend, destinationTitle, istioDestination, istioRoute, routeEntries, routeTitle } from "./destinations";
import type { RouteContext, VirtualServiceContext } from "./destinations";
import { istioMatches, matchLimit, pathPrefixOf, replacedPrefix, routeMatch } from "./http-matches";

type Fields = Required<HttpRuleSettings>;

interface HttpRouteContext extends RouteContext {
  readonly byExpression: boolean;
}

interface FieldOutput {
  readonly virtualService: (context: VirtualServiceContext) => VirtualServiceRoute;
  /**
   * Or the reason why an HTTPRoute cannot have the field: a waypoint then gets a VirtualService, a gateway of kind
   * gateway-api refuses it.
   */
  readonly httpRoute: ((context: HttpRouteContext) => RouteRule) | string;
  readonly explanation?: string;
}

/** TypeScript rejects this table if a settings field has no row. */
type Rows<Settings extends object, Row> = {
  readonly [Field in keyof Settings]-?: (
    value: NonNullable<Settings[Field]>,
    settings: Settings,
    gatewayApi: string,
  ) => Row;
};

/**
 * `percentage` belongs inside `delay` or `abort`; at the level of `fault` it would be ignored and every request affected.
 */
export const faultKinds: Rows<Fields["fault"], { readonly virtualService: HttpFault; readonly explanation: string }> = {
  delay: ({ fixedDelay, percentage }) => ({
    virtualService: { delay: { fixedDelay, percentage: { value: percentage } } },
    explanation: `${percentage}% are delayed by ${fixedDelay}`,
  }),
  abort: ({ percentage, ...status }) => ({
    virtualService: { abort: { ...status, percentage: { value: percentage } } },
    explanation: `${percentage}% fail with ${status.httpStatus ?? status.grpcStatus}`,
  }),
};

const ruleFields: Rows<HttpRuleSettings, FieldOutput> = {
  name: (name) => ({ virtualService: () => ({ name }), httpRoute: () => ({ name }) }),
  match: (matches) => ({
    virtualService: ({ service, targets: { names } }) => ({
      match: matches.flatMap((match) => istioMatches(match, service, names)),
    }),
    httpRoute:
      matches.map(matchLimit).find((limit) => limit !== undefined) ??
      (({ byExpression }) => ({ matches: matches.map((match) => routeMatch(match, byExpression)) })),
  }),
  route: (route) => ({
    virtualService: (context) => ({ route: istioRoute(route, context) }),
    httpRoute: (context) => ({
      backendRefs: routeEntries(route, context.service).map(({ weight, headers, ...named }) => ({
        ...backend(context, named),
        ...(weight !== undefined && { weight }),
        ...(headers && { filters: headerFilters(headers) }),
      })),
    }),
    explanation: `it goes to ${routeTitle(route)}`,
  }),
  redirect: (redirect, _, gatewayApi) => {
    // 301 is Istio's default; Gateway API's is 302.
    const { uri, authority, scheme, port, derivePort, prefixRewrite, redirectCode: statusCode = 301 } = redirect;
    const address = { ...(scheme && { scheme }), ...hostname(authority), ...(port !== undefined && { port }) };
    const limit = derivePort
      ? "an HTTPRoute derives no port"
      : prefixRewrite !== undefined
        ? "an HTTPRoute replaces whole segments of a path"
        : ![301, 302].includes(statusCode) && since(gatewayApi, "redirectCodes", `redirects by ${statusCode}`);
    return {
      virtualService: () => ({ redirect }),
      httpRoute:
        limit ||
        (() => filter({ type: "RequestRedirect", requestRedirect: { statusCode, ...address, ...wholePath(uri) } })),
      explanation: `it is answered with a redirect (${statusCode})`,
    };
  },
  directResponse: ({ status, body, bodyBytes }) => ({
    virtualService: () => ({
      directResponse: {
        status,
        ...(body !== undefined && { body: { string: body } }),
        ...(bodyBytes !== undefined && { body: { bytes: bodyBytes } }),
      },
    }),
    httpRoute: "Gateway API has no direct response",
    explanation: `it is answered with ${status}`,
  }),
  rewrite: (rewrite, { match }) => {
    const { uri, authority, uriRegexRewrite } = rewrite;
    const whole = match?.every((one) => one.uri?.exact !== undefined) ?? false;
    const prefix = pathPrefixOf(match);
    const path = whole ? wholePath(uri) : { path: { type: "ReplacePrefixMatch" as const, replacePrefixMatch: uri } };
    const limit =
      uriRegexRewrite || (uri !== undefined && !whole && !prefix?.plain)
        ? "an HTTPRoute replaces a whole path, or whole segments (match.uri.pathPrefix)"
        : undefined;
    return {
      virtualService: () => {
        if (uri === undefined || prefix === undefined) return { rewrite };
        return { rewrite: { ...hostOf(authority), uriRegexRewrite: replacedPrefix(prefix, uri) } };
      },
      httpRoute:
        limit ??
        (() =>
          filter({ type: "URLRewrite", urlRewrite: { ...hostname(authority), ...(uri === undefined ? {} : path) } })),
    };
  },
  timeout: (timeout) => ({
    virtualService: () => ({ timeout }),
    httpRoute: () => ({ timeouts: { request: gatewayDuration(timeout) } }),
    explanation: `with a timeout of ${timeout}`,
  }),
  retries: (retries) => ({
    virtualService: () => ({ retries }),
    httpRoute: "retry of HTTPRoute is in Gateway API's experimental channel",
  }),
  fault: (faults, _, gatewayApi) => {
    const kinds = rowsOf(faultKinds, faults, gatewayApi);
    return {
      virtualService: () => ({ fault: merged(kinds.map(({ virtualService }) => virtualService)) }),
      httpRoute: "Gateway API has no faults",
      explanation: `faults: ${kinds.map(({ explanation }) => explanation).join(", ")}`,
    };
  },
  mirror: (mirror) => mirroring([mirror]),
  mirrors: mirroring,
  headers: (headers) => ({
    virtualService: () => ({ headers }),
    httpRoute: () => filter(...headerFilters(headers)),
  }),
  corsPolicy: (corsPolicy, _, gatewayApi) => ({
    virtualService: () => ({ corsPolicy }),
    httpRoute: corsLimit(corsPolicy, gatewayApi) ?? (() => filter({ type: "CORS", cors: corsFilter(corsPolicy) })),
  }),
};

/** A VirtualService has them in one list, from whichever field they are. */
function mirroring(mirrors: Fields["mirrors"]): FieldOutput {
  return {
    virtualService: (context) => ({
      mirrors: mirrors.map(({ percentage, ...named }) => ({
        destination: istioDestination(context, named),
        percentage: { value: percentage },
      })),
    }),
    httpRoute: (context) =>
      filter(
        ...mirrors.map(({ percentage, ...named }) => ({
          type: "RequestMirror" as const,
          requestMirror: { backendRef: backend(context, named), ...fraction(percentage) },
        })),
      ),
    explanation: mirrors
      .map(({ percentage, ...named }) => `and ${percentage}% are mirrored to ${destinationTitle(named)}`)
      .join(", "),
  };
}

/** The filter knows origins as they are, or with asterisks, and answers every preflight itself. */
function corsLimit({ allowOrigins, unmatchedPreflights }: Fields["corsPolicy"], gatewayApi: string) {
  if (allowOrigins.some(({ regex }) => regex !== undefined))
    return "the CORS filter of HTTPRoute has no regular expressions";
  if (unmatchedPreflights === "FORWARD") return "the CORS filter of HTTPRoute forwards no preflight";
  return since(gatewayApi, "corsFilter", "has the CORS filter");
}

function corsFilter({ allowOrigins, maxAge, ...others }: Fields["corsPolicy"]) {
  const { allowMethods, allowHeaders, exposeHeaders, allowCredentials } = others;
  return {
    allowOrigins: allowOrigins.map(({ exact, prefix = "" }) => exact ?? `${prefix}*`),
    ...(allowMethods && { allowMethods }),
    ...(allowHeaders && { allowHeaders }),
    ...(exposeHeaders && { exposeHeaders }),
    ...(maxAge !== undefined && { maxAge: milliseconds(maxAge) / 1000 }),
    ...(allowCredentials !== undefined && { allowCredentials }),
  };
}

function since(gatewayApi: string, feature: keyof typeof gatewayApiSince, what: string): string | undefined {
  const first = gatewayApiSince[feature];
  if (compareMinor(gatewayApi, first) >= 0) return undefined;
  return `the Gateway API ${what} from ${first} on, and the mesh's release of Istio reads ${gatewayApi}`;
}

/** The fields that a rule has, in the order of the table. */
export function fieldsOf(
  rule: HttpRuleSettings,
  gatewayApi: string,
): (FieldOutput & { readonly field: keyof HttpRuleSettings })[] {
  return rowsOf(ruleFields, rule, gatewayApi);
}

function rowsOf<Settings extends object, Row extends object>(
  rows: Rows<Settings, Row>,
  settings: Settings,
  gatewayApi: string,
): (Row & { readonly field: keyof Settings })[] {
  return (Object.keys(rows) as (keyof Settings)[]).flatMap((field) => {
    const value = settings[field];
    return value === undefined || value === null ? [] : [{ field, ...rows[field](value, settings, gatewayApi) }];
  });
}

export function merged<Part extends object>(parts: readonly Part[]): Part {
  return parts.reduce((before, part) => ({ ...before, ...part }), {} as Part);
}

/** Whether no HTTPRoute can express the rules, but a VirtualService at a waypoint can; a host has either, never both. */
export function needsVirtualService(rules: readonly HttpRuleSettings[], gatewayApi: string): boolean {
  return rules.some((rule) => fieldsOf(rule, gatewayApi).some(({ httpRoute }) => typeof httpRoute === "string"));
}

function filter(...filters: readonly RouteFilter[]): RouteRule {
  return { filters: [...filters] };
}

function hostname(authority: string | undefined) {
  return authority === undefined ? {} : { hostname: authority };
}

function wholePath(uri: string | undefined) {
  return uri === undefined ? {} : { path: { type: "ReplaceFullPath" as const, replaceFullPath: uri } };
}

function hostOf(authority: string | undefined) {
  return authority === undefined ? {} : { authority };
}

function headerFilters({ request, response }: Fields["headers"]): RouteFilter[] {
  const [ofRequest, ofResponse] = [headerModifier(request), headerModifier(response)];
  return [
    ...(ofRequest ? [{ type: "RequestHeaderModifier" as const, requestHeaderModifier: ofRequest }] : []),
    ...(ofResponse ? [{ type: "ResponseHeaderModifier" as const, responseHeaderModifier: ofResponse }] : []),
  ];
}

function headerModifier(operations: NonNullable<Fields["headers"]>["request"]) {
  if (!operations) return undefined;
  const { set, add, remove } = operations;
  const values = (headers: Readonly<Record<string, string>>) =>
    Object.entries(headers).map(([name, value]) => ({ name, value }));
  return { ...(set && { set: values(set) }), ...(add && { add: values(add) }), ...(remove && { remove }) };
}

/** Envoy counts fractions in millionths. */
function fraction(percentage: number): { percent: number } | { fraction: { numerator: number; denominator: number } } {
  if (Number.isInteger(percentage)) return { percent: percentage };
  return { fraction: { numerator: Math.round(percentage * 10_000), denominator: 1_000_000 } };
}

/** Gateway API's durations have no decimal fractions: `1.5h` is `90m`. */
function gatewayDuration(duration: string): string {
  const total = Math.round(milliseconds(duration));
  const units = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 } as const;
  // A part has at most five digits.
  const single = Object.entries(units).find(([, size]) => total % size === 0 && total / size < 100_000);
  if (single) return `${total / single[1]}${single[0]}`;
  let rest = total;
  const parts = Object.entries(units).map(([unit, size]) => {
    const amount = Math.floor(rest / size);
    rest -= amount * size;
    return amount > 0 ? `${amount}${unit}` : "";
  });
  return parts.join("");
}
