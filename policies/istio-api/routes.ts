import {
  clusterHost,
  gatewayObject,
  isIstioGateway,
  type MeshService,
  type PolicyModel,
} from "../../components/model/policies/policy-model";
import { workloadKey } from "../../components/model/names";
import { type GatewayRoute, gatewayRoutes } from "../../components/model/policies/gateway-routes";
import { RouteTargets } from "../../components/model/policies/route-targets";
import type { HttpRuleSettings } from "../../components/settings/sections/http-rule";
import { covers, type HttpPort, httpPorts, tlsServerOf } from "../../components/model/gateways";
import { policyName, serverName } from "../../components/model/object-names";
import type { KubernetesObject } from "../../components/shared/kubernetes/object";
import { type GatewayWorkload, isHttp, type TlsServer } from "../../components/shared/workload";
import { type VirtualServiceRoute, type IstioSpecs, istioObject, sortedUnique } from "../api-objects";
import { connectionServers, gatewayConnections, isAtHttps, meshConnections, rulesByPort } from "./connections";
import { istioDestination, type RouteContext, type VirtualServiceContext } from "../destinations";
import { fieldsOf, merged, needsVirtualService } from "../http-rules";

type OfService<Context> = Context & { readonly service: MeshService };

type Server = NonNullable<IstioSpecs["Gateway"]["servers"]>[number];

/**
 * One `Gateway` for each gateway that exposes a service, in the gateway's namespace, as istiod may limit gateways to
 * their own namespace. Hosts carry the namespace of their service (`bookinfo/bookinfo.example.com`), so that a
 * VirtualService in another namespace cannot claim them.
 *
 * https://istio.io/latest/docs/reference/config/networking/gateway/#Server
 */
export function gateways(model: PolicyModel): KubernetesObject<IstioSpecs["Gateway"]>[] {
  const own = model.gateways.filter((gateway) => isIstioGateway(gateway) && !gateway.foreign);
  const routes = gatewayRoutes(model.services);
  return own.flatMap((gateway) => {
    const exposed = routes
      .filter((one) => one.gateway.name === gateway.name)
      .flatMap(({ namespace, hosts, parts }) => {
        const passthrough = parts.some(({ exposure }) => exposure.tls);
        // Of connections to its further ports alone, the port of HTTPS has none.
        if (passthrough && !parts.some(({ exposure }) => isAtHttps(exposure))) return [];
        return hosts.map((host) => ({ host, namespace, passthrough }));
      });
    const { name, namespace, selector } = gateway;
    const servers = [...gatewayServers(gateway, exposed), ...connectionServers(model, gateway)];
    if (servers.length === 0) return [];
    return [
      istioObject("Gateway", { namespace, name, from: ["gateways", name] }, { selector: { ...selector }, servers }),
    ];
  });
}

interface ServedHost {
  readonly host: string;
  readonly namespace: string;
  /** Whether the gateway routes it by the name in the TLS handshake. */
  readonly passthrough: boolean;
}

// Envoy is configured for the port of the Service, not for the port of the container.
function gatewayServers(gateway: GatewayWorkload, exposed: readonly ServedHost[]): Server[] {
  const servers = httpPorts(gateway).flatMap((port) => {
    if (port.encrypted) return tlsServers(port, gateway.tls?.servers ?? [], exposed);
    const hosts = port.redirects ? exposed : exposed.filter(({ passthrough }) => !passthrough);
    return [
      {
        port: { number: port.number, name: port.name, protocol: "HTTP" },
        hosts: serverHosts(hosts),
        ...(port.redirects && { tls: { httpsRedirect: true } }),
      },
    ];
  });
  // The CRD refuses a server without hosts.
  return servers.filter(({ hosts }) => hosts.length > 0);
}

/** TLS passes through the port of HTTPS only, which the routes for it name. */
function tlsServers(
  { name, number }: HttpPort,
  servers: readonly TlsServer[],
  exposed: readonly ServedHost[],
): Server[] {
  return servers.flatMap((server) => {
    const passthrough = server.mode === "PASSTHROUGH";
    if (passthrough && name !== "https") return [];
    const hosts = exposed.filter(
      (one) => one.passthrough === passthrough && tlsServerOf({ servers }, one.host) === server,
    );
    return [tlsServer({ number, name: serverName(name, server.hosts?.[0]) }, server, serverHosts(hosts))];
  });
}

function serverHosts(hosts: readonly ServedHost[]): string[] {
  return hosts.map(({ namespace, host }) => `${namespace}/${host}`).sort();
}

/** Without a minimum version of TLS: Istio's default is 1.2. */
function tlsServer(port: Pick<HttpPort, "number" | "name">, server: TlsServer, hosts: string[]): Server {
  const { mode, protocol, credentialNames } = server;
  const [credentialName, second] = credentialNames;
  return {
    port: { ...port, protocol: mode === "PASSTHROUGH" ? "TLS" : "HTTPS" },
    hosts,
    tls: {
      mode,
      ...(second !== undefined ? { credentialNames: [...credentialNames] } : credentialName && { credentialName }),
      ...protocol,
    },
  };
}

