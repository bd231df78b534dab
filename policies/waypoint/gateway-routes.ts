import { listenerName } from "../../components/model/exposed-hosts";
import type { KubernetesObject } from "../../components/shared/kubernetes/object";
import type { MeshService, Offer, ResolvedModel } from "../resolve/resolved";
import { isIstioGateway } from "../istio-api/gateways";
import { versionDestinationRules } from "./destination-rules";
import { routeObject } from "./http-routes";
import type { RouteRule, RouteSpec } from "./matches";

type Protocol = Parameters<typeof listenerName>[0];

/**
 * What gateways of kind `gateway-api` offer: for each service a HTTPRoute, attached by name to the listeners of its
 * hosts, so that a listener with a wildcard beside them takes nothing of it. Versions are reached by their Services.
 *
 * https://gateway-api.sigs.k8s.io/guides/http-routing/
 */
export function compileGatewayRoutes({ services }: ResolvedModel): KubernetesObject[] {
  return services.flatMap((service) => {
    const offers = service.offers.filter(({ gateway }) => !isIstioGateway(gateway));
    const toVersions = offers.some(({ rules }) => rules.some(({ route, mirror }) => route ?? mirror));
    return [
      ...offers.flatMap((offer) => offerRoutes(service, offer)),
      // Behind a waypoint they are there already.
      ...(toVersions && !service.waypoint ? versionDestinationRules(service) : []),
    ];
  });
}

function offerRoutes(service: MeshService, { gateway, hosts, rules }: Offer): KubernetesObject<RouteSpec>[] {
  const name = `${service.name}.${gateway.name}`;
  const { tls } = gateway;
  const at = (...protocols: Protocol[]) => ({
    parentRefs: protocols.flatMap((protocol) =>
      hosts.map((host) => ({
        name: gateway.name,
        namespace: gateway.namespace,
        sectionName: listenerName(protocol, host),
      })),
    ),
    // Any host is no name to a HTTPRoute; its listeners know which hosts are meant.
    ...(!hosts.includes("*") && { hostnames: [...hosts] }),
  });
  if (!tls) return [routeObject(service, { name, rules, ...at("http") })];
  if (!tls.httpsRedirect) return [routeObject(service, { name, rules, ...at("http", "https") })];
  return [
    routeObject(service, { name, rules, ...at("https") }),
    routeObject(service, { name: `${name}.https`, rules: [], ...at("http") }, [httpsRedirect(tls.outsidePort)]),
  ];
}

/** Sends clients to where HTTPS answers them: where nodes open a port for it, that is not the gateway's own. */
function httpsRedirect(port = 443): RouteRule {
  const requestRedirect = { scheme: "https" as const, statusCode: 301 as const, ...(port !== 443 && { port }) };
  return { filters: [{ type: "RequestRedirect", requestRedirect }] };
}
