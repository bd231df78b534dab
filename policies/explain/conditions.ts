import { BlockList, isIP, isIPv6 } from "node:net";
import { type Match, segments, type StringMatch } from "../../components/model/matches";
import type { AccessConditions, AccessRule, TokenRules } from "../../components/model/policies/policy-model";
import { own } from "../../components/shared/own";
import { escaped, re2Matches } from "../../components/shared/re2";
import type { ExplainedRequest } from "./request";

export function matches(match: Match, request: ExplainedRequest): boolean {
  const { uri, ignoreUriCase = false, method, scheme, authority, headers = {}, withoutHeaders = {} } = match;
  const { queryParams = {}, port, sourceWorkload, sourceNamespace, sourceLabels } = match;
  const header = (name: string) => request.headers.get(name.toLowerCase());
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

export function ruleMatches({ callers, settings }: AccessRule, request: ExplainedRequest): boolean {
  const { caller } = request;
  const isNamed = callers?.some(
    ({ namespace, serviceAccount }) => caller?.namespace === namespace && caller.serviceAccount === serviceAccount,
  );
  const isInNamespace = caller && settings.fromNamespaces?.includes(caller.namespace);
  const anyClient = !callers && !settings.fromNamespaces;
  return (anyClient || isNamed === true || isInNamespace === true) && conditionsHold(settings, request);
}

/** Whatever the client. */
export function conditionsHold(conditions: AccessConditions, request: ExplainedRequest): boolean {
  const { methods, paths, ports, headers = {}, claims = {}, ipBlocks } = conditions;
  const { address } = request;
  return (
    (!methods || methods.some((method) => valueMatches(method, request.method))) &&
    (!paths || paths.some((path) => pathMatches(path, request.path))) &&
    (!ports || ports.includes(request.port)) &&
    Object.entries(headers).every(([name, values]) => anyMatches(values, request.headers.get(name.toLowerCase()))) &&
    Object.entries(claims).every(([name, values]) => anyMatches(values, request.claims.get(name))) &&
    (!ipBlocks || (address !== undefined && isInBlocks(ipBlocks, address)))
  );
}

export function meetsRequirements({ requirements }: TokenRules, request: ExplainedRequest): boolean {
  return requirements.every(
    ({ paths, anyOf }) =>
      paths?.every((path) => !pathMatches(path, request.path)) ||
      anyOf.some(
        ({ issuer, requireClaims = {} }) =>
          request.claims.get("iss") === issuer &&
          Object.entries(requireClaims).every(([name, values]) => anyMatches(values, request.claims.get(name))),
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

/** A value of an AuthorizationPolicy: exact, `prefix*`, `*suffix`, or `*` for any but an empty one. */
function valueMatches(pattern: string, value: string | undefined): boolean {
  if (value === undefined) return false;
  if (pattern === "*") return value !== "";
  if (pattern.endsWith("*")) return value.startsWith(pattern.slice(0, -1));
  return pattern.startsWith("*") ? value.endsWith(pattern.slice(1)) : value === pattern;
}

/** A value, or a template: `{*}` is one segment, `{**}` any number of segments. */
function pathMatches(pattern: string, path: string): boolean {
  if (!/\{\*{1,2}\}/.test(pattern)) return valueMatches(pattern, path);
  const parts = pattern.split(/(\{\*{1,2}\})/);
  const regex = parts.map((part) => (part === "{**}" ? ".*" : part === "{*}" ? "[^/]+" : escaped(part)));
  return re2Matches(regex.join(""), path);
}

function isInBlocks(blocks: readonly string[], address: string): boolean {
  if (isIP(address) === 0) return false;
  const familyOf = (ip: string) => (isIPv6(ip) ? "ipv6" : "ipv4");
  const list = new BlockList();
  for (const block of blocks) {
    const [network = "", length] = block.split("/");
    if (length === undefined) list.addAddress(network, familyOf(network));
    else list.addSubnet(network, Number(length), familyOf(network));
  }
  return list.check(address, familyOf(address));
}
