import type { KubernetesObject } from "../../components/shared/kubernetes/object";
import { rulesOf } from "../resolve/egress";
import type { ResolvedModel } from "../resolve/resolved";
import { principal, sortedUnique } from "../istio-api/access-rules";
import { byNamespaceAndHost, egressPlace, type HostRules, origination, serviceEntry } from "../istio-api/egress";
import { istioObject } from "../istio-api/istio-object";

/**
 * Ways out through the namespace's waypoint: ztunnel sends what is for a host with a `ServiceEntry` there, and the
 * waypoint lets pass whom a rule allows. Hosts without one ztunnel lets everybody reach: those the NetworkPolicy of the
 * namespace closes (network-policies.ts).
 *
 * https://istio.io/latest/docs/ambient/usage/waypoint/#useawaypoint
 */
export function ambientEgress(model: ResolvedModel): KubernetesObject[] {
  return byNamespaceAndHost(rulesOf(model, "waypoint")).flatMap((host) => wayOut(host, model.trustDomain));
}

function wayOut({ namespace, host, rules }: HostRules, trustDomain: string): KubernetesObject[] {
  const place = egressPlace(namespace, host);
  const waypoint = rules[0]?.workload.waypoint?.name ?? "waypoint";
  return [
    serviceEntry({ ...place, labels: { "istio.io/use-waypoint": waypoint } }, host, rules),
    ...origination(place, host, rules),
    istioObject(
      "AuthorizationPolicy",
      { namespace, name: `${place.name}.way-out` },
      {
        targetRefs: [{ group: "networking.istio.io", kind: "ServiceEntry", name: place.name }],
        action: "ALLOW",
        rules: sortedUnique(
          rules.map(({ workload, settings }) => ({
            from: [{ source: { principals: [principal(workload, trustDomain)] } }],
            to: [{ operation: { ports: sortedUnique(settings.ports.map(String)) } }],
          })),
        ),
      },
    ),
  ];
}
