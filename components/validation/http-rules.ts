import { faultKinds } from "../../policies/http-rules";
import { matchesEverything, takesAll } from "../model/matches";
import type { TrafficServiceSettings } from "../settings/sections/traffic";
import { milliseconds } from "../shared/duration";
import { type Problem, type Refusal, type SettingPath } from "../shared/problem";
import { re2Refusal } from "../shared/re2";
import { allKnown, checkEach, ifKnown } from "../shared/unknown";
import { atMostOne, type Check, notEmpty, refuse, rule, unique } from "./check";

const http = "traffic.services.*.http.*";
const match = `${http}.match.*` as const;

/** What a rule can do with a request; without any, the service itself answers. */
const actions = ["route", "redirect", "directResponse"] as const;

export const httpRuleChecks: readonly Check[] = [
  rule(`${http}.route`, weights),
  rule("traffic.services.*.tls.route", weights),
  atMostOne(http, actions),
  notEmpty(`${http}.redirect`, ["uri", "authority", "scheme", "port", "derivePort"]),
  atMostOne(`${http}.redirect`, ["port", "derivePort"]),
  notEmpty(`${http}.rewrite`, ["uri", "authority", "uriRegexRewrite"]),
  atMostOne(`${http}.rewrite`, ["uri", "uriRegexRewrite"]),
  refuse(
    `${http}.rewrite.uri`,
    (uri) => uri.includes("//"),
    "found //, which servers and rules by path read differently; expected single slashes",
  ),
  rule(http, ({ match = [], rewrite }) => {
    if (!rewrite?.uri?.endsWith("/")) return undefined;
    const found = match.find(({ uri }) => uri?.prefix !== undefined && !uri.prefix.endsWith("/"))?.uri?.prefix;
    if (found === undefined) return undefined;
    const instead = `instead of prefix ${found}, match prefix ${found}/ and exact ${found}`;
    return { rewrite: { uri: `found ${rewrite.uri}, which makes ${rewrite.uri}/x of ${found}/x; ${instead}` } };
  }),
  // Settings of requests to the service, which a redirect or direct response never sends.
  ...(["rewrite", "timeout", "retries", "mirror", "fault"] as const).map((key) =>
    rule(http, (given) => {
      const answer = (["redirect", "directResponse"] as const).find((action) => given[action] !== undefined);
      if (answer === undefined || given[key] === undefined) return undefined;
      return { [key]: `has no effect in a rule with ${answer}, which sends nothing to the service; remove it` };
    }),
  ),
  notEmpty(`${http}.fault`, Object.keys(faultKinds).sort()),
  // Istio refuses details of retries that are switched off.
  ...([`${http}.retries`, "traffic.defaultRetries"] as const).map((path) =>
    rule(path, (retries) => {
      const useless = (["perTryTimeout", "retryOn", "backoff"] as const).filter((key) => retries[key] !== undefined);
      if (retries.attempts !== 0 || useless.length === 0) return undefined;
      return `attempts: 0 means no retries; remove ${useless.join(", ")}`;
    }),
  ),
  rule(http, ({ retries, timeout }) => {
    const found = retries?.perTryTimeout;
    if (found === undefined || timeout === undefined || milliseconds(found) <= milliseconds(timeout)) return undefined;
    return { retries: { perTryTimeout: `found ${found}; expected at most the rule's timeout, ${timeout}` } };
  }),
  refuse(
    match,
    (given) => Object.keys(given).length === 0,
    "found no condition; expected at least one (a rule for every request has no match at all)",
  ),
  ...([`${match}.uri.exact`, `${match}.uri.prefix`] as const).map((path) =>
    rule(path, (found) => !found.startsWith("/") && `found ${JSON.stringify(found)}; every path begins with "/"`),
  ),
  refuse(
    `${http}.corsPolicy.allowOrigins.*.exact`,
    (origin) => origin === "",
    "found an empty string; expected an origin such as https://shop.example.com",
  ),
  rule(http, ({ rewrite, headers }) => {
    const { set = {}, add = {} } = headers?.request ?? {};
    const host = [...Object.keys(set), ...Object.keys(add)].find((name) => /^(host|:authority)$/i.test(name));
    if (rewrite?.authority === undefined || host === undefined) return undefined;
    return { rewrite: { authority: `found with the header ${host}, which sets the same; remove one of them` } };
  }),
  ...(
    [
      `${match}.uri.regex`,
      `${match}.method.regex`,
      `${match}.headers.*.regex`,
      `${match}.queryParams.*.regex`,
      `${http}.rewrite.uriRegexRewrite.match`,
      `${http}.corsPolicy.allowOrigins.*.regex`,
    ] as const
  ).map((path) => rule(path, (regex) => re2Refusal(regex))),
  ({ settings: { traffic } }) => checkEach(traffic.services, ["traffic", "services"], hiddenRules),
  unique(`${http}.name`, "rule", "traffic.services.*"),
  rule(
    `${http}.fault`,
    (_, { settings: { environment } }) =>
      environment === "production" && "environment production allows no injected faults; remove it",
  ),
];

function weights(route: Readonly<Record<string, number>>): Refusal {
  const entries = Object.entries(route);
  const total = entries.reduce((sum, [, weight]) => sum + weight, 0);
  if (total === 100) return undefined;
  const shown = entries.map(([name, weight]) => `${name} ${weight}`).join(", ") || "none";
  return `weights add up to ${total} (${shown}); expected 100`;
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
  const reached = catchAll === -1 ? rules : rules.slice(0, catchAll);
  for (const [position, hidden] of reached.entries()) {
    const by = reached.slice(0, position).find((earlier) => takesAll(earlier, hidden));
    if (!by) continue;
    const message = `never matches: rule [${by.index}] before it takes the same requests and more; put this one before it`;
    yield { path: [...path, "http", hidden.index], message };
  }
}
