import { type Match, segments, type StringMatch } from "../components/model/matches";
import type { Names } from "../components/model/names";
import type { MeshService } from "../components/model/policies/policy-model";
import type { HttpRuleSettings } from "../components/settings/sections/http-rule";
import { escaped } from "../components/shared/re2";
import type { HttpMatch, RouteMatch } from "./api-objects";

type IstioString = NonNullable<HttpMatch["uri"]>;

/** A match of the settings in a VirtualService; `pathPrefix` becomes two: the path itself, and every path below it. */
export function istioMatches(
  { uri, headers, withoutHeaders, queryParams, sourceWorkload, ...match }: Match,
  { namespace }: Pick<MeshService, "namespace">,
  names: Names,
): HttpMatch[] {
  const others = {
    ...match,
    ...(headers && { headers: istioStrings(headers) }),
    ...(withoutHeaders && { withoutHeaders: istioStrings(withoutHeaders) }),
    ...(queryParams && { queryParams: istioStrings(queryParams) }),
    ...(sourceWorkload !== undefined && {
      sourceLabels: { ...match.sourceLabels, ...names.workload(sourceWorkload, namespace).labels },
      sourceNamespace: namespace,
    }),
  };
  if (uri?.pathPrefix === undefined) return [{ ...(uri && { uri: istioString(uri) }), ...others }];
  const path = segments(uri.pathPrefix);
  const below = { uri: { prefix: `${path}/` }, ...others };
  return path === "" ? [below] : [{ uri: { exact: path }, ...others }, below];
}

/** For a string that may have any value, Istio has an empty match. */
function istioString({ exact, prefix, regex }: StringMatch): IstioString {
  if (exact !== undefined) return { exact };
  if (prefix !== undefined) return { prefix };
  return regex === undefined ? {} : { regex };
}

function istioStrings(strings: Readonly<Record<string, StringMatch>>): Record<string, IstioString> {
  return Object.fromEntries(Object.entries(strings).map(([name, match]) => [name, istioString(match)]));
}

interface ReplacedSegments {
  readonly path: string;
  readonly anyCase: boolean;
  /** Whether an HTTPRoute can match and replace them. */
  readonly plain: boolean;
}

/** The segments that a rewrite replaces: those of the only match of a rule. */
export function pathPrefixOf(matches: HttpRuleSettings["match"] = []): ReplacedSegments | undefined {
  const [first, ...others] = matches;
  // Gateway API replaces segments of exactly one match.
  if (first?.uri?.pathPrefix === undefined || others.length > 0) return undefined;
  const [path, anyCase] = [segments(first.uri.pathPrefix), first.ignoreUriCase ?? false];
  return { path, anyCase, plain: path !== "" && plainPath(first.uri, anyCase) !== undefined };
}

/** As Gateway API's ReplacePrefixMatch: slashes where the parts meet are one slash. */
export function replacedPrefix({ path, anyCase }: ReplacedSegments, uri: string) {
  const replacement = uri.replaceAll("\\", "\\\\");
  const rest = uri.endsWith("/") ? "/*(.*)" : "(.*)";
  return { match: `^${anyCase ? "(?i)" : ""}${escaped(path)}${rest}$`, rewrite: `${replacement}\\1` };
}

const notInHttpRoute = {
  withoutHeaders: "an HTTPRoute matches no absent headers",
  scheme: "an HTTPRoute does not match the scheme",
  authority: "an HTTPRoute matches hosts for all of its rules",
  port: "an HTTPRoute matches ports for all of its rules",
  statPrefix: "an HTTPRoute names no statistics",
} as const;

/** Why no HTTPRoute has a match. */
export function matchLimit(match: Match): string | undefined {
  if (match.method && match.method.exact === undefined) return "an HTTPRoute matches methods exactly";
  const field = (Object.keys(notInHttpRoute) as (keyof typeof notInHttpRoute)[]).find(
    (key) => match[key] !== undefined,
  );
  return field && notInHttpRoute[field];
}

/**
 * A match of the settings in an HTTPRoute. `prefix` becomes a regular expression, because PathPrefix matches whole
 * segments only. HTTPRoute tries regular expressions for paths last, even after "every path": if a route has one
 * (`byExpression`), "every path" must be a regular expression too.
 */
export function routeMatch(
  { uri, ignoreUriCase, method, headers, queryParams }: Match,
  byExpression: boolean,
): RouteMatch {
  const path = routePath(uri, ignoreUriCase ?? false, byExpression);
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
    match.some(({ uri, ignoreUriCase }) => uri && uri.prefix !== "/" && !plainPath(uri, ignoreUriCase ?? false)),
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

function routePath(uri: StringMatch | undefined, anyCase: boolean, byExpression: boolean): RouteMatch["path"] {
  const plain = uri && plainPath(uri, anyCase);
  // Every path is the default of an HTTPRoute.
  if (plain && !(plain.type === "PathPrefix" && plain.value === "/")) return plain;
  if (uri && uri.prefix !== "/" && !plain) {
    return { type: "RegularExpression", value: `${anyCase ? "(?i)" : ""}${expression(uri)}` };
  }
  return byExpression ? { type: "RegularExpression", value: "/.*" } : undefined;
}

/** The path of an HTTPRoute without a regular expression, where there is one. */
function plainPath({ exact, pathPrefix }: StringMatch, anyCase: boolean): RouteMatch["path"] {
  if (anyCase) return undefined;
  if (exact !== undefined && isPlainPath(exact)) return { type: "Exact", value: exact };
  const path = pathPrefix === undefined ? undefined : segments(pathPrefix) || "/";
  return path !== undefined && isPlainPath(path) ? { type: "PathPrefix", value: path } : undefined;
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
function expression({ exact, prefix, regex, pathPrefix }: StringMatch): string {
  if (regex !== undefined) return regex;
  if (exact !== undefined) return escaped(exact) || "^$";
  return pathPrefix === undefined ? `${escaped(prefix ?? "")}.*` : `${escaped(segments(pathPrefix))}(/.*)?`;
}
