import {
  type ConnectionEntrance,
  connectionEntrances,
  connectionPorts,
  gatewayPort,
} from "../../components/model/policies/connection-entrances";
import {
  clusterHost,
  type Exposure,
  type MeshService,
  type PolicyModel,
} from "../../components/model/policies/policy-model";
import type { TcpRuleSettings, TlsRuleSettings } from "../../components/settings/sections/connection-rule";
import { type GatewayWorkload, isEncrypted, isHttp, type ServicePort } from "../../components/shared/workload";
import type { IstioSpecs } from "../api-objects";
import { istioDestination, istioRoute, type RouteContext, type VirtualServiceContext } from "../destinations";

type Spec = IstioSpecs["VirtualService"];
type Server = NonNullable<IstioSpecs["Gateway"]["servers"]>[number];
type Match = NonNullable<TlsRuleSettings["match"]>[number];

/** What a VirtualService has for connections, and the hosts that it needs for them. */
type Connections = Pick<Spec, "tcp" | "tls"> & { readonly hosts: readonly string[] };

/**
 * For clients in the mesh: at their sidecars, or at the service's waypoint, which reads the subsets of the service's
 * DestinationRule, and neither the name in a TLS handshake nor who the client is: istiod takes the rules for TLS that name
 * the Service.
 * Source: istio/istio, pilot/pkg/networking/core/tls.go and listener_waypoint.go, getWaypointTCPRoutes.
 */
export function meshConnections({ service, targets }: RouteContext & { readonly service: MeshService }): Connections {
  const { dataPlane, waypoint, meshTcp, meshTls } = service;
  const host = clusterHost(service);
  if (dataPlane === "ambient" && !waypoint) return { hosts: [] };
  const context = { service, targets, subsetsBy: "name" } as const;
  const [tcp, tls] = [rulesByPort(meshTcp, service, isTcp), rulesByPort(meshTls, service, isEncrypted)];
  const atWaypoint = dataPlane === "ambient";
  const names = meshTls.flatMap(({ match = [] }) => match.flatMap(({ sniHosts = [] }) => sniHosts));
  return {
    hosts: atWaypoint ? [] : names.filter((name) => name !== host),
    ...(tcp.length > 0 && { tcp: tcp.map(({ rule, port }) => tcpRoute(rule, { ...context, port }, (match) => match)) }),
    ...(tls.length > 0 && {
      tls: tls.map(({ rule, port }) =>
        tlsRoute(rule, { ...context, port }, (match) => ({ sniHosts: [host], ...match })),
      ),
    }),
  };
}

/**
 * Rules for clients in the mesh, with the port that they lead to: the one that the client called. Where a Service has
 * several that they are for, each has rules of its own, because `istioctl analyze` refuses a destination without port, and
 * one with a port would take the calls of the others. Rules for TCP without port would be for connections of TLS too.
 */
export function rulesByPort<
  Rule extends { readonly match?: readonly { readonly port?: number | undefined }[] | undefined },
>(
  rules: readonly Rule[],
  { ports, meshPort }: MeshService,
  isMeant: (port: ServicePort) => boolean,
): { readonly rule: Rule; readonly port?: number }[] {
  const near = ports.filter(isMeant === isHttp ? isHttp : (port) => !isHttp(port));
  const [only, ...others] = near;
  if (meshPort === undefined && only && others.length === 0) return rules.map((rule) => ({ rule, port: only.port }));
  const numbers = meshPort === undefined ? near.filter(isMeant).map(({ port }) => port) : [meshPort];
  return rules.flatMap((rule) =>
    numbers.flatMap((number) => {
      const match = (rule.match ?? [{}]).filter(({ port = number }) => port === number);
      return match.length === 0
        ? []
        : [{ rule: { ...rule, match: match.map((one) => ({ port: number, ...one })) }, port: number }];
    }),
  );
}

function isTcp({ protocol }: ServicePort): boolean {
  return protocol === "tcp";
}

/** For clients of a gateway, which does not know their pods, and has only its own address. */
export function gatewayConnections(
  { port, gateway, hosts, tcp, tls = [] }: Exposure,
  context: VirtualServiceContext,
): Omit<Connections, "hosts"> {
  const toPort = { ...context, port };
  return {
    ...(tcp.length > 0 && {
      tcp: tcp.map((rule) =>
        tcpRoute(rule, toPort, (match) => ({ port: gatewayPort(gateway, "tcp", match.port), ...match })),
      ),
    }),
    ...(tls.length > 0 && {
      tls: tls
        .map((rule) =>
          tlsRoute(rule, toPort, ({ sniHosts = hosts, ...match }) => ({
            port: gatewayPort(gateway, "tls", match.port),
            ...match,
            sniHosts: sniHosts.filter((host) => hosts.includes(host)),
          })),
        )
        .map((route) => ({ ...route, match: route.match.filter(({ sniHosts }) => sniHosts.length > 0) }))
        .filter(({ match }) => match.length > 0),
    }),
  };
}

type Completed = (match: Match) => Match;

function tcpRoute(rule: TcpRuleSettings, context: VirtualServiceContext, complete: Completed) {
  const { matches, route } = connectionRoute(rule, { ...context, isMeant: isTcp }, complete);
  const isEvery = matches.some((match) => Object.keys(match).length === 0);
  return { ...(!isEvery && { match: matches }), route };
}

function tlsRoute(rule: TlsRuleSettings, context: VirtualServiceContext, complete: Completed) {
  const { matches, route } = connectionRoute(rule, { ...context, isMeant: isEncrypted }, complete);
  return { match: matches.map(({ sniHosts = [], ...match }) => ({ ...match, sniHosts })), route };
}

function connectionRoute(
  { match = [{}], route }: TlsRuleSettings,
  context: VirtualServiceContext,
  complete: Completed,
) {
  const { service, targets } = context;
  const matches = match.map((one) => {
    const { sourceWorkload, ...given } = complete(one);
    if (sourceWorkload === undefined) return given;
    const { labels } = targets.names.workload(sourceWorkload, service.namespace);
    return { ...given, sourceLabels: { ...given.sourceLabels, ...labels }, sourceNamespace: service.namespace };
  });
  return { matches, route: route ? istioRoute(route, context) : [{ destination: istioDestination(context) }] };
}

/** A server for each further port of a gateway to which connections are made: the gateway listens on nothing else. */
export function connectionServers({ services }: PolicyModel, gateway: GatewayWorkload): Server[] {
  const https = gateway.ports.https ?? 443;
  const ports = connectionEntrances(services).filter((one) => one.gateway.name === gateway.name);
  const numbers = [...new Set(ports.map(({ number }) => number))]
    .filter((number) => number !== https)
    .sort((a, b) => a - b);
  return numbers.map((number) => {
    const served = ports.filter((port) => port.number === number);
    const hosts = [...new Set(served.flatMap(serverHosts))].sort();
    const [protocol = "tcp"] = served.map((port) => port.protocol);
    const port = { number, name: `${protocol}-${number}`, protocol: protocol.toUpperCase() };
    return { port, hosts, ...(protocol === "tls" && { tls: { mode: "PASSTHROUGH" as const } }) };
  });
}

/** Whether connections that it does not decrypt are made to the gateway's port of HTTPS. */
export function isAtHttps(exposure: Exposure): boolean {
  return connectionPorts(exposure, "tls").some((port) => port === (exposure.gateway.ports.https ?? 443));
}

/** TCP has no names. */
function serverHosts({ namespace, hosts, protocol }: ConnectionEntrance): string[] {
  return protocol === "tcp" ? [`${namespace}/*`] : hosts.map((host) => `${namespace}/${host}`);
}
