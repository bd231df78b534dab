/** Istio's root namespace: the control plane, and policies of the whole mesh. */
export const rootNamespace = "istio-system";

/**
 * Whether a namespace is of Kubernetes or of the mesh: this program changes nothing in it but what its own parts need, and
 * its pods have no proxies. In the root namespace, a policy applies to the whole mesh.
 */
export function isSystemNamespace(name: string): boolean {
  return name === rootNamespace || name.startsWith("kube-");
}

/** Istio's own name for the control plane without a revision. */
export const defaultRevision = "default";
