import type { HttpRuleSettings } from "../../components/settings/sections/traffic";
import { milliseconds } from "../../components/shared/duration";
import type { KubernetesObject } from "../../components/shared/kubernetes/object";
import type { MeshService } from "../resolve/resolved";
import { matchesByExpression, routeMatch, type RouteRule, type RouteSpec } from "./matches";
import { versionService } from "./version-services";

type Filter = NonNullable<RouteRule["filters"]>[number];
type HeaderOperations = NonNullable<NonNullable<HttpRuleSettings["headers"]>["request"]>;

/** Rules that only a VirtualService can say; at a waypoint it stands in place of a HTTPRoute, never beside one. */
export function needsVirtualService({ meshRules }: MeshService): boolean {
  return meshRules.some(({ fault }) => fault !== undefined);
}

/**
 * The rules for callers in the mesh as one HTTPRoute of the Service, which its waypoint applies.
 *
 * https://gateway-api.sigs.k8s.io/reference/spec/#httproute
 */
export function httpRoute(service: MeshService): KubernetesObject<RouteSpec> {
  return routeObject(service, {
    name: service.name,
    parentRefs: [{ group: "", kind: "Service", name: service.name, port: service.port }],
    rules: service.meshRules,
  });
}

interface RouteArgs extends Pick<RouteSpec, "parentRefs" | "hostnames"> {
  readonly name: string;
  readonly rules: readonly HttpRuleSettings[];
}

/** A HTTPRoute to a service: its rules, and `more` that the settings do not have. */
export function routeObject(
  service: MeshService,
  { name, rules, ...where }: RouteArgs,
  more: readonly RouteRule[] = [],
): KubernetesObject<RouteSpec> {
  const byExpression = matchesByExpression(rules);
  return {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata: { name, namespace: service.namespace, labels: { "app.kubernetes.io/managed-by": "talos-mesh" } },
    spec: { ...where, rules: [...rules.map((rule) => routeRule(rule, service, byExpression)), ...more] },
  };
}

function routeRule(rule: HttpRuleSettings, service: MeshService, byExpression: boolean): RouteRule {
  const { name, match = byExpression ? [{}] : undefined, timeout } = rule;
  const matches = match?.map((one) => routeMatch(one, byExpression));
  const given = filters(rule, service);
  return {
    ...(name !== undefined && { name }),
    ...(matches && { matches }),
    ...(given.length > 0 && { filters: given }),
    ...(timeout !== undefined && { timeouts: { request: gatewayDuration(timeout) } }),
    ...(!rule.redirect && { backendRefs: backends(rule, service) }),
  };
}

function backends({ route }: HttpRuleSettings, service: MeshService): RouteRule["backendRefs"] {
  const { port } = service;
  if (!route) return [{ name: service.name, port }];
  return service.subsets.flatMap((subset) => {
    const weight = route[subset.name];
    return weight === undefined ? [] : [{ name: backendOf(service, subset.name), port, weight }];
  });
}

/** The Service of a subset, which the checks of this data plane have made sure of. */
export function backendOf(service: MeshService, name: string): string {
  const subset = service.subsets.find((one) => one.name === name);
  const backend = subset && versionService(service, subset);
  if (backend === undefined) throw new Error(`no Service for subset ${name} of ${service.name}`);
  return backend;
}

function filters({ redirect, rewrite, mirror, headers }: HttpRuleSettings, service: MeshService): Filter[] {
  const found: Filter[] = [];
  if (headers?.request) found.push({ type: "RequestHeaderModifier", requestHeaderModifier: modifier(headers.request) });
  if (headers?.response) {
    found.push({ type: "ResponseHeaderModifier", responseHeaderModifier: modifier(headers.response) });
  }
  if (mirror) {
    const backendRef = { name: backendOf(service, mirror.subset), port: service.port };
    found.push({ type: "RequestMirror", requestMirror: { backendRef, ...share(mirror.percentage) } });
  }
  if (redirect) {
    const { uri, authority, scheme, port, redirectCode = 301 } = redirect;
    found.push({
      type: "RequestRedirect",
      requestRedirect: {
        // Istio's own default, not Gateway API's 302.
        statusCode: redirectCode as 301 | 302,
        ...(scheme && { scheme }),
        ...(authority !== undefined && { hostname: authority }),
        ...(port !== undefined && { port }),
        ...(uri !== undefined && { path: { type: "ReplaceFullPath", replaceFullPath: uri } }),
      },
    });
  }
  if (rewrite) {
    const { uri, authority } = rewrite;
    found.push({
      type: "URLRewrite",
      urlRewrite: {
        ...(authority !== undefined && { hostname: authority }),
        ...(uri !== undefined && { path: { type: "ReplaceFullPath", replaceFullPath: uri } }),
      },
    });
  }
  return found;
}

function modifier({ set, add, remove }: HeaderOperations) {
  const list = (values: Readonly<Record<string, string>>) =>
    Object.entries(values).map(([name, value]) => ({ name, value }));
  return { ...(set && { set: list(set) }), ...(add && { add: list(add) }), ...(remove && { remove }) };
}

/** Envoy counts shares in millionths. */
function share(percentage: number): { percent: number } | { fraction: { numerator: number; denominator: number } } {
  if (Number.isInteger(percentage)) return { percent: percentage };
  return { fraction: { numerator: Math.round(percentage * 10_000), denominator: 1_000_000 } };
}

/** Gateway API's durations have no fractions: `1.5h` is `90m`. */
function gatewayDuration(duration: string): string {
  const total = Math.round(milliseconds(duration));
  const units = { h: 3_600_000, m: 60_000, s: 1000 } as const;
  for (const [unit, size] of Object.entries(units))
    if (total % size === 0 && total > 0) return `${total / size}${unit}`;
  // At most five digits a part.
  return total < 100_000 ? `${total}ms` : `${Math.floor(total / 1000)}s${total % 1000}ms`;
}
