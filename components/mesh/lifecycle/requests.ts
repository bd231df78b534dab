import type * as kubernetes from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";

/** What the steps of the mesh's life cycle are told; plain JSON, as it stands in a command's environment. */

/** A control plane as it should be. */
export interface WantedControlPlane {
  /** `default` for the one without a revision. */
  readonly revision: string;
  /** Name of its Deployment. */
  readonly istiod: string;
  readonly version: string;
}

export interface StepRequests {
  /** Refuses, before anything is changed, what the cluster's present state does not allow. */
  readonly "upgrade-check": {
    /** Who this is: project and stack. */
    readonly owner: string;
    readonly controlPlanes: readonly WantedControlPlane[];
  };
  /** Holds istio-cni back until the control planes run, so that it never leads them. */
  readonly "cni-gate": {
    /** The version istio-cni is to have. */
    readonly version: string;
    readonly controlPlanes: readonly WantedControlPlane[];
  };
  /** Ends when injection and validation answer. */
  readonly ready: {
    readonly controlPlanes: readonly WantedControlPlane[];
    /** Revision by tag. */
    readonly tags: Readonly<Record<string, string>>;
    /** Nodes that run nothing: no webhook can answer. */
    readonly simulatedNodes: boolean;
    /** Changes with the values of the control planes, so that their change is waited for as well. */
    readonly values: string;
  };
  /** Refuses to let a control plane go while proxies of others belong to it. */
  readonly retire: { readonly revision: string };
  /** Removes what Istio has made and no release owns. */
  readonly leftovers: { readonly keepCRDs: boolean };
  /** Ends when a gateway or a waypoint runs, and behind a load balancer has its address. */
  readonly "gateway-address": {
    readonly namespace: string;
    /** Name of its release, its Deployment and its Service. */
    readonly release: string;
    /** What istiod may have made beside it under the same name, and nothing is said of any more. @default none */
    readonly unset?: readonly GatewayExtra[];
    /** How long the load balancer may take for the address; without it, there is none. */
    readonly addressSeconds?: number;
    /** Changes with what the gateway is made of, so that their change is waited for as well. */
    readonly values: string;
  };
  /** Prints the template of a workload's pods with the proxy written out. */
  readonly inject: {
    readonly namespace: string;
    readonly deployment: string;
    /** Labels that ask for the proxy. */
    readonly labels: Readonly<Record<string, string>>;
    readonly template: PodTemplate;
  };
}

/** What istiod makes of a Gateway where something is said of it, and takes away with the Gateway only. */
export type GatewayExtra = "HorizontalPodAutoscaler" | "PodDisruptionBudget";

export type StepName = keyof StepRequests;

/** A pod's template, in Kubernetes' own form. */
export interface PodTemplate {
  readonly metadata: {
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: pulumi.Unwrap<kubernetes.types.input.core.v1.PodSpec>;
}
