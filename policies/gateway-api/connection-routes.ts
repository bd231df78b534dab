import { listenerName, policyName, tcpListenerName } from "../../components/model/object-names";
import { gatewayPort } from "../../components/model/policies/connection-entrances";
import type { EgressEntrance } from "../../components/model/policies/egress-entrances";
import type { GatewayRoute } from "../../components/model/policies/gateway-routes";
import { gatewayObject, isIstioGateway, type MeshService } from "../../components/model/policies/policy-model";
import { externalTarget, type RouteTargets } from "../../components/model/policies/route-targets";
import type { TlsRuleSettings } from "../../components/settings/sections/connection-rule";
import type { KubernetesObject } from "../../components/shared/kubernetes/object";
import { isEncrypted, type ServicePort } from "../../components/shared/workload";
import { type Place, policyObject, type TcpRouteSpec, type TlsRouteSpec } from "../api-objects";
import { backend, type RouteContext, routeEntries } from "../destinations";

/**
 * Routes of connections: by the name in the TLS handshake, at listeners of protocol TLS, and by the port of the gateway, at
 * listeners of protocol TCP.
 *
 * https://gateway-api.sigs.k8s.io/reference/spec/#tlsroute and #tcproute
 */
type TlsRoute = KubernetesObject<TlsRouteSpec>;
type TcpRoute = KubernetesObject<TcpRouteSpec>;

/** A TCPRoute has one rule, for the listeners that it attaches to. */
export function tcpRoutes(service: MeshService, targets: RouteTargets): TcpRoute[] {
  const { namespace } = service;
  const exposures = service.exposures.filter(({ gateway }) => !isIstioGateway(gateway));
  return exposures.flatMap(({ gateway, tcp, port, path: from }) =>
    tcp.map(({ match = [{}], route }) => {
      const ports = match.map((one) => gatewayPort(gateway, "tcp", one.port));
      const parent = gatewayObject(gateway);
      // The names of listeners that others made are for their hosts.
      const parentRefs = ports.map((number) =>
        gateway.foreign ? { ...parent, port: number } : { ...parent, sectionName: tcpListenerName(number) },
      );
      const isMeant = ({ protocol }: ServicePort) => protocol === "tcp";
      const rules = [{ backendRefs: backends(route, { service, targets, namespace, port, isMeant }) }];
      const name = policyName(service.name, gateway.name, tcpListenerName(ports[0] ?? 0));
      return policyObject("gateway.networking.k8s.io/v1", "TCPRoute", { namespace, name, from }, { parentRefs, rules });
    }),
  );
}

/** To services that decrypt their connections themselves; validation makes sure that an entry has one rule. */
export function passthroughRoutes({ parts, gateway, ...route }: GatewayRoute, targets: RouteTargets): TlsRoute[] {
  const { name, namespace, path: from } = route;
  const parent = gatewayObject(gateway);
  const { foreign } = gateway;
  return parts.flatMap(({ service, exposure: { tls = [], port } }) =>
    tls.map(({ match = [{}], route: led }) => {
      const hostnames = [...new Set(match.flatMap(({ sniHosts = route.hosts }) => sniHosts))];
      const sections = foreign ? foreign.listeners : route.hosts.map((host) => listenerName("tls", host));
      return tlsRoute(
        { namespace, name, from },
        {
          parentRefs: sections?.map((sectionName) => ({ ...parent, sectionName })) ?? [parent],
          hostnames,
          rules: [{ backendRefs: backends(led, { service, targets, namespace, port, isMeant: isEncrypted }) }],
        },
      );
    }),
  );
}

/** From an egress gateway, which has decrypted the mTLS of the mesh, to the host. */
export function egressTlsRoute({ service, host, port, listener }: EgressEntrance, targets: RouteTargets): TlsRoute {
  const { gateway, path: from } = service;
  const { namespace } = gateway;
  return tlsRoute(
    { namespace, name: listener, from },
    {
      parentRefs: [{ ...gatewayObject(gateway), sectionName: listener }],
      hostnames: [host],
      rules: [{ backendRefs: [backend({ service: externalTarget(service, host), targets, port: port.number })] }],
    },
  );
}

function backends(route: TlsRuleSettings["route"], context: RouteContext) {
  if (!route) return [backend(context)];
  return routeEntries(route, context.service).map(({ weight, subset, host, namespace, port }) => ({
    ...backend(context, { subset, host, namespace, port }),
    ...(weight !== undefined && { weight }),
  }));
}

function tlsRoute(place: Place, spec: TlsRouteSpec): TlsRoute {
  return policyObject("gateway.networking.k8s.io/v1", "TLSRoute", place, spec);
}
