import type { Problem, SettingPath } from "../../shared/problem";
import type { HttpRuleSettings, RetriesSettings, TrafficServiceSettings } from "../../settings/sections/traffic";
import { suggestion } from "../../settings/suggest";
import { duplicates } from "./duplicates";
import { matchesEverything, shadowedRules, type Match } from "./matches";
import { regexProblem } from "./regex";

/** What a rule can do with a request; one of them, and without any the service itself is asked. */
const actions = ["route", "redirect", "directResponse"] as const;

/** Settings that speak of the service behind, which a redirect or direct response never asks. */
const upstreamOnly = ["rewrite", "timeout", "retries", "mirror", "fault"] as const;

const unitsInMilliseconds = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;

/** A duration of the settings in milliseconds. */
function milliseconds(duration: string): number {
  const [, amount, unit] = /^([\d.]+)(ms|s|m|h)$/.exec(duration) ?? [];
  return Number(amount) * unitsInMilliseconds[(unit ?? "ms") as keyof typeof unitsInMilliseconds];
}

function* weightProblems({ route }: Pick<HttpRuleSettings, "route">, path: SettingPath): Iterable<Problem> {
  if (!route) return;
  const weights = Object.entries(route);
  const total = weights.reduce((sum, [, weight]) => sum + weight, 0);
  if (total === 100) return;
  const shown = weights.map(([name, weight]) => `${name} ${weight}`).join(", ") || "none";
  yield { path: [...path, "route"], message: `weights add up to ${total} (${shown}); expected 100` };
}

function* actionProblems(rule: HttpRuleSettings, path: SettingPath): Iterable<Problem> {
  const given = actions.filter((action) => rule[action] !== undefined);
  if (given.length > 1) {
    yield { path, message: `found ${given.join(", ")}; expected at most one of: ${actions.join(", ")}` };
  }
  if (rule.redirect && Object.keys(rule.redirect).length === 0) {
    yield { path: [...path, "redirect"], message: "expected at least one of: uri, authority, scheme, redirectCode" };
  }
  if (rule.redirect?.port !== undefined && rule.redirect.derivePort) {
    yield { path: [...path, "redirect"], message: "found port and derivePort; expected at most one of them" };
  }
  if (rule.rewrite && Object.keys(rule.rewrite).length === 0) {
    yield { path: [...path, "rewrite"], message: "expected at least one of: uri, authority, uriRegexRewrite" };
  }
  if (rule.rewrite?.uri !== undefined && rule.rewrite.uriRegexRewrite) {
    yield { path: [...path, "rewrite"], message: "found uri and uriRegexRewrite; expected at most one of them" };
  }
  const answersItself = given.find((action) => action !== "route");
  for (const key of answersItself ? upstreamOnly : []) {
    if (rule[key] === undefined) continue;
    yield { path: [...path, key], message: `has no effect beside ${answersItself}, which asks no service; remove it` };
  }
}

function* faultProblems({ fault }: HttpRuleSettings, path: SettingPath): Iterable<Problem> {
  if (!fault) return;
  const { abort, delay } = fault;
  if (!abort && !delay) yield { path: [...path, "fault"], message: "expected at least one of: abort, delay" };
  if (abort && (abort.httpStatus === undefined) === (abort.grpcStatus === undefined)) {
    yield { path: [...path, "fault", "abort"], message: "expected exactly one of: httpStatus, grpcStatus" };
  }
}

/** Istio refuses a policy for retries that are switched off. */
export function* retryProblems(retries: RetriesSettings, path: SettingPath): Iterable<Problem> {
  if (retries.attempts !== 0) return;
  const { perTryTimeout, retryOn, backoff } = retries;
  const useless = Object.entries({ perTryTimeout, retryOn, backoff }).filter(([, value]) => value !== undefined);
  if (useless.length === 0) return;
  yield { path, message: `attempts: 0 means no retries; remove ${useless.map(([field]) => field).join(", ")}` };
}

function* timeProblems({ retries, timeout }: HttpRuleSettings, path: SettingPath): Iterable<Problem> {
  if (retries) yield* retryProblems(retries, [...path, "retries"]);
  if (!retries?.perTryTimeout || !timeout) return;
  if (milliseconds(retries.perTryTimeout) <= milliseconds(timeout)) return;
  yield {
    path: [...path, "retries", "perTryTimeout"],
    message: `found ${retries.perTryTimeout}; expected at most the rule's timeout, ${timeout}`,
  };
}

