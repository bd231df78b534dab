import { policyName } from "../../components/model/object-names";
import { allowedHosts, type EgressRule } from "../../components/model/policies/egress";
import type { ExternalService } from "../../components/model/policies/external-services";
import type { PolicyModel } from "../../components/model/policies/policy-model";
import type { KubernetesObject } from "../../components/shared/kubernetes/object";
import { type AuthorizationRule, istioObject, principal, sortedUnique } from "../api-objects";
import { selector } from "../attachment";

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
export function waypointEgress({ egress, externalServices, defaultDenyNamespaces, trustDomain }: PolicyModel) {
  const authorization = ({ name, namespace, path: from }: ExternalService, rules: readonly AuthorizationRule[]) => {
    const targetRefs = [{ group: "networking.istio.io", kind: "ServiceEntry", name }];
    // A name of deployed objects; another would replace them.
    const place = { name: policyName(name, "way-out"), namespace, from };
    return istioObject("AuthorizationPolicy", place, {
      targetRefs,
      action: "ALLOW",
      ...(rules.length > 0 && { rules: sortedUnique(rules) }),
    });
  };
  const allowing = ({ workload, settings: { ports } }: EgressRule) => ({
    from: [{ source: { principals: [principal(workload, trustDomain)] } }],
    ...(ports && { to: [{ operation: { ports: sortedUnique(ports.map(String)) } }] }),
  });
  const described = externalServices.filter(({ waypoint }) => waypoint);
  if (!egress) {
    // Otherwise the policy of the waypoint that allows nothing would close them.
    return described
      .filter(({ waypoint }) => waypoint && defaultDenyNamespaces.has(waypoint.namespace))
      .map((service) => authorization(service, [{}]));
  }
  return [
    ...allowedHosts(egress, "waypoint").map(({ service, rules }) => authorization(service, rules.map(allowing))),
    ...described.map((service) => {
      const rules = egress.rules.filter((rule) => [...rule.described.values()].includes(service));
      return authorization(service, rules.map(allowing));
    }),
  ];
}
