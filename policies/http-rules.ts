import type { Names } from "../components/model/names";
import { clusterHost, type MeshService, type Subset } from "../components/model/policies/policy-model";
import type { HttpRuleSettings } from "../components/settings/sections/http-rule";
import { milliseconds } from "../components/shared/duration";
import { throwUnknown } from "../components/shared/unknown";
import type { VersionService } from "../components/shared/workload";
import type { HttpFault, HttpMatch, VirtualServiceRoute, RouteFilter, RouteRule } from "./api-objects";
import type { RefusedInAmbient } from "./capabilities";
import { routeMatch } from "./http-matches";

type Fields = Required<HttpRuleSettings>;
type Destination = NonNullable<NonNullable<VirtualServiceRoute["route"]>[number]["destination"]>;

export interface VirtualServiceContext {
  readonly service: MeshService;
  /** How a VirtualService reaches a subset: by its name, or at a waypoint by the Service of the version. */
  readonly subsetsBy: "name" | "service";
  readonly names: Names;
}

interface HttpRouteContext {
  readonly service: MeshService;
  readonly byExpression: boolean;
}

/**
 * Why a field cannot be written as an HTTPRoute. `refused`: key of a row in policies/capabilities. `virtualServiceInstead`:
 * the reason; a waypoint then gets a VirtualService, a Gateway API gateway refuses the field.
 */
export type Limit = { readonly refused: RefusedInAmbient } | { readonly virtualServiceInstead: string };

interface FieldOutput {
  readonly virtualService: (context: VirtualServiceContext) => VirtualServiceRoute;
  readonly httpRoute: ((context: HttpRouteContext) => RouteRule) | Limit;
  readonly explanation?: string;
}

/** TypeScript rejects this table if a settings field has no row. */
type Rows<Settings extends object, Row> = {
  readonly [Field in keyof Settings]-?: (value: NonNullable<Settings[Field]>, settings: Settings) => Row;
};

/**
 * `percentage` belongs inside `delay` or `abort`; at the level of `fault` it would be ignored and every request affected.
 */
export const faultKinds: Rows<Fields["fault"], { readonly virtualService: HttpFault; readonly explanation: string }> = {
  delay: ({ fixedDelay, percentage }) => ({
    virtualService: { delay: { fixedDelay, percentage: { value: percentage } } },
    explanation: `${percentage}% are delayed by ${fixedDelay}`,
  }),
  abort: ({ percentage, ...status }) => ({
    virtualService: { abort: { ...status, percentage: { value: percentage } } },
    explanation: `${percentage}% fail with ${status.httpStatus ?? status.grpcStatus}`,
  }),
};

const ruleFields: Rows<HttpRuleSettings, FieldOutput> = {
  name: (name) => ({ virtualService: () => ({ name }), httpRoute: () => ({ name }) }),
  match: (matches) => ({
    virtualService: (context) => ({ match: matches.map((match) => httpMatch(match, context)) }),
    httpRoute: ({ byExpression }) => ({ matches: matches.map((match) => routeMatch(match, byExpression)) }),
  }),
  route: (weights) => ({
    virtualService: (context) => ({ route: weightedRoute(weights, context) }),
    httpRoute: ({ service }) => ({
      backendRefs: weighted(service, weights).map(([subset, weight]) => ({ ...backend(service, subset), weight })),
    }),
    explanation: `it goes to ${Object.entries(weights)
      .map(([subset, weight]) => `${subset} ${weight}%`)
      .join(", ")}`,
  }),
  redirect: (redirect) => {
    // 301 is Istio's default; Gateway API's is 302.
    const { uri, authority, scheme, port, derivePort, redirectCode: statusCode = 301 } = redirect;
    const address = { ...(scheme && { scheme }), ...hostname(authority), ...(port !== undefined && { port }) };
    return {
      virtualService: () => ({ redirect }),
      httpRoute:
        derivePort || (statusCode !== 301 && statusCode !== 302)
          ? { refused: "redirectOther" }
          : () => filter({ type: "RequestRedirect", requestRedirect: { statusCode, ...address, ...wholePath(uri) } }),
      explanation: `it is answered with a redirect (${statusCode})`,
    };
  },
  directResponse: ({ status, body }) => ({
    virtualService: () => ({ directResponse: { status, ...(body !== undefined && { body: { string: body } }) } }),
    httpRoute: { refused: "directResponse" },
    explanation: `it is answered with ${status}`,
  }),
  rewrite: (rewrite, { match = [] }) => {
    const { uri, authority, uriRegexRewrite } = rewrite;
    const matchesWholePath = match.length > 0 && match.every((one) => one.uri?.exact !== undefined);
    return {
      virtualService: () => ({ rewrite }),
      httpRoute:
        uriRegexRewrite || (uri !== undefined && !matchesWholePath)
          ? { refused: "rewritePrefix" }
          : () => filter({ type: "URLRewrite", urlRewrite: { ...hostname(authority), ...wholePath(uri) } }),
    };
  },
  timeout: (timeout) => ({
    virtualService: () => ({ timeout }),
    httpRoute: () => ({ timeouts: { request: gatewayDuration(timeout) } }),
    explanation: `with a timeout of ${timeout}`,
  }),
  retries: (retries) => ({ virtualService: () => ({ retries }), httpRoute: { refused: "retries" } }),
  fault: (faults) => {
    const kinds = rowsOf(faultKinds, faults);
    return {
      virtualService: () => ({ fault: merged(kinds.map(({ virtualService }) => virtualService)) }),
      httpRoute: { virtualServiceInstead: "Gateway API has no faults" },
      explanation: `faults: ${kinds.map(({ explanation }) => explanation).join(", ")}`,
    };
  },
  mirror: ({ subset, percentage }) => ({
    virtualService: (context) => {
      const mirrored = destination(context, subsetOf(context.service, subset));
      return { mirrors: [{ destination: mirrored, percentage: { value: percentage } }] };
    },
    httpRoute: ({ service }) => {
      const backendRef = backend(service, subsetOf(service, subset));
      return filter({ type: "RequestMirror", requestMirror: { backendRef, ...fraction(percentage) } });
    },
    explanation: `and ${percentage}% are mirrored to ${subset}`,
  }),
  headers: (headers) => ({
    virtualService: () => ({ headers }),
    httpRoute: () => {
      const [request, response] = [headerModifier(headers.request), headerModifier(headers.response)];
      return filter(
        ...(request ? [{ type: "RequestHeaderModifier" as const, requestHeaderModifier: request }] : []),
        ...(response ? [{ type: "ResponseHeaderModifier" as const, responseHeaderModifier: response }] : []),
      );
    },
  }),
  corsPolicy: (corsPolicy) => ({ virtualService: () => ({ corsPolicy }), httpRoute: { refused: "cors" } }),
};

