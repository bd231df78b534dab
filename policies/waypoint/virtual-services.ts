import type { KubernetesObject } from "../../components/shared/kubernetes/object";
import { clusterHost, type MeshService } from "../resolve/resolved";
import { httpRoute } from "../istio-api/http-route";
import { type IstioSpecs, istioObject } from "../istio-api/istio-object";
import { backendOf } from "./http-routes";

/**
 * All rules of a Service as a VirtualService, which its waypoint applies in place of a HTTPRoute: for faults, which
 * Gateway API does not have. Versions are reached by their Services, as a HTTPRoute reaches them.
 *
 * https://istio.io/latest/docs/ambient/usage/l7-features/ (alpha)
 */
export function waypointVirtualService(service: MeshService): KubernetesObject<IstioSpecs["VirtualService"]> {
  const toSubset = (subset: string) => ({ host: clusterHost({ ...service, name: backendOf(service, subset) }) });
  return istioObject(
    "VirtualService",
    { namespace: service.namespace, name: service.name },
    {
      hosts: [clusterHost(service)],
      http: service.meshRules.map((rule) => httpRoute(rule, service, toSubset)),
    },
  );
}
