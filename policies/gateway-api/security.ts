import { policyName } from "../../components/model/object-names";
import type { PolicyModel } from "../../components/model/policies/policy-model";
import type { KubernetesObject } from "../../components/shared/kubernetes/object";
import { istioObject, principal, sortedUnique } from "../api-objects";
import { selector } from "../attachment";
import { egressPlace, externalHost, type HostRules, hostsOf } from "../istio-api/egress";

/** A waypoint does not read the policy of its namespace that allows nothing. */
export function waypointDefaultDeny({ waypoints, defaultDenyNamespaces }: PolicyModel): KubernetesObject[] {
  return waypoints
    .filter(({ namespace }) => defaultDenyNamespaces.has(namespace))
    .map(({ namespace, name }) => {
      const place = { namespace, name: policyName(name, "allow-nothing"), from: ["mesh", "waypoints"] };
      const targetRefs = [{ group: "gateway.networking.k8s.io", kind: "Gateway", name }];
      return istioObject("AuthorizationPolicy", place, { targetRefs });
    });
}

/**
 * Pods accept requests from the waypoint only, where it enforces their rules: in a default-deny namespace ztunnel has to
 * allow the waypoint; elsewhere it has to deny every other client.
 *
 * https://istio.io/latest/docs/ambient/usage/l4-policy/
 */
export function waypointOnly({
  waypointOnly: all,
  defaultDenyNamespaces,
  trustDomain,
}: PolicyModel): KubernetesObject[] {
  return all.map(({ namespace, name, labels, waypoint }) => {
    // istiod runs a waypoint under a service account of the waypoint's name.
    const identity = [principal({ namespace: waypoint.namespace, serviceAccount: waypoint.name }, trustDomain)];
    const spec = defaultDenyNamespaces.has(namespace)
      ? { action: "ALLOW" as const, rules: [{ from: [{ source: { principals: identity } }] }] }
      : { action: "DENY" as const, rules: [{ from: [{ source: { notPrincipals: identity } }] }] };
    const place = { namespace, name: policyName(name, "waypoint"), from: ["mesh", "waypoints"] };
    return istioObject("AuthorizationPolicy", place, { ...selector(labels), ...spec });
  });
}

/**
 * In mode waypoint: ztunnel sends requests for a host with a `ServiceEntry` to the namespace's waypoint, which
 * authorizes them. For other hosts ztunnel restricts nothing; the namespace's NetworkPolicy does (network-policies.ts).
 *
 * https://istio.io/latest/docs/ambient/usage/waypoint/#useawaypoint
 */
export function waypointEgress(model: PolicyModel): KubernetesObject[] {
  return hostsOf(model, "waypoint").flatMap((host) => hostObjects(host, model.trustDomain));
}

function hostObjects(hostRules: HostRules, trustDomain: string): KubernetesObject[] {
  const { rules } = hostRules;
  const place = egressPlace(hostRules);
  const waypoint = rules[0]?.waypoint?.name ?? "waypoint";
  const allowed = rules.map(({ workload, settings }) => ({
    from: [{ source: { principals: [principal(workload, trustDomain)] } }],
    to: [{ operation: { ports: sortedUnique(settings.ports.map(String)) } }],
  }));
  return [
    ...externalHost(place, hostRules, { labels: { "istio.io/use-waypoint": waypoint } }),
    // A name of deployed objects; another would replace them.
    istioObject(
      "AuthorizationPolicy",
      { ...place, name: policyName(place.name, "way-out") },
      {
        targetRefs: [{ group: "networking.istio.io", kind: "ServiceEntry", name: place.name }],
        action: "ALLOW",
        rules: sortedUnique(allowed),
      },
    ),
  ];
}
