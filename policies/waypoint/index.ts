import type { KubernetesObject } from "../../components/shared/kubernetes/object";
import type { MeshService, ResolvedModel } from "../resolve/resolved";
import { ambientAuthorization } from "./authorization";
import { versionDestinationRules } from "./destination-rules";
import { ambientEgress } from "./egress";
import { compileGatewayRoutes } from "./gateway-routes";
import { httpRoute, needsVirtualService } from "./http-routes";
import { waypointVirtualService } from "./virtual-services";

/**
 * What ambient namespaces need in place of sidecars' objects: routes and authorization at waypoints, and authorization
 * at ztunnel; and in either data plane the routes of gateways that the Gateway API describes. What neither enforces has been refused (`checkAmbient`).
 */
export function compileAmbient(model: ResolvedModel): KubernetesObject[] {
  const services = model.services.filter(({ waypoint }) => waypoint !== undefined);
  return [
    ...services.flatMap(routes),
    ...services.flatMap(versionDestinationRules),
    ...compileGatewayRoutes(model),
    ...ambientAuthorization(model),
    ...ambientEgress(model),
  ];
}

function routes(service: MeshService): KubernetesObject[] {
  if (service.meshRules.length === 0) return [];
  return [needsVirtualService(service) ? waypointVirtualService(service) : httpRoute(service)];
}
