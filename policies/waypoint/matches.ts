import type { IHTTPRoute } from "@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1/HTTPRoute" with {
  "resolution-mode": "import",
};
import type { Match, StringMatch } from "../../components/validation/rules/matches";
import type { HttpRuleSettings } from "../../components/settings/sections/traffic";

export type RouteSpec = NonNullable<IHTTPRoute["spec"]>;
export type RouteRule = NonNullable<RouteSpec["rules"]>[number];
export type RouteMatch = NonNullable<RouteRule["matches"]>[number];

const anything = ".*";

function literally(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

/** The whole string, as Envoy reads regular expressions. */
function expression({ exact, prefix, regex }: StringMatch): string {
  return regex ?? (exact === undefined ? `${literally(prefix ?? "")}${anything}` : literally(exact) || "^$");
}

type Named = NonNullable<RouteMatch["headers"]>;

function named(strings: Readonly<Record<string, StringMatch>> | undefined): Named | undefined {
  if (!strings || Object.keys(strings).length === 0) return undefined;
  return Object.entries(strings).map(([name, match]) =>
    // A value may not be empty, whatever its type.
    match.exact
      ? { name, type: "Exact", value: match.exact }
      : { name, type: "RegularExpression", value: expression(match) },
  );
}

/**
 * A match of the settings as HTTPRoute has it. A prefix becomes a regular expression, as PathPrefix would take whole
 * segments only. Paths by regular expression come last in HTTPRoute's order, even after "every path": where a route
 * has any, "every path" must be one too.
 */
export function routeMatch({ uri, method, headers, queryParams }: Match, byExpression: boolean): RouteMatch {
  const path = routePath(uri, byExpression);
  const headerMatches = named(headers);
  const queryMatches = named(queryParams);
  return {
    ...(path && { path }),
    ...(method?.exact !== undefined && { method: method.exact as RouteMatch["method"] }),
    ...(headerMatches && { headers: headerMatches }),
    ...(queryMatches && { queryParams: queryMatches }),
  };
}

/** What a HTTPRoute takes as an exact path: its CRD refuses others. */
function isPlainPath(path: string): boolean {
  const characters = /^\/(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|%[0-9a-fA-F]{2})*$/;
  return characters.test(path) && !/\/\/|\/\.{1,2}(\/|$)|%2f/i.test(path);
}

function routePath(uri: StringMatch | undefined, byExpression: boolean): RouteMatch["path"] {
  if (uri?.exact !== undefined && isPlainPath(uri.exact)) return { type: "Exact", value: uri.exact };
  if (uri && uri.prefix !== "/") return { type: "RegularExpression", value: expression(uri) };
  return byExpression ? { type: "RegularExpression", value: `/${anything}` } : undefined;
}

/** Whether a route needs regular expressions for paths. */
export function matchesByExpression(rules: readonly HttpRuleSettings[]): boolean {
  return rules.some(({ match = [] }) =>
    match.some(({ uri }) => uri && uri.prefix !== "/" && !(uri.exact !== undefined && isPlainPath(uri.exact))),
  );
}

const ranks = { Exact: 3, PathPrefix: 2, RegularExpression: 1 } as const;

/**
 * Where a match comes in HTTPRoute's order, the most significant number first; equal ones stay as they are written.
 * Source: istio/istio, pilot/pkg/config/kube/gateway/conversion.go, sortHTTPRoutes.
 */
export function precedence({ path, method, headers = [], queryParams = [] }: RouteMatch): readonly number[] {
  // The API server fills in "every path" where none is given.
  const { type, value } = { type: "PathPrefix" as const, value: "/", ...path };
  return [ranks[type], value.length, method ? 1 : 0, headers.length, queryParams.length];
}
