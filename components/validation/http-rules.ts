import { faultKinds } from "../../policies/http-rules";
import { covers } from "../model/gateways";
import { matchesEverything, type StringMatch, takesAll } from "../model/matches";
import { gatewayRoutes, rulesOf } from "../model/policies/gateway-routes";
import { clusterHost, type MeshService, type PolicyModel } from "../model/policies/policy-model";
import type { HttpRuleSettings } from "../settings/sections/http-rule";
import type { TrafficSettings } from "../settings/sections/traffic";
import { milliseconds } from "../shared/duration";
import { type Problem, type Refusal, type SettingPath, shortPath } from "../shared/problem";
import { re2Matches, re2Refusal, re2RewriteRefusal } from "../shared/re2";
import { allKnown, checkEach, ifKnown } from "../shared/unknown";
import { atMostOne, type Check, notEmpty, problemsOfEach, refuse, rule, unique } from "./check";

/** Rules of services in the mesh and outside it. */
const lists = ["traffic.services.*.http.*", "traffic.externalServices.*.http.*"] as const;

const retryDetails = [
  "perTryTimeout",
  "retryOn",
  "backoff",
  "retryRemoteLocalities",
  "retryIgnorePreviousHosts",
] as const;

/** What a rule can do with a request; without any, the service itself answers. */
const actions = ["route", "redirect", "directResponse"] as const;

export const httpRuleChecks: readonly Check[] = [
  ...lists.flatMap(ruleChecks),
  rule("traffic.defaultRetries", uselessRetries),
  ({ settings: { traffic } }) => checkEach(traffic.services, ["traffic", "services"], hiddenRules),
  ({ policies }) => hiddenBehind(policies),
  ({ policies }) => otherAuthorities(policies),
  ({ settings: { traffic } }) => checkEach(traffic.externalServices, ["traffic", "externalServices"], hiddenRules),
  ...(["traffic.services.*", "traffic.externalServices.*"] as const).map((each) =>
    unique(`${each}.http.*.name`, "rule", each),
  ),
];

function ruleChecks(http: (typeof lists)[number]): Check[] {
  const match = `${http}.match.*` as const;
  return [
    atMostOne(http, actions),
    notEmpty(`${http}.redirect` as const, ["uri", "authority", "scheme", "port", "derivePort", "prefixRewrite"]),
    atMostOne(`${http}.redirect` as const, ["port", "derivePort"]),
    atMostOne(`${http}.redirect` as const, ["uri", "prefixRewrite"]),
    atMostOne(`${http}.directResponse` as const, ["body", "bodyBytes"]),
    atMostOne(http, ["mirror", "mirrors"]),
    notEmpty(`${http}.rewrite` as const, ["uri", "authority", "uriRegexRewrite"]),
    atMostOne(`${http}.rewrite` as const, ["uri", "uriRegexRewrite"]),
    ...([`${http}.rewrite.uri`, `${http}.redirect.prefixRewrite`] as const).map((path) =>
      refuse(
        path,
        (uri) => uri.includes("//"),
        "found //, which servers and rules by path read differently; expected single slashes",
      ),
    ),
    ...(["rewrite", "redirect"] as const).map((field) =>
      rule(http, (given) => ({ [field]: replacedPath(given, field) })),
    ),
    // Settings of requests to the service, which a redirect or direct response never sends.
    ...(["rewrite", "timeout", "retries", "mirror", "mirrors", "fault"] as const).map((key) =>
      rule(http, (given) => {
        const answer = (["redirect", "directResponse"] as const).find((action) => given[action] !== undefined);
        if (answer === undefined || given[key] === undefined) return undefined;
        return { [key]: `has no effect in a rule with ${answer}, which sends nothing to the service; remove it` };
      }),
    ),
    notEmpty(`${http}.fault` as const, Object.keys(faultKinds).sort()),
    rule(`${http}.retries` as const, uselessRetries),
    rule(http, ({ retries, timeout }) => {
      const found = retries?.perTryTimeout;
      if (found === undefined || timeout === undefined || milliseconds(found) <= milliseconds(timeout))
        return undefined;
      return { retries: { perTryTimeout: `found ${found}; expected at most the rule's timeout, ${timeout}` } };
    }),
    refuse(
      match,
      (given) => Object.keys(given).length === 0,
      "found no condition; expected at least one (a rule for every request has no match at all)",
    ),
    refuse(match, ({ uri, ignoreUriCase }) => ignoreUriCase === true && (!uri || uri.regex !== undefined), {
      ignoreUriCase:
        "is for uri.exact, uri.prefix and uri.pathPrefix; a regular expression may begin with (?i); remove it",
    }),
    ...([`${match}.uri.exact`, `${match}.uri.prefix`, `${match}.uri.pathPrefix`] as const).map((path) =>
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
        `${match}.scheme.regex`,
        `${match}.authority.regex`,
        `${match}.headers.*.regex`,
        `${match}.withoutHeaders.*.regex`,
        `${match}.queryParams.*.regex`,
        `${http}.rewrite.uriRegexRewrite.match`,
        `${http}.corsPolicy.allowOrigins.*.regex`,
      ] as const
    ).map((path) => rule(path, (regex) => re2Refusal(regex))),
    rule(`${http}.rewrite.uriRegexRewrite` as const, ({ match: expression, rewrite }) => ({
      rewrite: re2RewriteRefusal(expression, rewrite),
    })),
    rule(
      `${http}.fault` as const,
      (_, { settings: { environment } }) =>
        environment === "production" && "environment production allows no injected faults; remove it",
    ),
  ];
}

