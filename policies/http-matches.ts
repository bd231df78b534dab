import type { Match, StringMatch } from "../components/model/matches";
import type { HttpRuleSettings } from "../components/settings/sections/http-rule";
import { escaped } from "../components/shared/re2";
import type { RouteMatch } from "./api-objects";

/**
 * A match of the settings in an HTTPRoute. A prefix becomes a regular expression, because PathPrefix matches whole
 * segments only. HTTPRoute tries regular expressions for paths last, even after "every path": if a route has one
 * (`byExpression`), "every path" must be a regular expression too.
 */
export function routeMatch({ uri, method, headers, queryParams }: Match, byExpression: boolean): RouteMatch {
  const path = routePath(uri, byExpression);
  const headerMatches = namedMatches(headers);
  const queryMatches = namedMatches(queryParams);
  return {
    ...(path && { path }),
    ...(method?.exact !== undefined && { method: method.exact as RouteMatch["method"] }),
    ...(headerMatches && { headers: headerMatches }),
    ...(queryMatches && { queryParams: queryMatches }),
  };
}

export function matchesByExpression(rules: readonly HttpRuleSettings[]): boolean {
  return rules.some(({ match = [] }) =>
    match.some(({ uri }) => uri && uri.prefix !== "/" && !(uri.exact !== undefined && isPlainPath(uri.exact))),
  );
}

const pathRanks = { Exact: 3, PathPrefix: 2, RegularExpression: 1 } as const;

/**
 * The position of a match in HTTPRoute's order: the match with the greater numbers is tried first, equal ones in the
 * order of the route.
 * Source: istio/istio, pilot/pkg/config/kube/gateway/conversion.go, sortHTTPRoutes.
 */
export function precedence({ path, method, headers = [], queryParams = [] }: RouteMatch): readonly number[] {
  // Without a path, the API server adds "every path".
  const { type, value } = { type: "PathPrefix" as const, value: "/", ...path };
  return [pathRanks[type], value.length, method ? 1 : 0, headers.length, queryParams.length];
}

/** Positive where a match with the first precedence is tried before one with the second. */
export function comparePrecedence(a: readonly number[], b: readonly number[]): number {
  return a.map((number, index) => number - (b[index] ?? 0)).find((one) => one !== 0) ?? 0;
}

function routePath(uri: StringMatch | undefined, byExpression: boolean): RouteMatch["path"] {
  if (uri?.exact !== undefined && isPlainPath(uri.exact)) return { type: "Exact", value: uri.exact };
  if (uri && uri.prefix !== "/") return { type: "RegularExpression", value: expression(uri) };
  return byExpression ? { type: "RegularExpression", value: "/.*" } : undefined;
}

/** Whether the CRD accepts a path as an exact one. */
function isPlainPath(path: string): boolean {
  const characters = /^\/(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|%[0-9a-fA-F]{2})*$/;
  return characters.test(path) && !/\/\/|\/\.{1,2}(\/|$)|%2f/i.test(path);
}

function namedMatches(
  strings: Readonly<Record<string, StringMatch>> = {},
): NonNullable<RouteMatch["headers"]> | undefined {
  const matches = Object.entries(strings).map(([name, match]) =>
    // The CRD refuses an empty value.
    match.exact
      ? { name, type: "Exact" as const, value: match.exact }
      : { name, type: "RegularExpression" as const, value: expression(match) },
  );
  return matches.length > 0 ? matches : undefined;
}

/** A regular expression for the whole string, as Envoy matches it. */
function expression({ exact, prefix, regex }: StringMatch): string {
  return regex ?? (exact === undefined ? `${escaped(prefix ?? "")}.*` : escaped(exact) || "^$");
}
