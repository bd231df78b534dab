import { faultKinds } from "../../policies/http-rules";
import { type Match, matchesEverything, shadowedRules } from "../model/matches";
import type { HttpRuleSettings, RetriesSettings, TrafficServiceSettings } from "../settings/sections/traffic";
import { milliseconds } from "../shared/duration";
import { duplicates, type Problem, type SettingPath } from "../shared/problem";
import { allKnown, checkEach, ifKnown } from "../shared/unknown";
import { regexProblems } from "./regex";

/** Checks of the rules of one entry of `traffic.services`. */

type RuleCheck = (rule: HttpRuleSettings, path: SettingPath) => Iterable<Problem>;

const ruleChecks: readonly RuleCheck[] = [
  weights,
  oneAction,
  redirect,
  rewrite,
  upstreamOnly,
  fault,
  ({ retries }, path) => (retries ? retryFields(retries, [...path, "retries"]) : []),
  perTryTimeout,
  (rule, path) => checkEach(rule.match, [...path, "match"], condition, paths, expressions),
  expressionsOfRule,
];

/** Problems of a service's rules, one by one and in their order. */
export const httpChecks: readonly ((service: TrafficServiceSettings, path: SettingPath) => Iterable<Problem>)[] = [
  ({ tls }, path) => (tls ? weights(tls, [...path, "tls"]) : []),
  ({ http }, path) => checkEach(http, [...path, "http"], ...ruleChecks),
  hiddenRules,
  uniqueNames,
];

function* weights({ route }: Pick<HttpRuleSettings, "route">, path: SettingPath): Iterable<Problem> {
  if (!route) return;
  const entries = Object.entries(route);
  const total = entries.reduce((sum, [, weight]) => sum + weight, 0);
  if (total === 100) return;
  const shown = entries.map(([name, weight]) => `${name} ${weight}`).join(", ") || "none";
  yield { path: [...path, "route"], message: `weights add up to ${total} (${shown}); expected 100` };
}

/** What a rule can do with a request; without any, the service itself answers. */
const actions = ["route", "redirect", "directResponse"] as const;

function* oneAction(rule: HttpRuleSettings, path: SettingPath): Iterable<Problem> {
  const given = actions.filter((action) => rule[action] !== undefined);
  if (given.length <= 1) return;
  yield { path, message: `found ${given.join(", ")}; expected at most one of: ${actions.join(", ")}` };
}

function* redirect({ redirect: given }: HttpRuleSettings, path: SettingPath): Iterable<Problem> {
  if (!given) return;
  const at = [...path, "redirect"];
  if (Object.keys(given).length === 0) {
    yield { path: at, message: "expected at least one of: uri, authority, scheme, redirectCode" };
  }
  if (given.port !== undefined && given.derivePort) {
    yield { path: at, message: "found port and derivePort; expected at most one of them" };
  }
}

function* rewrite({ rewrite: given }: HttpRuleSettings, path: SettingPath): Iterable<Problem> {
  if (!given) return;
  const at = [...path, "rewrite"];
  if (Object.keys(given).length === 0) {
    yield { path: at, message: "expected at least one of: uri, authority, uriRegexRewrite" };
  }
  if (given.uri !== undefined && given.uriRegexRewrite) {
    yield { path: at, message: "found uri and uriRegexRewrite; expected at most one of them" };
  }
}

/** Settings of requests to the service, which a redirect or direct response never sends. */
function* upstreamOnly(rule: HttpRuleSettings, path: SettingPath): Iterable<Problem> {
  const answer = (["redirect", "directResponse"] as const).find((action) => rule[action] !== undefined);
  if (answer === undefined) return;
  for (const key of ["rewrite", "timeout", "retries", "mirror", "fault"] as const) {
    if (rule[key] === undefined) continue;
    yield {
      path: [...path, key],
      message: `has no effect in a rule with ${answer}, which sends nothing to the service; remove it`,
    };
  }
}

