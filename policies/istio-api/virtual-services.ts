import type { HttpRuleSettings } from "../../components/settings/sections/traffic";
import type { KubernetesObject } from "../../components/shared/kubernetes/object";
import { clusterHost, type MeshService, type ResolvedModel } from "../resolve/resolved";
import { gatewayReference, isIstioGateway } from "./gateways";
import { httpRoute, tlsRoute } from "./http-route";
import { type HttpRoute, type IstioSpecs, istioObject } from "./istio-object";

/**
 * One `VirtualService` for callers in the mesh, bound to the Service's cluster name, and one for each gateway, bound to
 * the outside hosts. They are apart because a rule at the edge (only these paths) must not hold for callers inside.
 * Nothing is added to the user's rules: a request that none of them matches gets 404.
 *
 * https://istio.io/latest/docs/reference/config/networking/virtual-service/
 */
export function compileVirtualServices(model: ResolvedModel): KubernetesObject<IstioSpecs["VirtualService"]>[] {
  return model.services.flatMap((service) => [...meshVirtualService(service), ...gatewayVirtualServices(service)]);
}

function meshVirtualService(service: MeshService): KubernetesObject<IstioSpecs["VirtualService"]>[] {
  // Callers' sidecars apply it; in ambient, the service's waypoint applies an HTTPRoute.
  if (service.dataPlane === "ambient" || service.meshRules.length === 0) return [];
  const place = { namespace: service.namespace, name: service.name };
  return [
    istioObject("VirtualService", place, {
      hosts: [clusterHost(service)],
      gateways: ["mesh"],
      http: routes(service.meshRules, service),
    }),
  ];
}

function gatewayVirtualServices(service: MeshService): KubernetesObject<IstioSpecs["VirtualService"]>[] {
  const offers = service.offers.filter(({ gateway }) => isIstioGateway(gateway));
  return offers.map(({ gateway, hosts, rules, tls }) =>
    istioObject(
      "VirtualService",
      { namespace: service.namespace, name: `${service.name}.${gateway.name}` },
      {
        hosts: [...hosts],
        gateways: [gatewayReference(gateway)],
        ...(tls
          ? { tls: [tlsRoute(tls, { port: gateway.ports.https ?? 443, sniHosts: [...hosts] }, service)] }
          : { http: routes(rules, service) }),
      },
    ),
  );
}

function routes(rules: readonly HttpRuleSettings[], service: MeshService): HttpRoute[] {
  return rules.map((rule) => httpRoute(rule, service));
}
