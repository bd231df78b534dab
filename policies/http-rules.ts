import { clusterHost, type MeshService, type Subset } from "../components/model/policies/policy-model";
import type { HttpRuleSettings } from "../components/settings/sections/traffic";
import { milliseconds } from "../components/shared/duration";
import { unknown } from "../components/shared/unknown";
import type { HttpFault, HttpMatch, HttpRoute, RouteFilter, RouteRule } from "./api-objects";
import type { RefusedInAmbient } from "./capabilities";
import { routeMatch } from "./http-matches";

type Fields = Required<HttpRuleSettings>;
type Destination = NonNullable<NonNullable<HttpRoute["route"]>[number]["destination"]>;

/** Where the rules are, for the rows that need to know. */
export interface RuleContext {
  readonly service: MeshService;
  /** How a VirtualService reaches a subset: by its name, or at a waypoint by the Service of the version. */
  readonly subsetsBy: "name" | "service";
}

export interface RouteContext {
  readonly service: MeshService;
  /** Whether the HTTPRoute matches paths by regular expressions. */
  readonly byExpression: boolean;
}

/** How a field of an HTTP rule is written in each API, and described by `explain`. */
interface RuleField<Value> {
  readonly virtualService: (value: Value, context: RuleContext) => HttpRoute;
  readonly httpRoute:
    | ((value: Value, context: RouteContext) => RouteRule)
    /** No HTTPRoute has it: refused, with the reason of that capability. */
    | { readonly refused: RefusedInAmbient }
    /** No HTTPRoute has it, for this reason: a waypoint applies a VirtualService instead, a gateway of Gateway API cannot. */
    | { readonly virtualServiceInstead: string };
  /** The capability that a value needs beyond what an HTTPRoute has. */
  readonly refusedValue?: (value: Value, rule: HttpRuleSettings) => RefusedInAmbient | undefined;
  readonly explain?: (value: Value) => string;
}

/** One row for each kind of fault; a kind of the settings without a row does not compile. */
export const faultKinds: {
  readonly [Kind in keyof Fields["fault"]]-?: {
    /** Istio expects the percentage inside the fault, as `{value}`; next to it, the fault would affect every request. */
    readonly virtualService: (fault: NonNullable<Fields["fault"][Kind]>) => HttpFault;
    readonly explain: (fault: NonNullable<Fields["fault"][Kind]>) => string;
  };
} = {
  delay: {
    virtualService: ({ fixedDelay, percentage }) => ({ delay: { fixedDelay, percentage: { value: percentage } } }),
    explain: ({ fixedDelay, percentage }) => `${percentage}% are delayed by ${fixedDelay}`,
  },
  abort: {
    virtualService: ({ percentage, ...status }) => ({ abort: { ...status, percentage: { value: percentage } } }),
    explain: ({ percentage, httpStatus, grpcStatus }) => `${percentage}% fail with ${httpStatus ?? grpcStatus}`,
  },
};

