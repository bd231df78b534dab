import type { types } from "@pulumi/kubernetes";
import type { KubernetesObject } from "../components/shared/kubernetes/object";
import type { DataPlane } from "../components/model/data-planes";
import type { ResolvedModel } from "./resolve/resolved";

type Spec = types.input.networking.v1.NetworkPolicySpec;

/** What the pods of workloads may send in each data plane, and nothing else. */
const ways: Readonly<Record<Exclude<DataPlane, "none">, Spec["egress"]>> = {
  // Every pod of the cluster, the egress gateway among them.
  sidecar: [{ to: [{ namespaceSelector: {} }] }],
  // ztunnel's tunnels to pods and waypoints, and the cluster's DNS.
  ambient: [
    { to: [{ namespaceSelector: {} }], ports: [{ port: 15008, protocol: "TCP" }] },
    {
      to: [{ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "kube-system" } } }],
      ports: [
        { port: 53, protocol: "UDP" },
        { port: 53, protocol: "TCP" },
      ],
    },
  ],
};

/**
 * Keeps workloads from going round the gateway or waypoint that lets them out: one NetworkPolicy for each namespace.
 * It holds where the cluster's CNI enforces NetworkPolicy, and does nothing where it does not.
 *
 * https://kubernetes.io/docs/concepts/services-networking/network-policies/
 */
export function compileNetworkPolicies({ egress, targets }: ResolvedModel): KubernetesObject<Spec>[] {
  if (!egress) return [];
  const namespaces = new Map<string, { readonly dataPlane: Exclude<DataPlane, "none">; readonly names: string[] }>();
  for (const { namespace, name, dataPlane } of targets) {
    if (dataPlane === "none" || (dataPlane === "sidecar" && !egress.gateway)) continue;
    const before = namespaces.get(namespace);
    if (before) before.names.push(name);
    else namespaces.set(namespace, { dataPlane, names: [name] });
  }
  return [...namespaces].map(([namespace, { dataPlane, names }]) => ({
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { name: "ways-out", namespace, labels: { "app.kubernetes.io/managed-by": "talos-mesh" } },
    spec: {
      // Workloads by name: waypoints and gateways of the namespace are the ways out.
      podSelector: { matchExpressions: [{ key: "app", operator: "In", values: [...names].sort() }] },
      policyTypes: ["Egress"],
      egress: ways[dataPlane],
    },
  }));
}