/** Istio refuses details of retries that are switched off. */
function uselessRetries(retries: NonNullable<TrafficSettings["defaultRetries"]>): Refusal {
  const useless = retryDetails.filter((key) => retries[key] !== undefined);
  if (retries.attempts !== 0 || useless.length === 0) return undefined;
  return `attempts: 0 means no retries; remove ${useless.join(", ")}`;
}

/** Istio puts what replaces a prefix before the rest of the path, whatever that begins with. */
function replacedPath({ match = [{}], ...given }: HttpRuleSettings, field: "rewrite" | "redirect"): Refusal {
  const key = field === "rewrite" ? "uri" : "prefixRewrite";
  const replacement = field === "rewrite" ? given.rewrite?.uri : given.redirect?.prefixRewrite;
  if (replacement === undefined) return undefined;
  const segments = match.find(({ uri }) => uri?.pathPrefix !== undefined)?.uri?.pathPrefix;
  if (segments !== undefined) {
    if (field === "redirect")
      return { [key]: `does not replace the segments of pathPrefix ${segments}; use uri.prefix` };
    return (
      match.length > 1 && {
        [key]: `replaces the segments of exactly one match; found ${match.length}; put pathPrefix ${segments} into a rule of its own`,
      }
    );
  }
  if (!replacement.endsWith("/")) return undefined;
  const prefix = match.map(({ uri }) => uri?.prefix).find((one) => one !== undefined && !one.endsWith("/"));
  if (prefix === undefined) return undefined;
  const instead = field === "rewrite" ? `uri.pathPrefix ${prefix}, or ` : "";
  return {
    [key]: `found ${replacement}, which makes ${replacement}/x of ${prefix}/x; match ${instead}uri.prefix ${prefix}/`,
  };
}

/** Rules of a service that never match, as those of another service before it take all of their requests. */
function hiddenBehind({ services }: PolicyModel): Iterable<Problem> {
  const shared = gatewayRoutes(services).filter(({ parts }) => parts.length > 1);
  return checkEach(shared, [], function* (route) {
    const {
      gateway,
      hosts: [host = ""],
    } = route;
    const rules = rulesOf(route);
    for (const [position, { rule: hidden, part, path }] of rules.entries()) {
      const entry = part.exposure.path;
      const by = rules
        .slice(0, position)
        .find((one) => one.part.exposure.path !== entry && (matchesEverything(one.rule) || takesAll(one.rule, hidden)));
      if (!by) continue;
      const earlier = shortPath(by.part.exposure.path);
      const taken = `${earlier} before it takes the same requests for ${host} at gateway ${gateway.name}`;
      yield { path: hidden.match ? path : entry, message: `never matches: ${taken}; put this entry before it` };
    }
  });
}

/** Sidecars and gateways look for the rules of a host by the host of a request, and then for one of them. */
function otherAuthorities({ services }: PolicyModel): Iterable<Problem> {
  const inMesh = ({ name, namespace, dataPlane, ports, meshRules, meshPath }: MeshService) => {
    const hosts = [name, `${name}.${namespace}`, `${name}.${namespace}.svc`, clusterHost({ name, namespace })];
    const called = ports.map(({ port }) => port);
    return dataPlane === "ambient" ? [] : authorityProblems(meshRules, meshPath, hosts, called);
  };
  const atGateways = ({ exposures }: MeshService) =>
    checkEach(exposures, [], ({ gateway, hosts, rules, path }) =>
      authorityProblems(rules, [...path, "http"], hosts, Object.values(gateway.ports)),
    );
  return checkEach(services, [], inMesh, atGateways);
}

function authorityProblems(
  rules: readonly HttpRuleSettings[],
  at: SettingPath,
  hosts: readonly string[],
  ports: readonly number[],
): Iterable<Problem> {
  return checkEach(rules, at, ({ match }, path) =>
    problemsOfEach(match, [...path, "match"], ({ authority }) => {
      const isReadable = authority?.regex === undefined || re2Refusal(authority.regex) === undefined;
      if (!authority || !isReadable || hosts.some((host) => mayMatch(authority, host, ports))) return undefined;
      const found = authority.exact ?? authority.prefix ?? authority.regex ?? "";
      return {
        authority: `never matches: found ${found}; requests that these rules are for name one of: ${hosts.join(", ")}, with or without a port`,
      };
    }),
  );
}

/** Of a wildcard, only exact names are known not to be of it. */
function mayMatch({ exact, prefix, regex }: StringMatch, host: string, ports: readonly number[]): boolean {
  const withoutPort = exact?.replace(/:\d+$/, "").toLowerCase();
  if (withoutPort !== undefined) return withoutPort === host || covers(host, withoutPort);
  if (host.startsWith("*")) return true;
  const begins = (text: string) =>
    host.startsWith(text) || (text.startsWith(`${host}:`) && /^\d*$/.test(text.slice(host.length + 1)));
  if (prefix !== undefined) return begins(prefix.toLowerCase());
  return regex === undefined || [host, ...ports.map((port) => `${host}:${port}`)].some((one) => re2Matches(regex, one));
}

/** Rules that never match, as an earlier one takes all of their requests. */
function* hiddenRules({ http }: { readonly http: readonly HttpRuleSettings[] }, path: SettingPath): Iterable<Problem> {
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
