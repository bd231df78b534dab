import { workloadKey } from "../components/model/names";
import {
  clusterHost,
  type Exposure,
  type MeshService,
  type RouteTarget,
  type Subset,
} from "../components/model/policies/policy-model";
import type { RouteTargets } from "../components/model/policies/route-targets";
import type { DestinationSettings, HttpRuleSettings, MirrorSettings } from "../components/settings/sections/http-rule";
import { throwUnknown } from "../components/shared/unknown";
import { type GatewayWorkload, isHttp, onlyPort, type ServicePort } from "../components/shared/workload";
import type { RouteRule, VirtualServiceRoute } from "./api-objects";

/** Where rules send requests: services and their versions, in Istio's API and in Gateway API. */

export interface RouteContext {
  readonly service: RouteTarget;
  readonly targets: RouteTargets;
  /** Namespace of the object with the route. @default that of the service */
  readonly namespace?: string;
  /** The port of the service. @default the one that the client calls, which a proxy keeps where no port is named */
  readonly port?: number | undefined;
  /** The ports of another service that may be meant. @default those that serve HTTP */
  readonly isMeant?: (port: ServicePort) => boolean;
}

export interface VirtualServiceContext extends RouteContext {
  /** How a VirtualService reaches a subset: by its name, or at a waypoint by the Service of the version. */
  readonly subsetsBy: "name" | "service";
}

interface Destination extends Pick<DestinationSettings, "weight" | "headers"> {
  readonly target: RouteTarget;
  readonly subset?: Subset;
  readonly port?: number;
}

type IstioDestination = NonNullable<NonNullable<VirtualServiceRoute["route"]>[number]["destination"]>;
type BackendRef = NonNullable<RouteRule["backendRefs"]>[number];
export type NamedDestination = Pick<MirrorSettings, "host" | "namespace" | "subset" | "port">;

/** The list of a route, in which weights of subsets have the order of the subsets, whatever that of their keys. */
export function routeEntries(
  route: NonNullable<HttpRuleSettings["route"]>,
  { subsets }: Pick<RouteTarget, "subsets">,
): readonly DestinationSettings[] {
  if (Array.isArray(route)) return route;
  const byName = new Map(Object.entries(route));
  return subsets.flatMap(({ name: subset }) => {
    const weight = byName.get(subset);
    return weight === undefined ? [] : [{ subset, weight }];
  });
}

/** Every service and version that a rule names. */
export function destinationsIn(
  { route = [], mirror, mirrors = [] }: HttpRuleSettings,
  service: Pick<RouteTarget, "subsets">,
): readonly NamedDestination[] {
  return [...routeEntries(route, service), ...(mirror ? [mirror] : []), ...mirrors];
}

/** Validation refuses a subset that does not exist, and one without a Service where routes need it. */
function resolved(
  { service, targets, port: ofService, isMeant = isHttp }: RouteContext,
  named: NamedDestination,
): Destination {
  const target = targets.find(service, named) ?? throwUnknown();
  const subset = target.subsets.find(({ name }) => name === named.subset);
  if (named.subset !== undefined && !subset) return throwUnknown();
  const port = named.port ?? defaultPort({ service, port: ofService, isMeant }, target);
  return { target, ...(port !== undefined && { port }), ...(subset && { subset }) };
}

/**
 * A Service with one port is always called at it. Without a port, Istio calls the one of several that the client called.
 * Source: istio/istio, pilot/pkg/networking/core/route/route.go, GetDestinationCluster.
 */
function defaultPort(
  { service, port, isMeant }: Pick<RouteContext, "service" | "port"> & Required<Pick<RouteContext, "isMeant">>,
  target: RouteTarget,
) {
  if (target.ports.length === 1) return target.ports[0]?.port;
  return isSame(target, service) ? port : onlyPort(target.ports, isMeant);
}

