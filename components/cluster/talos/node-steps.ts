import { createHash } from "node:crypto";
import * as pulumi from "@pulumi/pulumi";
import type { ClusterPlan, NodePlan, TalosNodeSettings } from "./config/types";
import { joinParts, type StepInput } from "./step";

/** What a cluster's steps have in common. */
export interface ClusterFacts {
  /** Name of the cluster. */
  readonly cluster: string;
  readonly contract: pulumi.Output<string>;
  /** Text of talsecret.yaml, secret. */
  readonly machineSecrets: pulumi.Output<string>;
  readonly plan: pulumi.Output<ClusterPlan>;
  readonly reboot: "never" | "when-needed" | "staged";
  /** Folder for etcd snapshots, relative to the project. */
  readonly snapshotFolder?: string;
}

/**
 * The input of one node's steps. Each holds what concerns this node and nothing of the others, so that a change of one
 * node runs no step of another.
 */
export class NodeSteps {
  readonly hostname: string;
  private readonly own: Readonly<Record<string, pulumi.Input<string>>>;
  private readonly plan: pulumi.Output<NodePlan>;

  constructor(
    private readonly facts: ClusterFacts,
    node: TalosNodeSettings,
    index: number,
  ) {
    this.hostname = node.hostname;
    this.plan = facts.plan.apply(({ nodes }) => {
      const plan = nodes[index];
      if (!plan) throw new Error(`no plan for node ${node.hostname}`);
      return plan;
    });
    this.own = {
      TALOS_CLUSTER: facts.cluster,
      TALOS_CONTRACT: facts.contract,
      TALOS_NODE: node.hostname,
      TALOS_ADDRESS: node.ipAddress,
      TALOS_ROLE: node.controlPlane ? "controlplane" : "worker",
    };
  }

  /** TALOS_PATCHES is there for people: which patch a preview's change comes from. */
  machineConfig(): StepInput {
    const { machineSecrets } = this.facts;
    return {
      environment: {
        ...this.own,
        TALOS_GEN_ARGS: this.plan.apply(({ genConfigArgs }) => genConfigArgs.join("\n")),
        TALOS_PATCH_FLAG: this.plan.apply(({ patchFlag }) => patchFlag),
        TALOS_PATCHES: this.plan.apply(({ patches }) => patches.map(fingerprint).join("\n")),
        TALOS_MODE: this.plan.apply(({ validateMode }) => validateMode),
      },
      stdin: pulumi.secret(
        pulumi
          .all([machineSecrets, this.plan])
          .apply(([secrets, { patches }]) => joinParts(secrets, ...patches.map(({ content }) => content))),
      ),
    };
  }

  apply(machineConfig: pulumi.Output<string>): StepInput {
    const { machineSecrets, reboot } = this.facts;
    return {
      environment: { ...this.own, TALOS_REBOOT: reboot },
      stdin: joinParts(machineSecrets, machineConfig),
    };
  }

  /** @param firstControlPlane address that the list of the cluster's nodes is asked from */
  upgrade(firstControlPlane: string, talosVersion: string): StepInput {
    return {
      environment: {
        ...this.own,
        ...this.snapshots(),
        TALOS_CONTROL_PLANE: firstControlPlane,
        TALOS_VERSION: talosVersion,
        TALOS_IMAGE: this.plan.apply(({ installerImage }) => installerImage),
        TALOS_SCHEMATIC: this.plan.apply(({ schematicId }) => schematicId ?? ""),
      },
      stdin: this.facts.machineSecrets,
    };
  }

  reset(): StepInput {
    return { environment: { ...this.own, ...this.snapshots() }, stdin: this.facts.machineSecrets };
  }

  private snapshots(): Record<string, string> {
    const { snapshotFolder } = this.facts;
    return snapshotFolder === undefined ? {} : { TALOS_SNAPSHOT_FOLDER: snapshotFolder };
  }
}

function fingerprint({ origin, content }: NodePlan["patches"][number]): string {
  return `${origin} sha256:${createHash("sha256").update(content).digest("hex").slice(0, 12)}`;
}
