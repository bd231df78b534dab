import { createHash } from "node:crypto";
import type * as command from "@pulumi/command";
import type * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import type { ControlPlane } from "../../model/control-planes";
import type { MeshSettings } from "../../settings/sections/mesh";
import type { HelmValues } from "../../shared/helm-release";
import { lifecycleCommand } from "../../shared/lifecycle-command";
import type { ClusterFacts } from "../values/common-values";

/** A control plane as it should be. */
export interface WantedControlPlane {
  /** `default` for the one without a revision. */
  readonly revision: string;
  /** Name of its Deployment. */
  readonly istiod: string;
  readonly version: string;
}

/** The input of each step of the mesh's life cycle: plain JSON, in the environment of its Command. */
export interface StepRequests {
  /** Refuses, before anything is changed, what the cluster's present state does not allow. */
  readonly "upgrade-check": {
    /** Project and stack. */
    readonly owner: string;
    readonly controlPlanes: readonly WantedControlPlane[];
  };
  /** Holds istio-cni back until the control planes run, so that it never leads them. */
  readonly "cni-gate": {
    /** The version that istio-cni should have. */
    readonly version: string;
    readonly controlPlanes: readonly WantedControlPlane[];
  };
  /** Ends when injection and validation answer. */
  readonly ready: {
    readonly controlPlanes: readonly WantedControlPlane[];
    /** Revision by tag. */
    readonly tags: Readonly<Record<string, string>>;
    /** Simulated nodes run no pod, so that no webhook can answer. */
    readonly simulatedNodes: boolean;
    /** Changes with the values of the control planes, so that the step waits again when they change. */
    readonly values: string;
  };
  /** Refuses to remove a control plane while proxies belong to it and another control plane could take them. */
  readonly retire: { readonly revision: string };
  /** Removes what Istio has created and no release owns. */
  readonly leftovers: { readonly keepCRDs: boolean };
  /** Ends when a gateway or a waypoint runs, and behind a load balancer has its address. */
  readonly "gateway-address": {
    readonly namespace: string;
    /** Name of its release, its Deployment and its Service. */
    readonly release: string;
    /** Objects of the same name that istiod may have created for an earlier setting. @default none */
    readonly unset?: readonly GatewayExtra[];
    /** How long the load balancer may take for the address; undefined where there is none. */
    readonly addressSeconds?: number;
    /** Changes with what the gateway is made of, so that the step waits again when that changes. */
    readonly values: string;
  };
  /** Prints the template of a workload's pods with the proxy written out. */
  readonly inject: {
    readonly namespace: string;
    readonly deployment: string;
    /** Labels that request the proxy. */
    readonly labels: Readonly<Record<string, string>>;
    readonly template: PodTemplate;
  };
}

/** What istiod creates for a Gateway whose settings request it, and deletes with the Gateway only. */
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

/** How a step reaches the cluster. */
export interface StepAccess {
  /** Text of a kubeconfig, secret. */
  readonly kubeconfig: pulumi.Input<string>;
  /** @default the kubeconfig's current context */
  readonly kubeContext?: string;
}

/** A request whose fields may be known later. */
type StepInput<Name extends StepName> = {
  readonly [Key in keyof StepRequests[Name]]: pulumi.Input<StepRequests[Name][Key]>;
};

/** `exec`, so that stopping the command stops the step. */
function stepCommand(step: StepName): string {
  return `exec node components/mesh/lifecycle/run.cjs ${step}`;
}

/** A command that does nothing. */
const nothing = "true";

/** A field of a request that changes with `madeOf`, so that the step runs again. */
export function changesWith(madeOf: object): string {
  return createHash("sha256").update(JSON.stringify(madeOf)).digest("hex").slice(0, 12);
}

/**
 * A resource that runs a step: when it is created and whenever the request changes, or only when it is deleted. The request
 * is in the environment, where a preview shows it; the kubeconfig goes by stdin.
 */
export function lifecycleStep<Name extends StepName>(
  name: string,
  args: {
    readonly step: Name;
    readonly when: "applied" | "deleted";
    readonly access: StepAccess;
    readonly request: StepInput<Name>;
  },
  opts: pulumi.CustomResourceOptions,
): command.local.Command {
  const { step, when, access, request } = args;
  return lifecycleCommand(
    name,
    {
      ...(when === "applied" ? { apply: stepCommand(step) } : { apply: nothing, delete: stepCommand(step) }),
      environment: {
        MESH_STEP: pulumi.jsonStringify(request),
        ...(access.kubeContext !== undefined && { MESH_KUBE_CONTEXT: access.kubeContext }),
      },
      stdin: pulumi.secret(access.kubeconfig),
    },
    opts,
  );
}

export interface LifecycleStepsArgs {
  readonly planes: readonly ControlPlane[];
  readonly mesh: MeshSettings;
  readonly cluster: ClusterFacts & StepAccess;
  /** Helm values of a control plane. */
  readonly istiod: (plane: ControlPlane) => HelmValues;
}

/** The steps between the releases of a mesh; see `StepRequests` for what each does. */
export class LifecycleSteps {
  private readonly controlPlanes: readonly WantedControlPlane[];

  constructor(
    private readonly name: string,
    private readonly args: LifecycleStepsArgs,
    private readonly child: pulumi.CustomResourceOptions,
  ) {
    this.controlPlanes = args.planes.map(({ revision, istiod, version }) => ({ revision, istiod, version }));
  }

  /** Created before everything of Istio, and so deleted after it. */
  leftovers(): command.local.Command {
    return this.step(
      `${this.name}-leftovers`,
      { step: "leftovers", when: "deleted", request: { keepCRDs: this.args.mesh.keepCRDs } },
      [],
    );
  }

  upgradeCheck(): command.local.Command {
    const owner = `${pulumi.getProject()}/${pulumi.getStack()}`;
    const request = { owner, controlPlanes: this.controlPlanes };
    return this.step(`${this.name}-upgrade-check`, { step: "upgrade-check", when: "applied", request }, []);
  }

  cniGate(version: string, base: pulumi.Resource): command.local.Command {
    const request = { version, controlPlanes: this.controlPlanes };
    return this.step(`${this.name}-cni-gate`, { step: "cni-gate", when: "applied", request }, [base]);
  }

  /** Whatever has a proxy depends on it, and so is deleted before this checks whether the control plane may go. */
  retirement({ revision, istiod }: ControlPlane, release: pulumi.Resource): command.local.Command {
    const request = { revision };
    return this.step(`${this.name}-${istiod}-retirement`, { step: "retire", when: "deleted", request }, [release]);
  }

  ready(parts: readonly pulumi.Resource[]): command.local.Command {
    const { planes, mesh, cluster, istiod } = this.args;
    const request = {
      controlPlanes: this.controlPlanes,
      tags: mesh.tags,
      simulatedNodes: cluster.simulatedNodes,
      values: changesWith(planes.map(istiod)),
    };
    return this.step(`${this.name}-ready`, { step: "ready", when: "applied", request }, parts);
  }

  private step<Name extends StepName>(
    name: string,
    args: Omit<Parameters<typeof lifecycleStep<Name>>[1], "access">,
    dependsOn: readonly pulumi.Resource[],
  ): command.local.Command {
    const after = dependsOn.length > 0 && { dependsOn: [...dependsOn] };
    return lifecycleStep(name, { ...args, access: this.args.cluster }, { ...this.child, ...after });
  }
}
