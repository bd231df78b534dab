/** Istio's root namespace: the control plane, and policies of the whole mesh. */
export const rootNamespace = "istio-system";

/** Istio's own name for the control plane without a revision. */
export const defaultRevision = "default";
