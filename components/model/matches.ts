import type { HttpRuleSettings } from "../settings/sections/http-rule";

export type Match = NonNullable<HttpRuleSettings["match"]>[number];
export type StringMatch = NonNullable<Match["uri"]>;

function isAnyPath(uri: StringMatch): boolean {
  return uri.prefix === "/" || uri.regex === ".*" || uri.regex === "/.*";
}

export function matchesEverything({ match }: Pick<HttpRuleSettings, "match">): boolean {
  return match === undefined || match.some((one) => Object.keys(one).length === 1 && !!one.uri && isAnyPath(one.uri));
}

/** Whether all strings of `narrow` are strings of `wide`; false also where that is not known. */
function includes(wide: StringMatch, narrow: StringMatch): boolean {
  if (wide.exact !== undefined) return narrow.exact === wide.exact;
  if (wide.prefix !== undefined) return (narrow.exact ?? narrow.prefix)?.startsWith(wide.prefix) ?? false;
  return wide.regex === ".*" || wide.regex === narrow.regex;
}

/** Whether no string can match both; false also where that is not known. */
function excludes(a: StringMatch, b: StringMatch): boolean {
  if (a.exact !== undefined && b.exact !== undefined) return a.exact !== b.exact;
  if (a.exact !== undefined && b.prefix !== undefined) return !a.exact.startsWith(b.prefix);
  if (a.prefix !== undefined && b.exact !== undefined) return !b.exact.startsWith(a.prefix);
  if (a.prefix !== undefined && b.prefix !== undefined) {
    return !a.prefix.startsWith(b.prefix) && !b.prefix.startsWith(a.prefix);
  }
  return false;
}

/** The strings that a match looks at, by what they are of: `uri`, `header end-user`. */
export function conditions(match: Match): Map<string, StringMatch> {
  const found = new Map<string, StringMatch>();
  if (match.uri && !isAnyPath(match.uri)) found.set("uri", match.uri);
  if (match.method) found.set("method", match.method);
  // Header names are the same in capitals.
  for (const [name, value] of Object.entries(match.headers ?? {})) found.set(`header ${name.toLowerCase()}`, value);
  for (const [name, value] of Object.entries(match.queryParams ?? {})) found.set(`query ${name}`, value);
  if (match.sourceWorkload !== undefined) found.set("source", { exact: match.sourceWorkload });
  return found;
}

function covers(wide: Match, narrow: Match): boolean {
  const given = conditions(narrow);
  return [...conditions(wide)].every(([part, string]) => {
    const same = given.get(part);
    return same !== undefined && includes(string, same);
  });
}

export function disjoint(a: Match, b: Match): boolean {
  const others = conditions(b);
  return [...conditions(a)].some(([part, string]) => {
    const other = others.get(part);
    return other !== undefined && excludes(string, other);
  });
}

/** Whether a rule takes every request of another; both have matches. */
export function takesAll(earlier: Pick<HttpRuleSettings, "match">, later: Pick<HttpRuleSettings, "match">): boolean {
  return later.match?.every((one) => earlier.match?.some((wide) => covers(wide, one))) ?? false;
}