/** One row for each field of a rule; a field of the settings without a row does not compile. */
export const ruleFields: { readonly [Field in keyof Fields]: RuleField<Fields[Field]> } = {
  name: {
    virtualService: (name) => ({ name }),
    httpRoute: (name) => ({ name }),
  },
  match: {
    virtualService: (matches, { service }) => ({ match: matches.map((match) => httpMatch(match, service)) }),
    httpRoute: (matches, { byExpression }) => ({ matches: matches.map((match) => routeMatch(match, byExpression)) }),
  },
  route: {
    virtualService: (weights, context) => ({ route: weightedRoute(weights, context) }),
    httpRoute: (weights, { service }) => ({
      backendRefs: weighted(service, weights).map(([subset, weight]) => ({ ...backend(service, subset), weight })),
    }),
    explain: (weights) => {
      const shares = Object.entries(weights).map(([subset, weight]) => `${subset} ${weight}%`);
      return `it goes to ${shares.join(", ")}`;
    },
  },
  redirect: {
    virtualService: (redirect) => ({ redirect }),
    httpRoute: ({ uri, authority, scheme, port, redirectCode = 301 }) =>
      filter({
        type: "RequestRedirect",
        requestRedirect: {
          // 301 is Istio's default; Gateway API's is 302.
          statusCode: redirectCode as 301 | 302,
          ...(scheme && { scheme }),
          ...(authority !== undefined && { hostname: authority }),
          ...(port !== undefined && { port }),
          ...replacedPath(uri),
        },
      }),
    refusedValue: ({ derivePort, redirectCode = 301 }) =>
      derivePort || (redirectCode !== 301 && redirectCode !== 302) ? "redirectOther" : undefined,
    explain: ({ redirectCode = 301 }) => `it is answered with a redirect (${redirectCode})`,
  },
  directResponse: {
    virtualService: ({ status, body }) => ({
      directResponse: { status, ...(body !== undefined && { body: { string: body } }) },
    }),
    httpRoute: { refused: "directResponse" },
    explain: ({ status }) => `it is answered with ${status}`,
  },
  rewrite: {
    virtualService: (rewrite) => ({ rewrite }),
    httpRoute: ({ uri, authority }) =>
      filter({
        type: "URLRewrite",
        urlRewrite: { ...(authority !== undefined && { hostname: authority }), ...replacedPath(uri) },
      }),
    refusedValue: ({ uri, uriRegexRewrite }, { match = [] }) => {
      const wholePath = match.length > 0 && match.every((one) => one.uri?.exact !== undefined);
      return uriRegexRewrite || (uri !== undefined && !wholePath) ? "rewritePrefix" : undefined;
    },
  },
  timeout: {
    virtualService: (timeout) => ({ timeout }),
    httpRoute: (timeout) => ({ timeouts: { request: gatewayDuration(timeout) } }),
    explain: (timeout) => `with a timeout of ${timeout}`,
  },
  retries: {
    virtualService: (retries) => ({ retries }),
    httpRoute: { refused: "retries" },
  },
  fault: {
    virtualService: ({ delay, abort }) => ({
      fault: {
        ...(delay && faultKinds.delay.virtualService(delay)),
        ...(abort && faultKinds.abort.virtualService(abort)),
      },
    }),
    httpRoute: { virtualServiceInstead: "Gateway API has no faults" },
    explain: ({ delay, abort }) => {
      const kinds = [delay && faultKinds.delay.explain(delay), abort && faultKinds.abort.explain(abort)];
      return `faults: ${kinds.filter(Boolean).join(", ")}`;
    },
  },
  mirror: {
    virtualService: ({ subset, percentage }, context) => ({
      mirrors: [
        { destination: destination(context, subsetOf(context.service, subset)), percentage: { value: percentage } },
      ],
    }),
    httpRoute: ({ subset, percentage }, { service }) =>
      filter({
        type: "RequestMirror",
        requestMirror: { backendRef: backend(service, subsetOf(service, subset)), ...fraction(percentage) },
      }),
    explain: ({ subset, percentage }) => `and ${percentage}% are mirrored to ${subset}`,
  },
  headers: {
    virtualService: (headers) => ({ headers }),
    httpRoute: ({ request, response }) => ({
      filters: [
        ...(request
          ? [{ type: "RequestHeaderModifier" as const, requestHeaderModifier: headerModifier(request) }]
          : []),
        ...(response
          ? [{ type: "ResponseHeaderModifier" as const, responseHeaderModifier: headerModifier(response) }]
          : []),
      ],
    }),
  },
  corsPolicy: {
    virtualService: (corsPolicy) => ({ corsPolicy }),
    httpRoute: { refused: "cors" },
  },
};

/** A field that a rule has: its row, with the rule's value filled in. */
export interface RuleFieldOf {
  readonly field: keyof HttpRuleSettings;
  readonly virtualService: (context: RuleContext) => HttpRoute;
  readonly httpRoute:
    ((context: RouteContext) => RouteRule) | Exclude<RuleField<never>["httpRoute"], (...args: never) => unknown>;
  readonly refusedValue?: RefusedInAmbient;
  readonly explanation?: string;
}

/** The fields of a rule, in the order of the table. */
export function fieldsOf(rule: HttpRuleSettings): RuleFieldOf[] {
  return (Object.keys(ruleFields) as (keyof HttpRuleSettings)[]).flatMap((field) => fieldOf(field, rule));
}

