import { BlockList, isIP, isIPv6 } from "node:net";
import { covers } from "../../components/model/gateways";
import { claimOf, isClaim, type Match, segments, type StringMatch } from "../../components/model/matches";
import type { Caller } from "../../components/model/names";
import type {
  AccessConditions,
  AccessRule,
  ExternalRule,
  TokenRules,
} from "../../components/model/policies/policy-model";
import { pathMatches, valueMatches } from "../../components/model/path-patterns";
import type { TlsRuleSettings } from "../../components/settings/sections/connection-rule";
import { own } from "../../components/shared/own";
import { re2Matches } from "../../components/shared/re2";
import {
  conditionNames,
  conditionsIn,
  httpConditions,
  type ListCondition,
  type NamedCondition,
  opposite,
} from "../conditions";
import type { ExplainedRequest } from "./request";

export function matches(match: Match, request: ExplainedRequest): boolean {
  const { uri, ignoreUriCase = false, method, scheme, authority, headers = {}, withoutHeaders = {} } = match;
  const { queryParams = {}, port, sourceWorkload, sourceNamespace, sourceLabels } = match;
  const header = (name: string) => headerOf(name, request);
  return (
    (!uri || stringMatches(uri, request.path, ignoreUriCase)) &&
    (!method || stringMatches(method, request.method)) &&
    (!scheme || stringMatches(scheme, request.scheme ?? "http")) &&
    (!authority || stringMatches(authority, request.headers.get("host"))) &&
    (port === undefined || port === request.port) &&
    Object.entries(headers).every(([name, value]) => stringMatches(value, header(name))) &&
    // A header that is not there has no presence, and else is compared as an empty one.
    Object.entries(withoutHeaders).every(
      ([name, value]) => !stringMatches(value, header(name) ?? (value.present ? undefined : "")),
    ) &&
    Object.entries(queryParams).every(([name, value]) => stringMatches(value, request.queryParams.get(name))) &&
    (sourceWorkload === undefined || request.caller?.name === sourceWorkload) &&
    (sourceNamespace === undefined || request.caller?.namespace === sourceNamespace) &&
    Object.entries(sourceLabels ?? {}).every(([name, value]) => own(request.callerLabels ?? {}, name) === value)
  );
}

/** The address to which a client connects is not known, nor the name in the handshake, unless the request has a host. */
export function connectionMatches(
  { sniHosts, destinationSubnets, ...match }: NonNullable<TlsRuleSettings["match"]>[number],
  request: ExplainedRequest,
  host: string | undefined,
): boolean {
  const isNamed = !sniHosts || host === undefined || sniHosts.some((name) => name === host || covers(name, host));
  return !destinationSubnets && isNamed && matches(match, request);
}

function headerOf(name: string, { headers, claims }: ExplainedRequest): string | undefined {
  return isClaim(name) ? claims.get(claimOf(name)) : headers.get(name.toLowerCase());
}

export function ruleMatches(rule: AccessRule, request: ExplainedRequest): boolean {
  const { callers, notCallers, settings } = rule;
  const { principals, fromNamespaces, notPrincipals, notFromNamespaces } = settings;
  const anyClient = !callers && !principals && !fromNamespaces;
  return (
    (anyClient || isIdentified(callers, principals, fromNamespaces, request)) &&
    !isIdentified(notCallers, notPrincipals, notFromNamespaces, request) &&
    conditionsHold(settings, request)
  );
}

function isIdentified(
  callers: readonly Caller[] = [],
  principals: readonly string[] = [],
  namespaces: readonly string[] = [],
  { caller, principal }: ExplainedRequest,
): boolean {
  if (!caller) return false;
  const isSame = ({ namespace, serviceAccount }: Caller) =>
    caller.namespace === namespace && caller.serviceAccount === serviceAccount;
  return callers.some(isSame) || anyMatches(principals, principal) || anyMatches(namespaces, caller.namespace);
}

type Judge<Value> = (value: Value, request: ExplainedRequest) => boolean;

/** Whether a request has a value of a condition; the types are those of the settings. */
const judges: { readonly [Name in ListCondition]: Judge<NonNullable<AccessConditions[Name]>[number]> } = {
  methods: (method, request) => request.method === method,
  paths: (path, request) => pathMatches(path, request.path),
  hosts: (host, { headers }) => hostMatches(host.toLowerCase(), headers.get("host")?.toLowerCase()),
  ports: (port, request) => request.port === port,
  ipBlocks: (block, { address }) => isInBlock(block, address),
  remoteIpBlocks: (block, { remoteAddress }) => isInBlock(block, remoteAddress),
  trustDomains: (domain, { principal }) => valueMatches(domain, principal?.split("/")[0]),
  requestPrincipals: (pattern, { claims }) => requestPrincipalMatches(pattern, claims),
  audiences: (audience, { claims }) => valueMatches(audience, claims.get("aud")),
  presenters: (presenter, { claims }) => valueMatches(presenter, claims.get("azp")),
  // Not part of the question.
  destinationIps: () => false,
  sni: (name, request) => valueMatches(name, request.sni),
};

