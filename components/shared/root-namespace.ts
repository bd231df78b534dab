/** Istio's root namespace: the control plane, and policies of the whole mesh. */
export const rootNamespace = "istio-system";