function* matchProblems(match: Match, path: SettingPath): Iterable<Problem> {
  if (Object.keys(match).length === 0) {
    yield { path, message: "found no condition; expected at least one (a rule for every request has no match at all)" };
  }
  for (const kind of ["exact", "prefix"] as const) {
    const given = match.uri?.[kind];
    if (given === undefined || given.startsWith("/")) continue;
    yield { path: [...path, "uri", kind], message: `found ${JSON.stringify(given)}; every path begins with "/"` };
  }
  const strings: [SettingPath, { regex?: string | undefined } | undefined][] = [
    [["uri"], match.uri],
    [["method"], match.method],
    ...Object.entries(match.headers ?? {}).map(([name, value]): [SettingPath, typeof value] => [
      ["headers", name],
      value,
    ]),
    ...Object.entries(match.queryParams ?? {}).map(([name, value]): [SettingPath, typeof value] => [
      ["queryParams", name],
      value,
    ]),
  ];
  for (const [key, { regex } = {}] of strings) {
    const problem = regex === undefined ? undefined : regexProblem([...path, ...key, "regex"], regex);
    if (problem) yield problem;
  }
}

function* regexProblems({ rewrite, corsPolicy }: HttpRuleSettings, path: SettingPath): Iterable<Problem> {
  const expressions: [SettingPath, string | undefined][] = [
    [["rewrite", "uriRegexRewrite", "match"], rewrite?.uriRegexRewrite?.match],
    ...(corsPolicy?.allowOrigins ?? []).map(({ regex }, index): [SettingPath, string | undefined] => [
      ["corsPolicy", "allowOrigins", index, "regex"],
      regex,
    ]),
  ];
  for (const [key, regex] of expressions) {
    const problem = regex === undefined ? undefined : regexProblem([...path, ...key], regex);
    if (problem) yield problem;
  }
}

/** Subsets that a service's rules name and none of its entries declares. */
export function* undeclaredSubsets(
  { http, tls }: TrafficServiceSettings,
  declared: ReadonlySet<string>,
  path: SettingPath,
): Iterable<Problem> {
  const rules: [SettingPath, Pick<HttpRuleSettings, "route" | "mirror">][] = http.map((rule, index) => [
    ["http", index],
    rule,
  ]);
  if (tls) rules.push([["tls"], tls]);
  for (const [at, { route = {}, mirror }] of rules) {
    const named: [SettingPath, string][] = Object.keys(route).map((name) => [["route", name], name]);
    if (mirror) named.push([["mirror", "subset"], mirror.subset]);
    for (const [key, name] of named) {
      if (declared.has(name)) continue;
      const message = `found ${name}, which the service's subsets do not have; ${suggestion(name, [...declared])}`;
      yield { path: [...path, ...at, ...key], message };
    }
  }
}

/** Problems of a service's rules, one by one and in their order. */
export function* httpProblems(service: TrafficServiceSettings, path: SettingPath): Iterable<Problem> {
  if (service.tls) yield* weightProblems(service.tls, [...path.slice(0, -1), "tls"]);
  for (const [index, rule] of service.http.entries()) {
    const at = [...path, index];
    yield* weightProblems(rule, at);
    yield* actionProblems(rule, at);
    yield* faultProblems(rule, at);
    yield* timeProblems(rule, at);
    yield* regexProblems(rule, at);
    for (const [position, match] of (rule.match ?? []).entries())
      yield* matchProblems(match, [...at, "match", position]);
  }
  const catchAll = service.http.findIndex(matchesEverything);
  const after = service.http.length - 1 - catchAll;
  if (catchAll !== -1 && after > 0) {
    const hidden = after === 1 ? "the rule after it never matches" : `the ${after} rules after it never match`;
    yield { path: [...path, catchAll], message: `matches every request, so ${hidden}; put it last` };
  }
  for (const { hidden, by } of shadowedRules(catchAll === -1 ? service.http : service.http.slice(0, catchAll))) {
    yield {
      path: [...path, hidden],
      message: `never matches: rule [${by}] before it takes the same requests and more; put this one before it`,
    };
  }
  yield* duplicates(
    service.http.flatMap(({ name }, index) =>
      name === undefined ? [] : [{ path: [...path, index, "name"], key: name }],
    ),
    "rule",
  );
}
