import type * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { autoCharts } from "../../embedded/cluster/auto-charts";
import { unusableFolder } from "../../embedded/cluster/files";
import type { ClusterRequest } from "../../embedded/cluster/request";
import { keptKubeconfig, nextIncarnation } from "../../embedded/cluster/status";
import type { ProgramContext } from "../settings/context";
import type { EmbeddedClusterSettings } from "./kinds";
import { officialCharts, versions } from "../settings/versions";
import { lifecycleCommand } from "../shared/lifecycle-command";
import { type ClusterArgs, type ClusterComponent, clusterProvider } from "./cluster";

/** By `kwokctl` (embedded/cluster). All its files are in `.talos-mesh/<stack>`; the user's kubeconfig is left alone. */
export class EmbeddedCluster extends pulumi.ComponentResource implements ClusterComponent {
  readonly provider: kubernetes.Provider;
  readonly kubeconfig: pulumi.Output<string>;
  readonly deletedWith: pulumi.Resource;
  readonly kubeconfigCommand: string;
  readonly autoCharts: "official" | "stand-ins";

  constructor(name: string, args: ClusterArgs<"embedded">, opts?: pulumi.ComponentResourceOptions) {
    super("talos-mesh:cluster:EmbeddedCluster", name, {}, opts);
    const { settings, charts, context } = args;
    const problem = context.render ? undefined : unusableFolder(context.projectRoot);
    if (problem !== undefined) throw new pulumi.RunError(`cluster.kind: embedded cannot be used here: ${problem}`);

    const controlPlane = lifecycleCommand(
      `${name}-control-plane`,
      {
        apply: "exec node embedded/cluster/bin/embedded-cluster.cjs up",
        delete: "exec node embedded/cluster/bin/embedded-cluster.cjs delete",
        environment: { TALOS_MESH_CLUSTER: request(settings, context) },
        secretOutput: true,
      },
      { parent: this },
    );
    this.deletedWith = controlPlane;
    // What the command prints is unknown while an input changes, and with it every object in a preview. The kubeconfig stays
    // the same for as long as the cluster keeps its data, so it is read from there. By the id, it waits for the command.
    const kept = context.render ? undefined : keptKubeconfig(context.projectRoot, context.stack);
    this.kubeconfig = kept === undefined ? controlPlane.stdout : pulumi.secret(controlPlane.id.apply(() => kept));
    const providerArgs = {
      kubeconfig: this.kubeconfig,
      // A field that another client has changed is set back, as by the embedded engine.
      enablePatchForce: true,
    };
    this.provider = clusterProvider(name, providerArgs, context.stack, settings.name, this);
    // Rendering and a named source need no request to the repository.
    const undecided = charts.source === "auto" && !context.render;
    const index = `${officialCharts}/index.yaml`;
    this.autoCharts = undecided ? autoCharts(context, index, pulumi.runtime.isDryRun()) : "official";
    this.kubeconfigCommand = `export KUBECONFIG="$PWD/.talos-mesh/${context.stack}/kubeconfig"`;

    this.registerOutputs({ kubeconfigCommand: this.kubeconfigCommand });
  }
}

async function request(settings: EmbeddedClusterSettings, context: ProgramContext): Promise<string> {
  const clusterRequest: ClusterRequest = {
    stack: context.stack,
    name: settings.name,
    kubernetesVersion: settings.kubernetesVersion ?? versions.kubernetes,
    workers: settings.workers,
    apiServerPort: settings.apiServerPort,
    // Changes when processes or nodes are gone (a reboot), so that the preview shows it and the next up starts them again.
    incarnation: context.render ? 1 : await nextIncarnation(context.projectRoot, context.stack),
  };
  return JSON.stringify(clusterRequest);
}
