/** Of the ConfigMap by which a cluster knows a stack that is on it; the value is "true". */
export const markerLabel = "talos-mesh/stack-on-cluster";

/** Its keys. */
export interface Marker {
  /** `organization/project/stack`. */
  readonly stack: string;
  /** The stack that it takes the cluster from. */
  readonly cluster: string;
}

export const markerNamespace = "kube-system";

export const requestVariable = "STACK_ORDER";
export const contextVariable = "STACK_ORDER_KUBE_CONTEXT";

/** Set to 1 by `npm run destroy -- --force`: a cluster is destroyed with stacks on it. */
export const forceVariable = "TALOS_MESH_FORCE_DESTROY";

export interface OrderRequest {
  /** The stack that is destroyed: its own marker does not count. */
  readonly stack: string;
}