/**
 * A `VirtualService` for clients in the mesh, bound to the Service's DNS name, and one for each gateway, bound to the
 * gateway's hosts: a rule at a gateway, such as a path restriction, must not apply to clients in the mesh. No rule is
 * added: a request that matches none gets 404.
 *
 * https://istio.io/latest/docs/reference/config/networking/virtual-service/
 */
export function virtualServices(model: PolicyModel): KubernetesObject<IstioSpecs["VirtualService"]>[] {
  const targets = new RouteTargets(model);
  return [
    ...model.services.flatMap((service) => meshVirtualService({ service, targets }, model.gatewayApi)),
    ...gatewayRoutes(model.services)
      .filter(({ gateway }) => isIstioGateway(gateway))
      .flatMap((route) => gatewayVirtualService(route, targets, model.gatewayApi)),
    ...model.services.flatMap((service) => gatewayTcpRoutes(service, targets)),
  ];
}

/**
 * For sidecars of clients; or for the service's waypoint where no HTTPRoute can express the rules, with versions as
 * Services, as in an HTTPRoute.
 */
function meshVirtualService(
  context: OfService<RouteContext>,
  gatewayApi: string,
): KubernetesObject<IstioSpecs["VirtualService"]>[] {
  const { service } = context;
  const ambient = service.dataPlane === "ambient";
  const { name, namespace, meshRules, meshPath: from, waypoint } = service;
  const { hosts, ...connections } = meshConnections(context);
  const byHttpRoute = ambient && !(waypoint && needsVirtualService(meshRules, gatewayApi));
  const subsetsBy = ambient ? "service" : "name";
  const rules = byHttpRoute ? [] : rulesByPort(meshRules, service, isHttp);
  const http = rules.flatMap(({ rule, port }) => httpRoutes([rule], { ...context, port, subsetsBy }, gatewayApi));
  if (http.length === 0 && !connections.tcp && !connections.tls) return [];
  const spec = {
    hosts: withoutCovered([clusterHost(service), ...sortedUnique(hosts)]),
    ...(!ambient && { gateways: ["mesh"] }),
    ...(http.length > 0 && { http }),
    ...connections,
  };
  return [istioObject("VirtualService", { namespace, name, from }, spec)];
}

/** Istio refuses a host next to a wildcard that is for it too. */
function withoutCovered(hosts: readonly string[]): string[] {
  return hosts.filter((host) => !hosts.some((one) => covers(one, host)));
}

function gatewayVirtualService(
  { name, namespace, path: from, gateway, hosts, parts }: GatewayRoute,
  targets: RouteTargets,
  gatewayApi: string,
): KubernetesObject<IstioSpecs["VirtualService"]>[] {
  const contexts = parts.map(({ service, exposure }) => ({
    exposure,
    context: { service, targets, port: exposure.port, subsetsBy: "name" } as const,
  }));
  const tls = contexts.flatMap(
    ({ exposure, context }) => gatewayConnections({ ...exposure, hosts }, context).tls ?? [],
  );
  const http = contexts.flatMap(({ exposure, context }) => httpRoutes(exposure.rules, context, gatewayApi));
  // The rules of an entry for TLS may name others of its hosts only.
  if (tls.length + http.length === 0) return [];
  const spec = {
    hosts: [...hosts],
    gateways: [workloadKey(gatewayObject(gateway))],
    ...(tls.length > 0 ? { tls } : { http }),
  };
  return [istioObject("VirtualService", { namespace, name, from }, spec)];
}

/** TCP has no hosts, so that the routes of an entry are an object of their own. */
function gatewayTcpRoutes(
  service: MeshService,
  targets: RouteTargets,
): KubernetesObject<IstioSpecs["VirtualService"]>[] {
  return service.exposures
    .filter(({ gateway, tcp }) => tcp.length > 0 && isIstioGateway(gateway))
    .map((exposure) => {
      const { path: from, gateway } = exposure;
      const { tcp } = gatewayConnections(exposure, { service, targets, subsetsBy: "name" });
      const place = { namespace: service.namespace, name: policyName(service.name, gateway.name, "tcp"), from };
      return istioObject("VirtualService", place, {
        hosts: ["*"],
        gateways: [workloadKey(gatewayObject(gateway))],
        tcp,
      });
    });
}

/** A rule without route, redirect or directResponse routes to the service itself. */
export function httpRoutes(
  rules: readonly HttpRuleSettings[],
  context: VirtualServiceContext,
  gatewayApi: string,
): VirtualServiceRoute[] {
  return rules.map((rule) => {
    const route = merged(fieldsOf(rule, gatewayApi).map(({ virtualService }) => virtualService(context)));
    const answered = rule.route ?? rule.redirect ?? rule.directResponse;
    return answered ? route : { ...route, route: [{ destination: istioDestination(context) }] };
  });
}
