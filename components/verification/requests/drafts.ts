import { claimOf, isClaim, type Match, segments, type StringMatch } from "../../model/matches";
import type { PolicyTarget } from "../../model/names";
import { covers } from "../../model/names";
import type { AccessConditions, PolicyModel } from "../../model/policies/policy-model";
import { re2Examples, re2Matches } from "../../shared/re2";
import type { PlanContext, ProbeToken } from "../probe";

/** Requests that may be what a rule is for: what the settings say of a request then decides. */

/** Nothing that a service does by them changes anything. */
export const safeMethods = ["GET", "HEAD", "OPTIONS"] as const;

export interface Draft {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly claims?: Readonly<Record<string, string>>;
  readonly token?: ProbeToken;
}

export interface Surroundings {
  /** What the client may call the server, where that is a condition. */
  readonly hosts?: readonly string[];
  /** Headers that requests of other rules must not have. */
  readonly headersOfOthers?: Readonly<Record<string, StringMatch>>;
}

/**
 * The combinations of what a match and the allow rules of the targets ask for. Headers, without which other rules would
 * take a request, are added last.
 */
export function* drafts(
  context: PlanContext,
  targets: readonly PolicyTarget[],
  match: Match = {},
  { hosts = [], headersOfOthers = {} }: Surroundings = {},
): Generator<Draft> {
  const { policies } = context.model;
  const { headers = {}, queryParams = {}, uri, method, authority } = match;
  const [claims, plain] = partition(Object.entries(headers), ([name]) => isClaim(name));
  const ofClaims = claims.map(([name, value]): [string, StringMatch] => [claimOf(name), value]);
  const calls = authority ? hosts.map((host) => ({ host })) : [{}];
  const { withoutHeaders = {} } = match;
  const further = Object.entries(headersOfOthers).filter(([name]) => !Object.hasOwn(withoutHeaders, name));
  for (const needed of conditions(policies, targets)) {
    const asked = [...plain, ...fixed(needed.headers)];
    const added = further.length > 0 ? combinations([...further, ...asked], isHeaderText) : [];
    const ways = [...combinations(asked, isHeaderText), ...added];
    const queries = combinations(Object.entries(queryParams), isHeaderText).map(queryOf);
    for (const path of pathsFor(uri, needed.paths)) {
      for (const query of queries) {
        for (const way of ways) {
          for (const host of calls) {
            for (const token of tokens(context, targets, [...ofClaims, ...fixed(needed.claims)])) {
              for (const one of methodsFor(method, needed.methods)) {
                yield { method: one, path: path + query, headers: { ...way, ...host }, ...token };
              }
            }
          }
        }
      }
    }
  }
}

/** What each allow rule asks for; nothing, where none does. */
function conditions({ accessRules }: PolicyModel, targets: readonly PolicyTarget[]): readonly AccessConditions[] {
  const allowed = accessRules.filter(
    ({ action, target }) => action === "ALLOW" && targets.some((one) => covers(target, one)),
  );
  return [{}, ...allowed.map(({ settings }) => settings)];
}

/** Strings that a match takes, the plainest first. */
export function examples(match: StringMatch, isText: (text: string) => boolean): readonly string[] {
  const { exact, prefix, regex, pathPrefix } = match;
  if (exact !== undefined) return [exact];
  if (prefix !== undefined) return [prefix, `${prefix}0`, `${prefix}talos-mesh-probe`];
  if (regex !== undefined) return re2Examples(regex, isText).filter((text) => text !== "" && text === text.trim());
  if (pathPrefix === undefined) return ["1"];
  return [segments(pathPrefix) || "/", `${segments(pathPrefix)}/0`];
}

/** A value of an access rule without its asterisk or template. */
export function exampleOf(pattern: string): string {
  const value = pattern.replace(/\{\*{1,2}\}/g, "0");
  if (value === "*") return "0";
  if (value.startsWith("*")) return `${value.slice(1).startsWith("/") ? "" : "0"}${value.slice(1)}`;
  return value.endsWith("/*") ? `${value.slice(0, -1)}0` : value.replace(/\*$/, "");
}

function pathsFor(uri: StringMatch | undefined, patterns: readonly string[] = []): string[] {
  const ofMatch = uri ? examples(uri, isPath) : patterns.length > 0 ? [] : ["/", "/talos-mesh-probe"];
  const allowed = patterns.map((pattern) => (pattern === "*" ? "/" : exampleOf(pattern)));
  return [...new Set([...ofMatch, ...allowed.map((path) => (path.startsWith("/") ? path : `/${path}`))])];
}

