import type { ExternalService } from "../../model/policies/external-services";
import type { Match } from "../../model/matches";
import type { HttpRuleSettings } from "../../settings/sections/http-rule";
import type { Answer, PlanContext, Probe, Series } from "../probe";
import { type Entry, type EntryRule, gatewayEntries, meshEntries } from "../requests/entries";
import { type Asked, findRequest, takes, titleOfRequest } from "../requests/find";
import {
  destinationsOf,
  enoughFor,
  objectsOf,
  oneOf,
  type Part,
  partsOf,
  shareLike,
  titlesOf,
} from "../requests/outcomes";

/** That of a request for which there must be no route: a rule has sent it on. */
export const answersBehind: readonly Answer[] = ["denied", "token refused", "rule", "fault", "overflow"];

/**
 * One probe for each rule that leads requests elsewhere than the rules after it would. A split is a probe of its own, and
 * what else a rule does is proved where that is measured.
 */
export function routes(context: PlanContext): Probe[] {
  const { policies } = context.model;
  const entries = meshEntries(policies);
  return [
    ...entries.flatMap((entry) =>
      entry.rules
        .filter(({ rule }) => entry.rules.length > 1 || rule.match !== undefined || leads(rule))
        .flatMap((rule) => routeProbe(context, entry, rule, "routes")),
    ),
    ...[...entries, ...gatewayEntries(policies)].flatMap((entry) =>
      entry.rules.filter(({ rule }) => rule.rewrite).map((rule) => rewriteProbe(entry, rule)),
    ),
    ...policies.externalServices.flatMap(externalProbes),
  ];
}

function rewriteProbe(entry: Entry, taken: EntryRule): Probe {
  return {
    name: `routes ${ruleTitle(entry, taken)} rewrite`,
    kind: "routes",
    path: [...taken.path, "rewrite"],
    expectation: "another path, or another host, is sent on",
    series: [],
    notMeasurable: "only the application sees the path and the host that a proxy sends on",
  };
}

function externalProbes({ hosts, path, settings: { http } }: ExternalService): Probe[] {
  return http.map((rule, index) => ({
    name: `routes ${hosts.join(", ")} http[${index}]`,
    kind: "routes",
    path: [...path, "http", index],
    expectation: matchTitle(rule),
    series: [],
    notMeasurable: "servers outside the mesh get only the requests that prove egress",
  }));
}

export function routeProbe(context: PlanContext, entry: Entry, taken: EntryRule, kind: "routes" | "gateways"): Probe[] {
  const { policies } = context.model;
  const { rule, path } = taken;
  if (isSplit(context, taken)) return [];
  const about = {
    name: `${kind} ${ruleTitle(entry, taken)}`,
    kind,
    path,
    objects: objectsOf(policies, entry, taken),
  };
  const control = controlFor(context, entry, taken);
  const found = effectsFor(context, entry, taken);
  const [first] = found.asked;
  if (!first) return [{ ...about, expectation: matchTitle(rule), series: [], notMeasurable: found.reasons.join("; ") }];
  const parts = partsOf(policies, taken, first);
  const alike = control ? shareLike(control.parts, parts) : 0;
  if (control && alike > 1 - 1e-9) {
    if (hasOtherEffect(rule)) return [];
    const notMeasurable = `a request that it does not match comes to the same: ${titlesOf(control.parts)}`;
    return [{ ...about, expectation: matchTitle(rule), series: [], notMeasurable }];
  }
  const effects = found.asked.map((asked): Series => {
    const expected = partsOf(policies, taken, asked);
    return { ...sent(asked, "effect"), expect: oneOf(expected), count: enoughFor(alike) };
  });
  const missing = found.reasons.length > 0 ? ` (not measured: ${found.reasons.join("; ")})` : "";
  return [
    {
      ...about,
      expectation: `${matchTitle(rule)}: ${titlesOf(parts)}${missing}`,
      ...aloneWhere(first),
      series: [...effects, ...(control ? [controlSeries(control, parts)] : [])],
    },
  ];
}

/** A request for each alternative of a rule's match, and the reasons where there is none. */
export function effectsFor(
  context: PlanContext,
  entry: Entry,
  { rule, path }: EntryRule,
): { readonly asked: readonly Asked[]; readonly reasons: readonly string[] } {
  const matches: readonly (Match | undefined)[] = rule.match ?? [undefined];
  const found = matches.map((match) => findRequest(context, entry, { match, taken: path }));
  return {
    asked: found.flatMap((one) => ("asked" in one ? [one.asked] : [])),
    reasons: [...new Set(found.flatMap((one) => ("reason" in one ? [one.reason] : [])))],
  };
}

