import { createHash } from "node:crypto";
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import type { ProgramContext } from "../settings/context";
import type { DockerClusterSettings } from "../settings/sections/cluster";
import { type Cluster, providerArgs } from "./cluster";
import { dockerPatches } from "./talos/config/cluster-plan";
import { contractOf } from "./talos/config/contract";
import { fileReader } from "./talos/config/patch-files";
import { joinParts, stepCommand, stepResource } from "./talos/step";

export interface DockerClusterArgs {
  readonly settings: DockerClusterSettings;
  readonly context: ProgramContext;
}

/**
 * Talos in containers on this machine, by `talosctl cluster create`: real traffic without machines. All that talosctl
 * keeps of it lies in `.talos-mesh/<stack>/docker`; the user's kubeconfig and talosconfig are never touched. Containers
 * are not changed: other settings are another cluster, and everything in it is made anew.
 */
export class DockerCluster extends pulumi.ComponentResource implements Cluster {
  readonly component = this;
  readonly provider: kubernetes.Provider;
  readonly kubeconfig: pulumi.Output<string>;
  readonly deletedWith: pulumi.Resource;
  readonly kubeconfigCommand: string;
  readonly nodeAddress: string;
  readonly simulatedNodes = false;
  readonly talos = true;

  constructor(name: string, args: DockerClusterArgs, opts?: pulumi.ComponentResourceOptions) {
    super("talos-mesh:cluster:DockerCluster", name, {}, opts);
    const { settings, context } = args;
    const state = `.talos-mesh/${context.stack}/docker`;
    const patches = dockerPatches(settings, fileReader(context.projectRoot));
    for (const warning of patches.warnings) void pulumi.log.warn(warning, this);
    const contents = [...patches.controlPlane, ...patches.worker].map(({ content }) => content);
    const spec = createHash("sha256")
      .update(JSON.stringify({ ...settings, patches: contents }))
      .digest("hex")
      .slice(0, 12);

    const containers = stepResource(
      `${name}-containers`,
      "docker-up",
      {
        environment: {
          TALOS_CLUSTER: settings.name,
          TALOS_CONTRACT: `v${contractOf(settings)}`,
          TALOS_VERSION: settings.talosVersion,
          KUBERNETES_VERSION: settings.kubernetesVersion,
          TALOS_WORKER_COUNT: String(settings.workers),
          TALOS_STATE: state,
          TALOS_SPEC: spec,
          TALOS_CONTROL_PLANE_PATCHES: String(patches.controlPlane.length),
        },
        stdin: joinParts("", ...contents),
      },
      {
        parent: this,
        secretOutput: true,
        delete: stepCommand("docker-down"),
        // The new one takes the old one's place and its name. It is made first all the same: what is in the old cluster is
        // then known to go with it (deletedWith), where Pulumi would else look for it in a cluster that is gone.
        replaceOnChanges: ["environment.TALOS_SPEC"],
      },
    );
    this.deletedWith = containers;
    this.kubeconfig = containers.stdout;
    this.provider = new kubernetes.Provider(
      `${name}-kubernetes`,
      {
        kubeconfig: this.kubeconfig,
        // Another cluster is told from a renewed kubeconfig by its name.
        ...providerArgs(context.stack, `${settings.name}-${spec}`),
      },
      { parent: this },
    );
    this.kubeconfigCommand = `export KUBECONFIG="$PWD/${state}/kubeconfig"`;
    // talosctl's default network for containers; its first node has the first address after the gateway's.
    this.nodeAddress = "10.5.0.2";

    this.registerOutputs({ kubeconfigCommand: this.kubeconfigCommand });
  }
}