function* fault({ fault: given }: HttpRuleSettings, path: SettingPath): Iterable<Problem> {
  if (!given) return;
  const { abort } = given;
  if (Object.keys(given).length === 0) {
    const kinds = Object.keys(faultKinds).sort().join(", ");
    yield { path: [...path, "fault"], message: `expected at least one of: ${kinds}` };
  }
  if (abort && (abort.httpStatus === undefined) === (abort.grpcStatus === undefined)) {
    yield { path: [...path, "fault", "abort"], message: "expected exactly one of: httpStatus, grpcStatus" };
  }
}

/** Istio refuses details of retries that are switched off. */
export function* retryFields(retries: RetriesSettings, path: SettingPath): Iterable<Problem> {
  if (retries.attempts !== 0) return;
  const useless = (["perTryTimeout", "retryOn", "backoff"] as const).filter((field) => retries[field] !== undefined);
  if (useless.length > 0) yield { path, message: `attempts: 0 means no retries; remove ${useless.join(", ")}` };
}

function* perTryTimeout({ retries, timeout }: HttpRuleSettings, path: SettingPath): Iterable<Problem> {
  if (!retries?.perTryTimeout || !timeout || milliseconds(retries.perTryTimeout) <= milliseconds(timeout)) return;
  yield {
    path: [...path, "retries", "perTryTimeout"],
    message: `found ${retries.perTryTimeout}; expected at most the rule's timeout, ${timeout}`,
  };
}

function* condition(match: Match, path: SettingPath): Iterable<Problem> {
  if (Object.keys(match).length > 0) return;
  yield { path, message: "found no condition; expected at least one (a rule for every request has no match at all)" };
}

function* paths({ uri }: Match, path: SettingPath): Iterable<Problem> {
  for (const kind of ["exact", "prefix"] as const) {
    const given = uri?.[kind];
    if (given === undefined || given.startsWith("/")) continue;
    yield { path: [...path, "uri", kind], message: `found ${JSON.stringify(given)}; every path begins with "/"` };
  }
}

function* expressions(match: Match, path: SettingPath): Iterable<Problem> {
  const strings = function* ({ regex }: { readonly regex?: string | undefined }, at: SettingPath) {
    yield* regexProblems([...at, "regex"], regex);
  };
  yield* checkEach({ uri: match.uri ?? {}, method: match.method ?? {} }, path, strings);
  yield* checkEach(match.headers, [...path, "headers"], strings);
  yield* checkEach(match.queryParams, [...path, "queryParams"], strings);
}

function* expressionsOfRule({ rewrite: given, corsPolicy }: HttpRuleSettings, path: SettingPath): Iterable<Problem> {
  yield* regexProblems([...path, "rewrite", "uriRegexRewrite", "match"], given?.uriRegexRewrite?.match);
  yield* checkEach(corsPolicy?.allowOrigins, [...path, "corsPolicy", "allowOrigins"], ({ regex }, at) =>
    regexProblems([...at, "regex"], regex),
  );
}

/** Rules that never match, as an earlier one takes all of their requests. */
function* hiddenRules({ http }: TrafficServiceSettings, path: SettingPath): Iterable<Problem> {
  const rules = [...http.keys()].flatMap(
    (index) => ifKnown(() => [{ index, match: allKnown(http[index]?.match) }]) ?? [],
  );
  const catchAll = rules.findIndex(matchesEverything);
  const last = rules[catchAll]?.index ?? http.length;
  const after = http.length - 1 - last;
  if (after > 0) {
    const hidden = after === 1 ? "the rule after it never matches" : `the ${after} rules after it never match`;
    yield { path: [...path, "http", last], message: `matches every request, so ${hidden}; put it last` };
  }
  for (const { hidden, by } of shadowedRules(catchAll === -1 ? rules : rules.slice(0, catchAll))) {
    yield {
      path: [...path, "http", hidden.index],
      message: `never matches: rule [${by.index}] before it takes the same requests and more; put this one before it`,
    };
  }
}

function* uniqueNames({ http }: TrafficServiceSettings, path: SettingPath): Iterable<Problem> {
  yield* duplicates(
    checkEach(http, [...path, "http"], ({ name }, at) =>
      name === undefined ? [] : [{ path: [...at, "name"], key: name }],
    ),
    "rule",
  );
}
