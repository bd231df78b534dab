import type * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import type { ControlPlane } from "../../model/control-planes";
import type { MeshSettings } from "../../settings/sections/mesh";
import type { HelmValues } from "../../shared/helm-release";
import type { ClusterFacts } from "../values/common-values";
import type { WantedControlPlane } from "./requests";
import { changesWith, lifecycleStep, type StepAccess } from "./step";

export interface LifecycleStepsArgs {
  readonly planes: readonly ControlPlane[];
  readonly mesh: MeshSettings;
  readonly cluster: ClusterFacts & StepAccess;
  /** Helm values of a control plane. */
  readonly istiod: (plane: ControlPlane) => HelmValues;
}

/** The steps between the releases of a mesh; what each does, `StepRequests` says. */
export class LifecycleSteps {
  private readonly controlPlanes: readonly WantedControlPlane[];

  constructor(
    private readonly name: string,
    private readonly args: LifecycleStepsArgs,
    private readonly child: pulumi.CustomResourceOptions,
  ) {
    this.controlPlanes = args.planes.map(({ revision, istiod, version }) => ({ revision, istiod, version }));
  }

  /** Made before everything of Istio, and so deleted after it. */
  leftovers(): command.local.Command {
    return lifecycleStep(
      `${this.name}-leftovers`,
      {
        step: "leftovers",
        when: "deleted",
        access: this.args.cluster,
        request: { keepCRDs: this.args.mesh.keepCRDs },
      },
      this.child,
    );
  }

  upgradeCheck(): command.local.Command {
    const owner = `${pulumi.getProject()}/${pulumi.getStack()}`;
    return lifecycleStep(
      `${this.name}-upgrade-check`,
      {
        step: "upgrade-check",
        when: "applied",
        access: this.args.cluster,
        request: { owner, controlPlanes: this.controlPlanes },
      },
      this.child,
    );
  }

  cniGate(version: string, base: pulumi.Resource): command.local.Command {
    return lifecycleStep(
      `${this.name}-cni-gate`,
      {
        step: "cni-gate",
        when: "applied",
        access: this.args.cluster,
        request: { version, controlPlanes: this.controlPlanes },
      },
      { ...this.child, dependsOn: base },
    );
  }

  /** Whatever has a proxy is made after it, and so is gone before it is asked whether the control plane may go. */
  retirement({ revision, istiod }: ControlPlane, release: pulumi.Resource): command.local.Command {
    return lifecycleStep(
      `${this.name}-${istiod}-retirement`,
      { step: "retire", when: "deleted", access: this.args.cluster, request: { revision } },
      { ...this.child, dependsOn: release },
    );
  }

  ready(parts: readonly pulumi.Resource[]): command.local.Command {
    const { planes, mesh, cluster, istiod } = this.args;
    return lifecycleStep(
      `${this.name}-ready`,
      {
        step: "ready",
        when: "applied",
        access: cluster,
        request: {
          controlPlanes: this.controlPlanes,
          tags: mesh.tags,
          simulatedNodes: cluster.simulatedNodes,
          values: changesWith(planes.map(istiod)),
        },
      },
      { ...this.child, dependsOn: [...parts] },
    );
  }
}
