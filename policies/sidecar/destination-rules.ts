import type { KubernetesObject } from "../../components/shared/kubernetes-object";
import { clusterHost, type ResolvedModel } from "../resolve/resolved";
import { type IstioSpecs, istioObject } from "./istio-object";

/**
 * One `DestinationRule` for each service that has subsets or a traffic policy. It says nothing about TLS: Istio's
 * automatic mTLS follows what the other side can do, a written-out mode would not.
 *
 * https://istio.io/latest/docs/reference/config/networking/destination-rule/
 */
export function compileDestinationRules(model: ResolvedModel): KubernetesObject<IstioSpecs["DestinationRule"]>[] {
  return model.services.flatMap((service) => {
    const { connectionPool, outlierDetection } = service.trafficPolicy ?? {};
    const trafficPolicy = { ...(connectionPool && { connectionPool }), ...(outlierDetection && { outlierDetection }) };
    const hasPolicy = Object.keys(trafficPolicy).length > 0;
    if (service.subsets.length === 0 && !hasPolicy) return [];
    return [
      istioObject(
        "DestinationRule",
        { namespace: service.namespace, name: service.name },
        {
          host: clusterHost(service),
          ...(hasPolicy && { trafficPolicy }),
          ...(service.subsets.length > 0 && {
            subsets: service.subsets.map(({ name, labels }) => ({ name, labels: { ...labels } })),
          }),
        },
      ),
    ];
  });
}
