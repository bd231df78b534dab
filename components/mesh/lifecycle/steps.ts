import type * as command from "@pulumi/command";
import type * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import type { ControlPlane } from "../../model/control-planes";
import { lifecycleCommand } from "../../shared/lifecycle-command";

export type WantedControlPlane = Pick<ControlPlane, "revision" | "istiod" | "version">;

/** The input of each step; what the steps do is at their functions, see main.ts. */
export interface StepRequests {
  readonly "upgrade-check": { readonly owner: string; readonly controlPlanes: readonly WantedControlPlane[] };
  readonly "cni-gate": { readonly version: string; readonly controlPlanes: readonly WantedControlPlane[] };
  readonly "authority-check": {
    /** PEM: what is to sign, then what is between it and its root; undefined where only an issuer knows. */
    readonly certificate?: string;
    /** PEM. */
    readonly roots: string;
  };
  readonly "authority-ready": {
    /** Hash of what is installed: the step runs again when it changes. */
    readonly values: string;
  };
  readonly ready: {
    readonly controlPlanes: readonly WantedControlPlane[];
    readonly tags: Readonly<Record<string, string>>;
    readonly simulatedNodes: boolean;
    /** Hash of istiod's values: the step runs again when they change. The name is an input of deployed stacks. */
    readonly values: string;
  };
  readonly retire: { readonly revision: string };
  readonly leftovers: { readonly keepCRDs: boolean };
  readonly "gateway-address": {
    readonly namespace: string;
    /** Name of its release, its Deployment and its Service. */
    readonly release: string;
    /** Objects that istiod created for an earlier setting; the step deletes them. @default none */
    readonly unset?: readonly GatewayExtra[];
    /** How long the load balancer may take for the address; undefined where there is none. */
    readonly addressSeconds?: number;
    /** Hash of what is installed: the step runs again when it changes. */
    readonly values: string;
  };
  readonly inject: {
    readonly namespace: string;
    readonly deployment: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly template: PodTemplate;
  };
}

/** What istiod creates for a Gateway whose settings request it, and deletes with the Gateway only. */
export type GatewayExtra = "HorizontalPodAutoscaler" | "PodDisruptionBudget";

export type MeshStepName = keyof StepRequests;

export interface PodTemplate {
  readonly metadata: {
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: pulumi.Unwrap<kubernetes.types.input.core.v1.PodSpec>;
}

export interface StepAccess {
  readonly kubeconfig: pulumi.Input<string>;
  /** @default the kubeconfig's current context */
  readonly kubeContext?: string;
}

export type MeshStepInput<Name extends MeshStepName> = {
  readonly [Key in keyof StepRequests[Name]]: pulumi.Input<StepRequests[Name][Key]>;
};

/** Steps that run when their resource is deleted; the others run when it is created, and whenever the request changes. */
const onDelete: ReadonlySet<MeshStepName> = new Set(["retire", "leftovers"]);

/** A resource that runs a step. The request is in the environment, where a preview shows it; the kubeconfig goes by stdin. */
export function lifecycleStep<Name extends MeshStepName>(
  name: string,
  step: Name,
  request: MeshStepInput<Name>,
  { kubeconfig, kubeContext }: StepAccess,
  opts: pulumi.CustomResourceOptions,
): command.local.Command {
  // `exec`, so that stopping the command stops the step.
  const run = `exec node components/mesh/lifecycle/run.cjs ${step}`;
  return lifecycleCommand(
    name,
    {
      ...(onDelete.has(step) ? { apply: "true", delete: run } : { apply: run }),
      environment: {
        MESH_STEP: pulumi.jsonStringify(request),
        ...(kubeContext !== undefined && { MESH_KUBE_CONTEXT: kubeContext }),
      },
      stdin: pulumi.secret(kubeconfig),
    },
    opts,
  );
}