/**
 * A rule as a proxy judges it that does not read HTTP: such a condition makes an ALLOW match nothing, and is left out of
 * others. Source: istio/istio, pilot/pkg/security/authz/model/model.go, checkError.
 */
export function withoutHttp<Rule extends AccessRule | ExternalRule>(rule: Rule): Rule[] {
  const fields = conditionsIn(rule.settings, httpConditions);
  if (fields.length === 0) return [rule];
  if ("action" in rule && rule.action === "ALLOW") return [];
  const kept = Object.entries(rule.settings).filter(([name]) => !fields.some((field) => field === name));
  return [{ ...rule, settings: Object.fromEntries(kept) as Rule["settings"] }];
}

/** Whatever the client's identity. */
export function conditionsHold(conditions: AccessConditions, request: ExplainedRequest): boolean {
  return conditionNames.every((name) => {
    if (name === "headers" || name === "claims") return namedHold(name, conditions, request);
    const judge = judges[name] as Judge<string | number>;
    const anyOf = (values: readonly (string | number)[]) => values.some((value) => judge(value, request));
    const [values, notValues] = [conditions[name], conditions[opposite(name)]];
    return (!values || anyOf(values)) && !(notValues && anyOf(notValues));
  });
}

function namedHold(condition: NamedCondition, conditions: AccessConditions, request: ExplainedRequest): boolean {
  const has = ([name, values]: [string, readonly string[]]) =>
    condition === "headers"
      ? anyMatches(values, request.headers.get(name.toLowerCase()))
      : anyClaimMatches(values, name, request.claims.get(name));
  return (
    Object.entries(conditions[condition] ?? {}).every(has) &&
    !Object.entries(conditions[opposite(condition)] ?? {}).some(has)
  );
}

/** Istio takes these claims for lists. */
function anyClaimMatches(patterns: readonly string[], name: string, value: string | undefined): boolean {
  const isList = name === "scope" || name === "permission";
  return (isList ? (value?.split(" ") ?? []) : [value]).some((one) => anyMatches(patterns, one));
}

/** Source: istio/istio, pilot/pkg/security/authz/model/generator.go, requestPrincipalGenerator. */
function requestPrincipalMatches(pattern: string, claims: ReadonlyMap<string, string>): boolean {
  const [issuer, subject] = [claims.get("iss") ?? "", claims.get("sub") ?? ""];
  if (issuer === "" || subject === "") return false;
  const slash = pattern.lastIndexOf("/");
  if (slash >= 0)
    return valueMatches(pattern.slice(0, slash), issuer) && valueMatches(pattern.slice(slash + 1), subject);
  return pattern.startsWith("*")
    ? valueMatches(pattern, subject)
    : pattern.endsWith("*") && valueMatches(pattern, issuer);
}

export function meetsRequirements({ requirements, issuers }: TokenRules, request: ExplainedRequest): boolean {
  const isAccepted = issuers.some(({ settings }) => settings.issuer === request.claims.get("iss"));
  return requirements.every(
    ({ paths, notPaths, anyOf }) =>
      !conditionsHold({ paths, notPaths }, request) ||
      anyOf.some(
        ({ issuer, requireClaims }) =>
          isAccepted && request.claims.get("iss") === issuer && conditionsHold({ claims: requireClaims }, request),
      ),
  );
}

function stringMatches(
  { exact, prefix, pathPrefix, regex }: StringMatch,
  value: string | undefined,
  anyCase = false,
): boolean {
  if (value === undefined) return false;
  if (regex !== undefined) return re2Matches(regex, value);
  const fold = (text: string) => (anyCase ? text.toLowerCase() : text);
  const found = fold(value);
  if (exact !== undefined) return found === fold(exact);
  if (prefix !== undefined) return found.startsWith(fold(prefix));
  // Else any value matches.
  return pathPrefix === undefined || `${found}/`.startsWith(`${fold(segments(pathPrefix))}/`);
}

function anyMatches(patterns: readonly string[], value: string | undefined): boolean {
  return patterns.some((pattern) => valueMatches(pattern, value));
}

/** With any port, where the value names none (policies/conditions.ts). */
function hostMatches(pattern: string, host: string | undefined): boolean {
  const withoutPort = host?.replace(/:\d+$/, "");
  return valueMatches(pattern, host) || (!/[*:]/.test(pattern) && pattern === withoutPort);
}

export function isInBlock(block: string, address: string | undefined): boolean {
  if (address === undefined || isIP(address) === 0) return false;
  const familyOf = (ip: string) => (isIPv6(ip) ? "ipv6" : "ipv4");
  const list = new BlockList();
  const [network = "", length] = block.split("/");
  if (length === undefined) list.addAddress(network, familyOf(network));
  else list.addSubnet(network, Number(length), familyOf(network));
  return list.check(address, familyOf(address));
}
