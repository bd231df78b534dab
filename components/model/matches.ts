import type { HttpRuleSettings } from "../settings/sections/http-rule";

export type Match = NonNullable<HttpRuleSettings["match"]>[number];

/** One of the forms; which of them a setting has, its schema says. */
export interface StringMatch {
  readonly exact?: string | undefined;
  readonly prefix?: string | undefined;
  readonly regex?: string | undefined;
  /** Whole segments of a path. */
  readonly pathPrefix?: string | undefined;
  /** Any value. */
  readonly present?: true | undefined;
}

/** A condition on a string of a request. */
interface Condition extends StringMatch {
  readonly ignoreCase?: boolean;
}

/** The segments of a `pathPrefix`, without a slash at the end: empty for every path. */
export function segments(pathPrefix: string): string {
  return pathPrefix.replace(/\/+$/, "");
}

function isAnyPath({ prefix, regex, pathPrefix }: StringMatch): boolean {
  return (
    prefix === "/" || (pathPrefix !== undefined && segments(pathPrefix) === "") || [".*", "/.*"].includes(regex ?? "")
  );
}

export function matchesEverything({ match }: Pick<HttpRuleSettings, "match">): boolean {
  return match === undefined || match.some((one) => conditions(one).size === 0);
}

/** Whether a match by header is one by a claim of the token, which Istio writes as a header: `@request.auth.claims.group`. */
export function isClaim(header: string): boolean {
  return /^@request\.auth\.claims[.[]/i.test(header);
}

/** The claim as rules name it: `a[b]` for `[a][b]` and for `.a.b`. */
export function claimOf(header: string): string {
  const name = header.replace(/^@request\.auth\.claims/i, "");
  const parts = name.startsWith("[") ? name.slice(1, -1).split("][") : name.slice(1).split(".");
  return parts.map((part, index) => (index === 0 ? part : `[${part}]`)).join("");
}

/** The beginnings of the strings that match: they have this beginning, or are exactly `exact`. */
function beginnings({ exact, prefix, pathPrefix }: StringMatch): { readonly exact?: string; readonly prefix?: string } {
  if (pathPrefix !== undefined) return { exact: segments(pathPrefix), prefix: `${segments(pathPrefix)}/` };
  return { ...(exact !== undefined && { exact }), ...(prefix !== undefined && { prefix }) };
}

/** Whether all strings of `wide` are strings of `narrow`; false also where that is not known. */
function includes(wide: Condition, narrow: Condition): boolean {
  if (wide.present) return true;
  if (wide.regex !== undefined) {
    return wide.regex === ".*" || (wide.regex === narrow.regex && wide.ignoreCase === narrow.ignoreCase);
  }
  if (narrow.regex !== undefined || narrow.present || (narrow.ignoreCase && !wide.ignoreCase)) return false;
  const [outer, inner] = [beginnings(lower(wide)), beginnings(wide.ignoreCase ? lower(narrow) : narrow)];
  const holds = (string: string) =>
    string === outer.exact || (outer.prefix !== undefined && string.startsWith(outer.prefix));
  return (
    (inner.exact === undefined || holds(inner.exact)) &&
    (inner.prefix === undefined || (outer.prefix !== undefined && inner.prefix.startsWith(outer.prefix)))
  );
}

/** Whether no string can match both; false also where that is not known. */
function excludes(a: Condition, b: Condition): boolean {
  if ([a, b].some(({ regex, present }) => regex !== undefined || present)) return false;
  const anyCase = a.ignoreCase ?? b.ignoreCase ?? false;
  const [one, other] = [a, b].map((each) => beginnings(lower({ ...each, ignoreCase: anyCase })));
  if (!one || !other) return false;
  const meets = (exact?: string, prefix?: string) =>
    exact !== undefined && prefix !== undefined && exact.startsWith(prefix);
  return !(
    (one.exact !== undefined && one.exact === other.exact) ||
    meets(one.exact, other.prefix) ||
    meets(other.exact, one.prefix) ||
    meets(one.prefix, other.prefix) ||
    meets(other.prefix, one.prefix)
  );
}

function lower({ ignoreCase, ...match }: Condition): Condition {
  if (!ignoreCase) return match;
  const { exact, prefix, pathPrefix } = match;
  return { exact: exact?.toLowerCase(), prefix: prefix?.toLowerCase(), pathPrefix: pathPrefix?.toLowerCase() };
}

/** The strings that a match looks at, by what they are of: `uri`, `header end-user`. */
function conditions(match: Match): Map<string, Condition> {
  const found = new Map<string, Condition>();
  const { uri, ignoreUriCase, method, scheme, authority, port, sourceWorkload, sourceNamespace } = match;
  if (uri && !isAnyPath(uri)) found.set("uri", { ...uri, ...(ignoreUriCase && { ignoreCase: true }) });
  for (const [name, value] of Object.entries({ method, scheme, authority })) if (value) found.set(name, value);
  const exact = { port, "source workload": sourceWorkload, "source namespace": sourceNamespace };
  for (const [name, value] of Object.entries(exact)) if (value !== undefined) found.set(name, { exact: String(value) });
  for (const [name, value] of Object.entries(match.sourceLabels ?? {})) found.set(`label ${name}`, { exact: value });
  // Header names are the same in capitals.
  for (const [name, value] of Object.entries(match.headers ?? {})) found.set(`header ${name.toLowerCase()}`, value);
  for (const [name, value] of Object.entries(match.queryParams ?? {})) found.set(`query ${name}`, value);
  // The opposite of a condition has other strings than it: it is known to be the same condition only.
  for (const [name, value] of Object.entries(match.withoutHeaders ?? {})) {
    found.set(`without ${name.toLowerCase()} ${JSON.stringify(value)}`, { present: true });
  }
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
