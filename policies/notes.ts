import type { Settings } from "../components/settings/schema";
import type { KubernetesObject } from "../components/shared/kubernetes/object";

/** What a person must know of the policies: which of them hold only where something else does. */
export function policyNotes({ cluster }: Pick<Settings, "cluster">, objects: readonly KubernetesObject[]): string[] {
  const enforced = networkPolicies(cluster);
  if (enforced === "enforced" || !objects.some(({ kind }) => kind === "NetworkPolicy")) return [];
  const loss = "a workload that asks for an address outside in place of a name goes round security.egress";
  return [
    enforced === "ignored"
      ? `The cluster's flannel ignores NetworkPolicy, so that ${loss}; set kubeNetworkPoliciesEnabled under talos-mesh:cluster.cni, or take a CNI that enforces it.`
      : `Whether the cluster's CNI enforces NetworkPolicy is not known here; where it does not, ${loss}.`,
  ];
}

function networkPolicies(cluster: Settings["cluster"]): "enforced" | "ignored" | "unknown" {
  switch (cluster.kind) {
    case "embedded":
      // No traffic, and nothing to go round.
      return "enforced";
    case "docker":
      return "ignored";
    case "talos":
      if (cluster.cni.name !== "flannel") return "unknown";
      return cluster.cni.kubeNetworkPoliciesEnabled ? "enforced" : "ignored";
    case "existing":
      return "unknown";
  }
}
