import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { autoCharts } from "../../embedded/cluster/auto-charts";
import { unusableFolder } from "../../embedded/cluster/files";
import type { ClusterRequest } from "../../embedded/cluster/request";
import { nextIncarnation } from "../../embedded/cluster/status";
import type { ProgramContext } from "../settings/context";
import type { Settings } from "../settings/schema";
import type { EmbeddedClusterSettings } from "../settings/sections/cluster";
import { officialCharts, versions } from "../settings/versions";
import { lifecycleCommand } from "../shared/lifecycle-command";
import { type Cluster, providerArgs } from "./cluster";

export interface EmbeddedClusterArgs {
  readonly settings: EmbeddedClusterSettings;
  readonly charts: Settings["charts"];
  readonly context: ProgramContext;
}

/**
 * A real control plane on this machine with simulated nodes, by `kwokctl` (embedded/cluster). Everything of it lies in
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
  readonly autoCharts: "official" | "stand-ins";

  constructor(name: string, args: EmbeddedClusterArgs, opts?: pulumi.ComponentResourceOptions) {
    super("talos-mesh:cluster:EmbeddedCluster", name, {}, opts);
    const { settings, charts, context } = args;
    const problem = context.render ? undefined : unusableFolder(context.projectRoot);
    if (problem !== undefined) throw new pulumi.RunError(`cluster.kind: embedded cannot be used here: ${problem}`);

    const controlPlane = lifecycleCommand(
      `${name}-control-plane`,
      {
        apply: "exec node embedded/cluster/bin/embedded-cluster.cjs up",
        delete: "exec node embedded/cluster/bin/embedded-cluster.cjs delete",
        environment: {
          TALOS_MESH_CLUSTER: request(settings, context),
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
        ...providerArgs(context.stack, settings.name),
        // What a killed run has made is in no state yet. All in this cluster is ours, so the next run takes it over
        // where the provider would say for ever that it "already exists".
        upsertExistingObjects: true,
        // A field that somebody else has changed goes back to what the program says, as with the embedded runner.
        enablePatchForce: true,
      },
      { parent: this },
    );
    // Rendering asks nobody, and neither does a source that is named.
    const open = charts.source === "auto" && !context.render;
    this.autoCharts = open
      ? autoCharts(context, `${officialCharts}/index.yaml`, pulumi.runtime.isDryRun())
      : "official";
    this.kubeconfigCommand = `export KUBECONFIG="$PWD/.talos-mesh/${context.stack}/kubeconfig"`;

    this.registerOutputs({ kubeconfigCommand: this.kubeconfigCommand });
  }
}

async function request(settings: EmbeddedClusterSettings, context: ProgramContext): Promise<string> {
  const asked: ClusterRequest = {
    stack: context.stack,
    name: settings.name,
    kubernetesVersion: settings.kubernetesVersion ?? versions.kubernetes,
    workers: settings.workers,
    apiServerPort: settings.apiServerPort,
    // Changes when processes or nodes are gone (a reboot), so that the plan says so and the next up brings them back.
    incarnation: context.render ? 1 : await nextIncarnation(context.projectRoot, context.stack),
  };
  return JSON.stringify(asked);
}
