import type { KubernetesObject } from "../../components/shared/kubernetes/object";
import type { TrafficPolicySettings } from "../../components/settings/sections/traffic-policy";
import { clusterHost, type MeshService, type ResolvedModel } from "../resolve/resolved";
import { type IstioSpecs, istioObject } from "./istio-object";

type Spec = IstioSpecs["DestinationRule"];

/**
 * One `DestinationRule` for each service that has subsets or a traffic policy. It says nothing about TLS: Istio's
 * automatic mTLS follows what the other side can do, a written-out mode would not.
 *
 * https://istio.io/latest/docs/reference/config/networking/destination-rule/
 */
export function compileDestinationRules(model: ResolvedModel): KubernetesObject<Spec>[] {
  return model.services.flatMap((service) => {
    const rules = { ...trafficPolicy(service.trafficPolicy), ...subsets(service) };
    if (Object.keys(rules).length === 0) return [];
    const place = { namespace: service.namespace, name: service.name };
    return [istioObject("DestinationRule", place, { host: clusterHost(service), ...rules })];
  });
}

function subsets(service: MeshService): Pick<Spec, "subsets"> {
  if (service.subsets.length === 0) return {};
  return {
    subsets: service.subsets.map((subset) => ({
      name: subset.name,
      labels: { ...subset.labels },
      ...trafficPolicy(subset.trafficPolicy),
    })),
  };
}

export function trafficPolicy(settings: TrafficPolicySettings | undefined): Pick<Spec, "trafficPolicy"> {
  if (!settings || Object.keys(settings).length === 0) return {};
  // The settings are Istio's own words; tests/policies/misspelt-fields.ts proves that it knows each.
  return { trafficPolicy: settings };
}
