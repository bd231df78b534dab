import type { KubernetesObject } from "../../components/shared/kubernetes/object";
import { clusterHost, type MeshService } from "../resolve/resolved";
import { trafficPolicy } from "../istio-api/destination-rules";
import { type IstioSpecs, istioObject } from "../istio-api/istio-object";
import { versionService } from "./version-services";

/**
 * The traffic policy of each version's Service: a route that goes to it is none of the service's own host, so that what
 * is said for the service has to be said for it too.
 */
export function versionDestinationRules(service: MeshService): KubernetesObject<IstioSpecs["DestinationRule"]>[] {
  return service.subsets.flatMap((subset) => {
    const name = versionService(service, subset);
    const policy = trafficPolicy({ ...service.trafficPolicy, ...subset.trafficPolicy });
    if (name === undefined || Object.keys(policy).length === 0) return [];
    const place = { namespace: service.namespace, name: `${service.name}.${subset.name}` };
    return [istioObject("DestinationRule", place, { host: clusterHost({ ...service, name }), ...policy })];
  });
}