function fieldOf<Field extends keyof Fields>(
  field: Field,
  rule: { readonly [Name in keyof Fields]?: Fields[Name] },
): RuleFieldOf[] {
  const value: Fields[Field] | undefined = rule[field];
  if (value === undefined) return [];
  const { virtualService, httpRoute, refusedValue, explain } = ruleFields[field];
  return [
    {
      field,
      virtualService: (context) => virtualService(value, context),
      httpRoute: typeof httpRoute === "function" ? (context) => httpRoute(value, context) : httpRoute,
      refusedValue: refusedValue?.(value, rule),
      explanation: explain?.(value),
    },
  ];
}

/** Whether no HTTPRoute can express the rules, but a VirtualService at a waypoint can; a host has either, never both. */
export function needsVirtualService(rules: readonly HttpRuleSettings[]): boolean {
  return rules.flatMap(fieldsOf).some(({ httpRoute }) => "virtualServiceInstead" in httpRoute);
}

/** The service itself, or one of its subsets, in a VirtualService. */
export function destination({ service, subsetsBy }: RuleContext, subset?: Subset): Destination {
  const port = { number: service.port };
  if (!subset) return { host: clusterHost(service), port };
  if (subsetsBy === "name") return { host: clusterHost(service), port, subset: subset.name };
  return { host: clusterHost({ ...service, name: versionService(subset) }), port };
}

/** The service itself, or the Service of one of its versions, in an HTTPRoute. */
export function backend(service: MeshService, subset?: Subset): { readonly name: string; readonly port: number } {
  return { name: subset ? versionService(subset) : service.name, port: service.port };
}

/** Weighted subsets in a VirtualService. */
export function weightedRoute(weights: Readonly<Record<string, number>>, context: RuleContext) {
  return weighted(context.service, weights).map(([subset, weight]) => ({
    destination: destination(context, subset),
    weight,
  }));
}

/** In the order of the subsets, so that the order of the weights' keys changes nothing. */
function weighted({ subsets }: MeshService, weights: Readonly<Record<string, number>>): [Subset, number][] {
  const byName = new Map(Object.entries(weights));
  return subsets.flatMap((subset): [Subset, number][] => {
    const weight = byName.get(subset.name);
    return weight === undefined ? [] : [[subset, weight]];
  });
}

/** Validation refuses a subset that does not exist, and one without a Service where routes need it. */
function subsetOf({ subsets }: MeshService, name: string): Subset {
  return subsets.find((subset) => subset.name === name) ?? unknown();
}

function versionService({ service }: Subset): string {
  return service ?? unknown();
}

function httpMatch({ sourceWorkload, ...match }: Fields["match"][number], { namespace }: MeshService): HttpMatch {
  if (sourceWorkload === undefined) return match;
  return { ...match, sourceLabels: { app: sourceWorkload }, sourceNamespace: namespace };
}

function filter(one: RouteFilter): RouteRule {
  return { filters: [one] };
}

function replacedPath(uri: string | undefined) {
  return uri === undefined ? {} : { path: { type: "ReplaceFullPath" as const, replaceFullPath: uri } };
}

function headerModifier({ set, add, remove }: NonNullable<Fields["headers"]["request"]>) {
  const list = (headers: Readonly<Record<string, string>>) =>
    Object.entries(headers).map(([name, value]) => ({ name, value }));
  return { ...(set && { set: list(set) }), ...(add && { add: list(add) }), ...(remove && { remove }) };
}

/** Envoy counts fractions in millionths. */
function fraction(percentage: number): { percent: number } | { fraction: { numerator: number; denominator: number } } {
  if (Number.isInteger(percentage)) return { percent: percentage };
  return { fraction: { numerator: Math.round(percentage * 10_000), denominator: 1_000_000 } };
}

/** Gateway API's durations have no decimal fractions: `1.5h` is `90m`. */
function gatewayDuration(duration: string): string {
  const total = Math.round(milliseconds(duration));
  const units = { h: 3_600_000, m: 60_000, s: 1000 } as const;
  for (const [unit, size] of Object.entries(units)) {
    if (total % size === 0 && total > 0) return `${total / size}${unit}`;
  }
  // A part has at most five digits.
  return total < 100_000 ? `${total}ms` : `${Math.floor(total / 1000)}s${total % 1000}ms`;
}