export interface Control {
  readonly asked: Asked;
  /** The rule that takes it; none, where no rule does. */
  readonly taken?: EntryRule | undefined;
  readonly parts: readonly Part[];
}

/** A request that the rule does not take. */
export function controlFor(context: PlanContext, entry: Entry, { rule, path }: EntryRule): Control | undefined {
  if (!rule.match) return undefined;
  const [first = {}] = rule.match;
  const { uri, authority, port } = first;
  // As little as possible is different.
  for (const match of [{ uri, authority, port }, { authority, port }, {}]) {
    const found = findRequest(context, entry, { match, notTaken: path });
    if (!("asked" in found)) continue;
    const { asked } = found;
    const taken = entry.rules.find((one) => takes(asked.explanation, one.path));
    return { asked, taken, parts: partsOf(context.model.policies, taken, asked) };
  }
  return undefined;
}

/** Others have to go elsewhere: where some of them come to the same, some of them have to come to something else. */
function controlSeries({ asked, parts }: Control, ofRule: readonly Part[]): Series {
  const others = parts.filter((part) => shareLike([part], ofRule) === 0);
  const [most] = [...others].sort((a, b) => b.share - a.share);
  const isMost = (part: Part) => part === most && parts.length > 1;
  const outcomes = parts.map((part) => ({ outcome: part.outcome, atLeast: isMost(part) ? 1 : 0 }));
  const count = most && parts.length > others.length ? enoughFor(1 - most.share) : 3;
  const expect = parts.length === 1 ? oneOf(parts) : ({ kind: "some", outcomes } as const);
  const isPastRules = parts.every(({ outcome }) => outcome.answers?.includes("no route"));
  return { ...sent(asked, "control"), expect, count, ...(isPastRules && { refutedBy: answersBehind }) };
}

/** Requests of other probes would take the few that a circuit breaker lets through. */
export function aloneWhere({ isLimited }: Asked): Pick<Probe, "alone"> {
  return isLimited ? { alone: true } : {};
}

/** Where circuit breakers limit requests, others at the same time would get their answers. */
export function sent(
  asked: Asked,
  role: Series["role"],
): Pick<Series, "title" | "role" | "client" | "request" | "concurrency"> {
  const { client, request, isLimited } = asked;
  return { title: titleOfRequest(asked), role, client, request, ...(isLimited && { concurrency: 1 }) };
}

export function isSplit({ model }: PlanContext, taken: EntryRule): boolean {
  return taken.rule.route !== undefined && destinationsOf(model.policies, taken).length > 1;
}

function leads({ route, redirect, directResponse }: HttpRuleSettings): boolean {
  return (route ?? redirect ?? directResponse) !== undefined;
}

function hasOtherEffect({ fault, mirror, mirrors, headers, timeout, retries, corsPolicy }: HttpRuleSettings): boolean {
  return [fault, mirror, mirrors, headers, timeout, retries, corsPolicy].some((one) => one !== undefined);
}

/** Unique: `reviews http[0]`; at a gateway, with the service of the rule. */
export function ruleTitle(entry: Entry, { path, service }: EntryRule): string {
  const ofOther = service === entry.service ? "" : `${service.name} `;
  return `${entry.title} ${ofOther}http[${path.at(-1)}]`;
}

/** As reports name the requests of a rule: `end-user: quentin`. */
export function matchTitle({ match }: HttpRuleSettings): string {
  return match ? match.map(oneTitle).join(", or ") : "requests that no rule before matches";
}

function oneTitle({ uri, method, headers = {}, withoutHeaders = {}, queryParams = {}, ...others }: Match): string {
  const text = (value: object) => Object.values(value).map(String).join(" ");
  const parts = [
    ...(uri ? [`path ${text(uri)}`] : []),
    ...(method ? [`method ${text(method)}`] : []),
    ...Object.entries(headers).map(([name, value]) => `${name}: ${text(value)}`),
    ...Object.entries(withoutHeaders).map(([name]) => `without ${name}`),
    ...Object.entries(queryParams).map(([name, value]) => `?${name}=${text(value)}`),
    ...Object.entries(others).flatMap(([name, value]) => (value === undefined ? [] : [`${name} ${plain(value)}`])),
  ];
  return parts.length > 0 ? parts.join(" and ") : "every request";
}

function plain(value: string | number | boolean | object): string {
  return typeof value === "object" ? Object.values(value).map(String).join(" ") : String(value);
}
