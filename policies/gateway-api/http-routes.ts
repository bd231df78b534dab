import { type HttpPort, httpPorts, tlsServerOf } from "../../components/model/gateways";
import { listenerName, policyName } from "../../components/model/object-names";
import { type GatewayRoute, gatewayRoutes } from "../../components/model/policies/gateway-routes";
import { type EgressEntrance, egressEntrances } from "../../components/model/policies/egress-entrances";
import { externalTarget, RouteTargets } from "../../components/model/policies/route-targets";
import {
  gatewayObject,
  isIstioGateway,
  type MeshService,
  type PolicyModel,
} from "../../components/model/policies/policy-model";
import type { HttpRuleSettings } from "../../components/settings/sections/http-rule";
import type { KubernetesObject } from "../../components/shared/kubernetes/object";
import { throwUnknown } from "../../components/shared/unknown";
import { isHttp } from "../../components/shared/workload";
import { type Place, policyObject, type RouteFilter, type RouteRule, type RouteSpec } from "../api-objects";
import { egressTlsRoute, passthroughRoutes, tcpRoutes } from "./connection-routes";
import { matchesByExpression } from "../http-matches";
import { backend, type RouteContext } from "../destinations";
import { fieldsOf, merged, needsVirtualService } from "../http-rules";
import { referenceGrants } from "./reference-grants";

/**
 * Routes: for each service with a waypoint, which applies the rules for clients in the mesh; for each gateway of kind
 * gateway-api that exposes it; and from such an egress gateway to hosts outside the mesh. Versions are Services
 * (`reviews-v1`).
 *
 * https://gateway-api.sigs.k8s.io/reference/spec/#httproute
 */
export function routes(model: PolicyModel): KubernetesObject[] {
  const targets = new RouteTargets(model);
  const { services, gatewayApi } = model;
  const entrances = egressEntrances(model).filter(({ service }) => !isIstioGateway(service.gateway));
  const all = [
    ...services.flatMap((service) => waypointRoute({ service, targets, gatewayApi })),
    ...gatewayRoutes(services)
      .filter(({ gateway }) => !isIstioGateway(gateway))
      .flatMap((route) => [...gatewayHttpRoutes(route, targets, gatewayApi), ...passthroughRoutes(route, targets)]),
    ...services.flatMap((service) => tcpRoutes(service, targets)),
    ...entrances.filter(({ port }) => isHttp(port)).map((one) => egressHttpRoute(one, targets, gatewayApi)),
    ...entrances.filter(({ port }) => !isHttp(port)).map((one) => egressTlsRoute(one, targets)),
  ];
  return [...all, ...referenceGrants(all)];
}

interface HttpRouteContext extends RouteContext {
  readonly gatewayApi: string;
}

function waypointRoute(context: HttpRouteContext & { readonly service: MeshService }): KubernetesObject<RouteSpec>[] {
  const { service, gatewayApi } = context;
  const { name, waypoint, meshRules } = service;
  if (!waypoint || meshRules.length === 0 || needsVirtualService(meshRules, gatewayApi)) return [];
  return meshPorts(service).map((port, index) => {
    const parentRefs = [{ group: "", kind: "Service", name, port }];
    const place = { name: index === 0 ? name : policyName(name, String(port)), from: service.meshPath };
    const rules = routeRules(meshRules.map((rule) => ({ rule, context: { ...context, port } })));
    return routeObject({ namespace: service.namespace, ...place }, { parentRefs, rules });
  });
}

/** A backend has a port, so that rules for several ports are a route for each. */
function meshPorts({ meshPort, ports }: MeshService): number[] {
  if (meshPort !== undefined) return [meshPort];
  const http = ports.filter(isHttp);
  return (http.length > 0 ? http : ports).map(({ port }) => port);
}

