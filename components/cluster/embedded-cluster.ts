import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { plannedIncarnation } from "../../lab/embedded/incarnation";
import type { ProgramContext } from "../settings/context";
import type { EmbeddedClusterSettings } from "../settings/sections/cluster";
import { versions } from "../settings/versions";
import { lifecycleCommand } from "../shared/lifecycle-command";
import { type Cluster, clusterIdentifier } from "./cluster";

export interface EmbeddedClusterArgs {
  readonly settings: EmbeddedClusterSettings;
  readonly context: ProgramContext;
}

/**
 * A real control plane on this machine with simulated nodes, by `kwokctl` (lab/embedded). Everything of it lies in
 * `.talos-mesh/<stack>`; the user's kubeconfig is never touched.
 */
export class EmbeddedCluster extends pulumi.ComponentResource implements Cluster {
  readonly component = this;
  readonly provider: kubernetes.Provider;
  readonly kubeconfig: pulumi.Output<string>;
  readonly deletedWith: pulumi.Resource;
  readonly kubeconfigCommand: string;
  readonly simulatedNodes = true;
  readonly talos = false;

  constructor(name: string, args: EmbeddedClusterArgs, opts?: pulumi.ComponentResourceOptions) {
    super("talos-mesh:cluster:EmbeddedCluster", name, {}, opts);
    const { settings, context } = args;

    const controlPlane = lifecycleCommand(
      `${name}-control-plane`,
      {
        apply: "exec node lab/bin/embedded-cluster.cjs up",
        delete: "exec node lab/bin/embedded-cluster.cjs delete",
        environment: {
          TALOS_MESH_CLUSTER: JSON.stringify({
            stack: context.stack,
            name: settings.name,
            kubernetesVersion: settings.kubernetesVersion ?? versions.kubernetes,
            workers: settings.workers,
            apiServerPort: settings.apiServerPort,
            // Changes when the processes have died (a reboot), so that the plan says so and the next up starts them.
            incarnation: context.render ? 1 : plannedIncarnation(context.projectRoot, context.stack),
          }),
        },
        secretOutput: true,
      },
      { parent: this },
    );
    this.deletedWith = controlPlane;
    this.kubeconfig = controlPlane.stdout;
    this.provider = new kubernetes.Provider(
      `${name}-kubernetes`,
      {
        kubeconfig: this.kubeconfig,
        clusterIdentifier: clusterIdentifier(context.stack, settings.name),
        // What a killed run has made is in no state yet. All in this cluster is ours, so the next run takes it over
        // where the provider would say for ever that it "already exists".
        upsertExistingObjects: true,
      },
      { parent: this },
    );
    this.kubeconfigCommand = `export KUBECONFIG="$PWD/.talos-mesh/${context.stack}/kubeconfig"`;

    this.registerOutputs({ kubeconfigCommand: this.kubeconfigCommand });
  }
}