function isSame(a: RouteTarget, b: RouteTarget): boolean {
  return a.host === b.host && workloadKey(a) === workloadKey(b);
}

/** A port of a service of the cluster to which a gateway sends requests. */
export interface GatewayDestination {
  readonly gateway: GatewayWorkload;
  readonly target: RouteTarget;
  readonly subset?: Subset | undefined;
  readonly port: ServicePort;
}

/** Where a gateway sends the requests that it reads. */
export function gatewayDestinations(
  service: MeshService,
  { gateway, rules, tcp, tls, port: ofExposure }: Exposure,
  targets: RouteTargets,
): GatewayDestination[] {
  if (tls || tcp.length > 0) return [];
  const context = { service, targets, port: ofExposure };
  const named = rules.flatMap((rule) => {
    const isAnswered = rule.route ?? rule.redirect ?? rule.directResponse;
    return [...(isAnswered ? [] : [{}]), ...destinationsIn(rule, service)];
  });
  return named.flatMap((one) => {
    const { target, subset, port: number } = resolved(context, one);
    const port = target.host === undefined && target.ports.find((known) => known.port === number);
    return port ? [{ gateway, target, subset, port }] : [];
  });
}

/** The service itself, or what a route names. */
export function istioDestination(context: VirtualServiceContext, named: NamedDestination = {}): IstioDestination {
  const { target, subset, port } = resolved(context, named);
  if (subset && context.subsetsBy === "service") {
    const { name, port: number } = kubernetesService(context, named);
    return { host: clusterHost({ ...target, name }), ...portNumber(number) };
  }
  return { host: target.host ?? clusterHost(target), ...portNumber(port), ...(subset && { subset: subset.name }) };
}

function portNumber(number: number | undefined) {
  return number === undefined ? {} : { port: { number } };
}

/** A version is a Service of its own, which may have its own port. */
function kubernetesService(
  context: RouteContext,
  named: NamedDestination,
): { name: string; port?: number | undefined } {
  const { target, subset, port } = resolved(context, named);
  if (!subset) return { name: target.name, port };
  const { name, port: ofVersion } = subset.service ?? throwUnknown();
  return { name, port: named.port ?? ofVersion ?? port };
}

export function istioRoute(
  route: NonNullable<HttpRuleSettings["route"]>,
  context: VirtualServiceContext,
): NonNullable<VirtualServiceRoute["route"]> {
  return routeEntries(route, context.service).map(({ weight, headers, ...named }) => ({
    destination: istioDestination(context, named),
    ...(weight !== undefined && { weight }),
    ...(headers && { headers }),
  }));
}

/** The same in an HTTPRoute. */
export function backend(
  context: RouteContext,
  named: NamedDestination = {},
): Pick<BackendRef, "group" | "kind" | "name" | "namespace" | "port"> {
  const { name, port } = kubernetesService(context, named);
  const { namespace, host } = resolved(context, named).target;
  const place =
    host === undefined
      ? { name, ...(namespace !== (context.namespace ?? context.service.namespace) && { namespace }) }
      : { group: "networking.istio.io", kind: "Hostname", name: host };
  return { ...place, port: port ?? throwUnknown() };
}

/** As the explanation of a request calls a route: `v1 90%, cart 10%`. */
export function routeTitle(route: NonNullable<HttpRuleSettings["route"]>): string {
  const parts = Array.isArray(route)
    ? route.map(({ weight = 100, ...named }) => `${destinationTitle(named)} ${weight}%`)
    : Object.entries(route).map(([subset, weight]) => `${subset} ${weight}%`);
  return parts.join(", ");
}

/** As the explanation of a request calls it: `v1`, `cart`, `cart/v1`, `other/cart`. */
export function destinationTitle({ host, namespace, subset }: NamedDestination): string {
  const service = host === undefined ? undefined : namespace === undefined ? host : `${namespace}/${host}`;
  return [service, subset].filter((part) => part !== undefined).join("/") || "the service itself";
}
