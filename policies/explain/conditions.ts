import type { Match, StringMatch } from "../../components/validation/rules/matches";
import type { AccessConditions, AccessRule, Caller, TokenRules } from "../resolve/resolved";

/** A request as rules see it. */
export interface ExplainedRequest {
  readonly method: string;
  readonly path: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly queryParams: Readonly<Record<string, string>>;
  /** The identity that the caller's certificate proves; without it, plain text. */
  readonly caller?: Caller;
  /** The caller's address; without it, no rule by address matches. */
  readonly address?: string;
  readonly port: number;
  /** What a valid token says; `iss` is its issuer. */
  readonly claims?: Readonly<Record<string, string>>;
}

/** RE2 as JavaScript reads it; flags stand in front. */
function wholeMatch(regex: string, text: string): boolean {
  const [, flags = "", rest = regex] = /^\(\?([ims]+)\)(.*)$/s.exec(regex) ?? [];
  return new RegExp(`^(?:${rest.replace(/\(\?P</g, "(?<")})$`, flags).test(text);
}

function stringMatches({ exact, prefix, regex }: StringMatch, text: string | undefined): boolean {
  if (text === undefined) return false;
  if (exact !== undefined) return text === exact;
  return prefix === undefined ? wholeMatch(regex ?? "", text) : text.startsWith(prefix);
}

/** Whether a match of a route takes a request. */
export function matches(match: Match, request: ExplainedRequest): boolean {
  const { uri, method, headers = {}, queryParams = {}, sourceWorkload } = match;
  return (
    (!uri || stringMatches(uri, request.path)) &&
    (!method || stringMatches(method, request.method)) &&
    Object.entries(headers).every(([name, value]) => stringMatches(value, request.headers[name.toLowerCase()])) &&
    Object.entries(queryParams).every(([name, value]) => stringMatches(value, request.queryParams[name])) &&
    (sourceWorkload === undefined || request.caller?.name === sourceWorkload)
  );
}

/** A value of an AuthorizationPolicy: exact, `prefix*`, `*suffix`, or `*` for any that is there. */
function valueMatches(pattern: string, text: string | undefined): boolean {
  if (text === undefined) return false;
  if (pattern === "*") return text !== "";
  if (pattern.endsWith("*")) return text.startsWith(pattern.slice(0, -1));
  return pattern.startsWith("*") ? text.endsWith(pattern.slice(1)) : text === pattern;
}

/** As `valueMatches`, or a template: `{*}` is one segment, `{**}` any number of them. */
function pathMatches(pattern: string, path: string): boolean {
  if (!/\{\*{1,2}\}/.test(pattern)) return valueMatches(pattern, path);
  const regex = pattern
    .split(/(\{\*{1,2}\})/)
    .map((part) => (part === "{**}" ? ".*" : part === "{*}" ? "[^/]+" : part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")))
    .join("");
  return new RegExp(`^${regex}$`).test(path);
}

function bits(address: string): bigint | undefined {
  const parts = address.split(".").map(Number);
  if (parts.length !== 4 || parts.some((part) => !(part >= 0 && part <= 255))) return undefined;
  return parts.reduce((sum, part) => sum * 256n + BigInt(part), 0n);
}

/** Whether an IPv4 address is in a block; an IPv6 address only where it is named itself. */
function inBlock(block: string, address: string): boolean {
  const [network = "", length = "32"] = block.split("/");
  const [a, b] = [bits(network), bits(address)];
  if (a === undefined || b === undefined) return network === address;
  const shift = BigInt(32 - Number(length));
  return a >> shift === b >> shift;
}

/** Whether all conditions of a rule hold for a request, apart from who asks. */
export function conditionsHold(conditions: AccessConditions, request: ExplainedRequest): boolean {
  const { methods, paths, ports, headers = {}, claims = {}, ipBlocks } = conditions;
  const { address } = request;
  return (
    (!methods || methods.some((method) => valueMatches(method, request.method))) &&
    (!paths || paths.some((path) => pathMatches(path, request.path))) &&
    (!ports || ports.includes(request.port)) &&
    Object.entries(headers).every(([name, values]) =>
      values.some((value) => valueMatches(value, request.headers[name.toLowerCase()])),
    ) &&
    Object.entries(claims).every(([name, values]) =>
      values.some((value) => valueMatches(value, request.claims?.[name])),
    ) &&
    (!ipBlocks || (address !== undefined && ipBlocks.some((block) => inBlock(block, address))))
  );
}

/** Whether a rule takes a request. */
export function ruleHolds({ callers, namespaces, conditions }: AccessRule, request: ExplainedRequest): boolean {
  const { caller } = request;
  const named = callers?.some(
    ({ namespace, serviceAccount }) => caller?.namespace === namespace && caller.serviceAccount === serviceAccount,
  );
  const inNamespace = caller && namespaces?.includes(caller.namespace);
  const anybody = !callers && !namespaces;
  return (anybody || named === true || inNamespace === true) && conditionsHold(conditions, request);
}

/** The paths of the first requirement that a request's token does not meet, or nothing where it meets all. */
export function missedRequirement({ requirements }: TokenRules, request: ExplainedRequest) {
  return requirements.find(
    ({ paths, anyOf }) =>
      (!paths || paths.some((path) => pathMatches(path, request.path))) &&
      !anyOf.some(
        ({ issuer, requireClaims = {} }) =>
          request.claims?.iss === issuer &&
          Object.entries(requireClaims).every(([name, values]) =>
            values.some((value) => valueMatches(value, request.claims?.[name])),
          ),
      ),
  );
}