/** Attached to the listeners of its hosts by name, so that a listener for a wildcard takes none of its requests. */
function gatewayHttpRoutes(
  { name, namespace, path: from, gateway, hosts, parts }: GatewayRoute,
  targets: RouteTargets,
  gatewayApi: string,
): KubernetesObject<RouteSpec>[] {
  const place = { namespace, name, from };
  const parent = gatewayObject(gateway);
  const attachedTo = (ports: readonly HttpPort[]) => ({
    parentRefs: ports.flatMap((port) =>
      hosts
        .filter((host) => !port.encrypted || tlsServerOf(gateway.tls ?? { servers: [] }, host)?.mode !== "PASSTHROUGH")
        .map((host) => ({ ...parent, sectionName: listenerName(port.name, host) })),
    ),
    // "*" is no hostname of an HTTPRoute; without hostnames, those of the listeners apply.
    ...(!hosts.includes("*") && { hostnames: [...hosts] }),
  });
  const decrypted = parts.filter(({ exposure }) => !exposure.tls);
  const rules = decrypted.flatMap(({ service, exposure: { port, rules: ofPart } }) =>
    ofPart.map((rule) => ({ rule, context: { service, targets, gatewayApi, namespace, port } })),
  );
  const routed = { rules: routeRules(rules) };
  const { foreign } = gateway;
  if (foreign) {
    if (decrypted.length === 0) return [];
    const parentRefs = foreign.listeners?.map((sectionName) => ({ ...parent, sectionName })) ?? [parent];
    return [routeObject(place, { ...attachedTo([]), parentRefs, ...routed })];
  }
  const ports = httpPorts(gateway);
  const serving = ports.filter(({ redirects }) => !redirects);
  const own = decrypted.length > 0 ? [routeObject(place, { ...attachedTo(serving), ...routed })] : [];
  const redirecting = ports.filter(({ redirects }) => redirects);
  if (redirecting.length === 0) return own;
  const redirect = { ...attachedTo(redirecting), rules: [httpsRedirect(gateway.tls?.outsidePort)] };
  // `.https` is the redirect to HTTPS, on the listener for HTTP.
  return [...own, routeObject({ ...place, name: policyName(name, "https") }, redirect)];
}

/** @param port where clients reach HTTPS: with a NodePort, not the port of the gateway */
function httpsRedirect(port = 443): RouteRule {
  const requestRedirect = { scheme: "https" as const, statusCode: 301 as const, ...(port !== 443 && { port }) };
  return { filters: [{ type: "RequestRedirect", requestRedirect }] };
}

function routeObject(place: Place, spec: RouteSpec): KubernetesObject<RouteSpec> {
  return policyObject("gateway.networking.k8s.io/v1", "HTTPRoute", place, spec);
}

/** From the gateway to the host. It is in the gateway's namespace, which owners of workloads do not write to. */
function egressHttpRoute(
  { service, host, port, listener }: EgressEntrance,
  targets: RouteTargets,
  gatewayApi: string,
): KubernetesObject<RouteSpec> {
  const { gateway, path: from, settings } = service;
  const { namespace } = gateway;
  const context = { service: externalTarget(service, host), targets, gatewayApi, namespace, port: port.number };
  const rules = settings.http.length > 0 ? settings.http : [{}];
  return routeObject(
    { namespace, name: listener, from },
    {
      parentRefs: [{ ...gatewayObject(gateway), sectionName: listener }],
      hostnames: [host],
      rules: routeRules(rules.map((rule) => ({ rule, context }))),
    },
  );
}

const filterOrder: readonly RouteFilter["type"][] = [
  "CORS",
  "RequestHeaderModifier",
  "ResponseHeaderModifier",
  "RequestMirror",
  "RequestRedirect",
  "URLRewrite",
];

/** A rule without route or redirect routes to the service itself. */
function routeRules(
  rules: readonly { readonly rule: HttpRuleSettings; readonly context: HttpRouteContext }[],
): RouteRule[] {
  const byExpression = matchesByExpression(rules.map(({ rule }) => rule));
  return rules.map(({ rule, context }) => {
    // A rule without match needs an empty one: "every path" must be a regular expression where another path is one.
    const fields = fieldsOf(
      { ...rule, match: rule.match ?? (byExpression ? [{}] : undefined) },
      context.gatewayApi,
    ).map(
      // Validation refuses a field that an HTTPRoute does not have.
      ({ httpRoute: write }) => (typeof write === "function" ? write({ ...context, byExpression }) : throwUnknown()),
    );
    const filters = fields
      .flatMap((one) => one.filters ?? [])
      .sort((a, b) => filterOrder.indexOf(a.type) - filterOrder.indexOf(b.type));
    const { name, matches, timeouts, backendRefs = [backend(context)] } = merged(fields);
    return {
      ...(name !== undefined && { name }),
      ...(matches && { matches }),
      ...(filters.length > 0 && { filters }),
      ...(timeouts && { timeouts }),
      ...(!rule.redirect && { backendRefs }),
    };
  });
}