/** The fields that a rule has, in the order of the table. */
export function fieldsOf(rule: HttpRuleSettings): (FieldOutput & { readonly field: keyof HttpRuleSettings })[] {
  return rowsOf(ruleFields, rule);
}

function rowsOf<Settings extends object, Row extends object>(
  rows: Rows<Settings, Row>,
  settings: Settings,
): (Row & { readonly field: keyof Settings })[] {
  return (Object.keys(rows) as (keyof Settings)[]).flatMap((field) => {
    const value = settings[field];
    return value === undefined || value === null ? [] : [{ field, ...rows[field](value, settings) }];
  });
}

export function merged<Part extends object>(parts: readonly Part[]): Part {
  return parts.reduce((before, part) => ({ ...before, ...part }), {} as Part);
}

/** Whether no HTTPRoute can express the rules, but a VirtualService at a waypoint can; a host has either, never both. */
export function needsVirtualService(rules: readonly HttpRuleSettings[]): boolean {
  return rules.flatMap(fieldsOf).some(({ httpRoute }) => "virtualServiceInstead" in httpRoute);
}

/** The service itself, or one of its subsets, in a VirtualService. */
export function destination(
  { service, subsetsBy }: Pick<VirtualServiceContext, "service" | "subsetsBy">,
  subset?: Subset,
): Destination {
  const port = { number: service.port };
  const host = service.host ?? clusterHost(service);
  if (!subset) return { host, port };
  if (subsetsBy === "name") return { host, port, subset: subset.name };
  const { name, port: number } = backend(service, subset);
  return { host: clusterHost({ ...service, name }), port: { number } };
}

/** The service itself, or the Service of one of its versions, in an HTTPRoute. */
export function backend(service: MeshService, subset?: Subset): { readonly name: string; readonly port: number } {
  const { name, port = service.port } = subset ? versionService(subset) : { name: service.name };
  return { name, port };
}

export function weightedRoute(weights: Readonly<Record<string, number>>, context: VirtualServiceContext) {
  const subsets = weighted(context.service, weights);
  return subsets.map(([subset, weight]) => ({ destination: destination(context, subset), weight }));
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
  return subsets.find((subset) => subset.name === name) ?? throwUnknown();
}

function versionService({ service }: Subset): VersionService {
  return service ?? throwUnknown();
}

function httpMatch(
  { sourceWorkload, ...match }: Fields["match"][number],
  { service: { namespace }, names }: VirtualServiceContext,
): HttpMatch {
  if (sourceWorkload === undefined) return match;
  const { labels } = names.workload(sourceWorkload, namespace);
  return { ...match, sourceLabels: { ...labels }, sourceNamespace: namespace };
}

function filter(...filters: readonly RouteFilter[]): RouteRule {
  return { filters: [...filters] };
}

function hostname(authority: string | undefined) {
  return authority === undefined ? {} : { hostname: authority };
}

function wholePath(uri: string | undefined) {
  return uri === undefined ? {} : { path: { type: "ReplaceFullPath" as const, replaceFullPath: uri } };
}

function headerModifier(operations: NonNullable<Fields["headers"]>["request"]) {
  if (!operations) return undefined;
  const { set, add, remove } = operations;
  const values = (headers: Readonly<Record<string, string>>) =>
    Object.entries(headers).map(([name, value]) => ({ name, value }));
  return { ...(set && { set: values(set) }), ...(add && { add: values(add) }), ...(remove && { remove }) };
}

/** Envoy counts fractions in millionths. */
function fraction(percentage: number): { percent: number } | { fraction: { numerator: number; denominator: number } } {
  if (Number.isInteger(percentage)) return { percent: percentage };
  return { fraction: { numerator: Math.round(percentage * 10_000), denominator: 1_000_000 } };
}

/** Gateway API's durations have no decimal fractions: `1.5h` is `90m`. */
function gatewayDuration(duration: string): string {
  const total = Math.round(milliseconds(duration));
  const units = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 } as const;
  // A part has at most five digits.
  const single = Object.entries(units).find(([, size]) => total % size === 0 && total / size < 100_000);
  if (single) return `${total / single[1]}${single[0]}`;
  let rest = total;
  const parts = Object.entries(units).map(([unit, size]) => {
    const amount = Math.floor(rest / size);
    rest -= amount * size;
    return amount > 0 ? `${amount}${unit}` : "";
  });
  return parts.join("");
}
