import type { types } from "@pulumi/kubernetes";
import { clusterTraits } from "../components/cluster/kinds";
import type { DataPlane } from "../components/model/data-planes";
import type { PolicyModel } from "../components/model/policies/policy-model";
import type { Settings } from "../components/settings/schema";
import { grouped } from "../components/shared/grouped";
import type { KubernetesObject } from "../components/shared/kubernetes/object";
import { policyObject } from "./api-objects";

type Spec = types.input.networking.v1.NetworkPolicySpec;

/** The name of each NetworkPolicy, and the one that earlier releases gave it. */
export const egressOnly = { name: "egress-only", formerName: "ways-out" } as const;

const egress: Readonly<Record<Exclude<DataPlane, "none">, Spec["egress"]>> = {
  // Every pod of the cluster, such as the egress gateway.
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
 * A NetworkPolicy for each namespace, so that its workloads cannot bypass the egress gateway or waypoint. The cluster's
 * CNI has to enforce NetworkPolicy.
 *
 * https://kubernetes.io/docs/concepts/services-networking/network-policies/
 */
export function networkPolicies(model: PolicyModel): KubernetesObject<Spec>[] {
  const { egress: rules, workloads } = model;
  if (!rules) return [];
  const restricted = workloads.flatMap(({ namespace, name, dataPlane }) =>
    dataPlane === "none" || (dataPlane === "sidecar" && !rules.gateway) ? [] : [{ namespace, name, dataPlane }],
  );
  return grouped(restricted, ({ namespace }) => namespace).map(([{ namespace, dataPlane }, all]) => {
    // Workloads by name, because waypoints and gateways in the namespace need to reach external hosts.
    const podSelector = {
      matchExpressions: [{ key: "app", operator: "In", values: all.map(({ name }) => name).sort() }],
    };
    const spec = { podSelector, policyTypes: ["Egress"], egress: egress[dataPlane] };
    return policyObject(
      "networking.k8s.io/v1",
      "NetworkPolicy",
      { namespace, name: egressOnly.name, from: ["security", "egress"] },
      spec,
    );
  });
}

/** For the output `notes`: where the cluster may not enforce a NetworkPolicy. */
export function policyNotes({ cluster }: Pick<Settings, "cluster">, objects: readonly KubernetesObject[]): string[] {
  const { networkPolicies: enforced } = clusterTraits(cluster);
  if (enforced === "enforced" || !objects.some(({ kind }) => kind === "NetworkPolicy")) return [];
  const consequence = "a workload that connects to an external IP address bypasses security.egress";
  return [
    enforced === "ignored"
      ? `The cluster's flannel ignores NetworkPolicy: ${consequence}. ` +
        "Set kubeNetworkPoliciesEnabled under talos-mesh:cluster.cni, or use a CNI that enforces NetworkPolicy."
      : `It is not known whether the cluster's CNI enforces NetworkPolicy. If it does not, ${consequence}.`,
  ];
}