function methodsFor(match: StringMatch | undefined, methods: readonly string[] | undefined): readonly string[] {
  const allowed = safeMethods.filter((one) => methods?.includes(one) ?? true);
  return allowed.filter((one) => !match || isLike(match, one)).slice(0, 1);
}

function isLike({ exact, prefix = "", regex }: StringMatch, value: string): boolean {
  if (regex !== undefined) return re2Matches(regex, value);
  return exact === undefined ? value.startsWith(prefix) : value === exact;
}

type Condition = readonly [name: string, match: StringMatch];

function fixed(values: Readonly<Record<string, readonly string[]>> = {}): Condition[] {
  return Object.entries(values).flatMap(([name, [first]]): Condition[] =>
    first === undefined ? [] : [[name, { exact: exampleOf(first) }]],
  );
}

/** The first example of each, then the second of each. */
function combinations(conditions: readonly Condition[], isText: (text: string) => boolean) {
  const all = conditions.map(([name, match]) => [name, examples(match, isText)] as const);
  if (all.some(([, values]) => values.length === 0)) return [];
  return [0, 1].map((index) =>
    Object.fromEntries(all.map(([name, values]) => [name, values[Math.min(index, values.length - 1)] ?? ""])),
  );
}

function queryOf(values: Readonly<Record<string, string>>): string {
  const query = new URLSearchParams(values).toString();
  return query === "" ? "" : `?${query}`;
}

/** Without a token, then with one of each issuer whose key the settings have. */
export function tokens(
  { model, settings }: PlanContext,
  targets: readonly PolicyTarget[],
  conditions: readonly Condition[],
): Pick<Draft, "claims" | "token">[] {
  const rules = model.policies.tokenRules.filter(({ target }) => targets.some((one) => covers(target, one)));
  const issuers = rules.flatMap(({ issuers: all }) => all.map((one) => one.settings));
  const signed = issuers.filter(({ issuer }) => settings.tokens.some((key) => key.issuer === issuer));
  return [
    {},
    ...signed.flatMap(({ issuer, audiences, requireClaims, fromHeaders, fromParams, fromCookies }) =>
      combinations([...fixed(requireClaims), ...conditions], isHeaderText).map((named) => {
        const claims = { sub: "anyone", ...named, iss: issuer };
        const [header] = fromHeaders ?? [];
        const [param] = fromParams ?? [];
        const [cookie] = fromCookies ?? [];
        const place = header
          ? { in: { header: header.name, ...(header.prefix !== undefined && { prefix: header.prefix }) } }
          : param !== undefined
            ? { in: { param } }
            : cookie !== undefined && { in: { cookie } };
        const token = { issuer, ...(audiences.length > 0 && { audiences }), claims: nested(claims), ...place };
        return { claims: audiences[0] === undefined ? claims : { ...claims, aud: audiences[0] }, token };
      }),
    ),
  ];
}

/** Claims as a token has them: `a[b]` is claim b in claim a. */
export function nested(claims: Readonly<Record<string, string>>): Record<string, unknown> {
  const root = new Map<string, unknown>();
  for (const [name, value] of Object.entries(claims)) {
    if (name === "iss") continue;
    const parts = name.split(/[[\]]+/).filter((part) => part !== "");
    let level = root;
    for (const part of parts.slice(0, -1)) {
      const below = level.get(part);
      const inner = below instanceof Map ? (below as Map<string, unknown>) : new Map<string, unknown>();
      level.set(part, inner);
      level = inner;
    }
    level.set(parts.at(-1) ?? name, value);
  }
  return plainObject(root);
}

function plainObject(map: ReadonlyMap<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    [...map].map(([key, value]) => [key, value instanceof Map ? plainObject(value as Map<string, unknown>) : value]),
  );
}

function isPath(text: string): boolean {
  return /^\/[!"$-~]*$/.test(text) && !text.includes("?");
}

function isHeaderText(text: string): boolean {
  return /^[!-~][ -~]*$/.test(text);
}

function partition<Item>(items: readonly Item[], isFirst: (item: Item) => boolean): [Item[], Item[]] {
  return [items.filter(isFirst), items.filter((item) => !isFirst(item))];
}
