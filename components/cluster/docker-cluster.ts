import type * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { digestOf } from "../shared/digest";
import { type ClusterArgs, type ClusterComponent, clusterProvider } from "./cluster";
import { dockerPatches } from "./talos/config/node-plan";
import { contractOf } from "./talos/config/node-settings";
import { patchWarnings, projectFiles, readPatches } from "./talos/config/user-patches";
import { joinParts, stepCommand, stepResource } from "./talos/steps";

/**
 * Talos in containers on this machine, by `talosctl cluster create`: real traffic without machines. Everything that
 * talosctl keeps of it is in `.talos-mesh/<stack>/docker`; the user's kubeconfig and talosconfig are left alone. Containers
 * are not changed: other settings create another cluster, and everything in it again.
 */
export class DockerCluster extends pulumi.ComponentResource implements ClusterComponent {
  readonly provider: kubernetes.Provider;
  readonly kubeconfig: pulumi.Output<string>;
  readonly deletedWith: pulumi.Resource;
  readonly kubeconfigCommand: string;

  constructor(name: string, args: ClusterArgs<"docker">, opts?: pulumi.ComponentResourceOptions) {
    super("talos-mesh:cluster:DockerCluster", name, {}, opts);
    const { settings, context } = args;
    const state = `.talos-mesh/${context.stack}/docker`;
    const userPatches = readPatches(settings, projectFiles(context.projectRoot));
    for (const warning of patchWarnings(userPatches)) void pulumi.log.warn(warning, this);
    const { controlPlane, worker } = dockerPatches(settings, userPatches);
    const patches = [...controlPlane, ...worker].map(({ content }) => content);
    const spec = digestOf({ ...settings, patches });

    const environment = {
      TALOS_CLUSTER: settings.name,
      TALOS_CONTRACT: `v${contractOf(settings)}`,
      TALOS_VERSION: settings.talosVersion,
      KUBERNETES_VERSION: settings.kubernetesVersion,
      TALOS_WORKER_COUNT: String(settings.workers),
      TALOS_STATE: state,
      TALOS_SPEC: spec,
      TALOS_CONTROL_PLANE_PATCHES: String(controlPlane.length),
      ...(settings.exposedPorts && {
        TALOS_EXPOSED_PORTS: settings.exposedPorts.map((port) => `${port}:${port}/tcp`).join(","),
      }),
    };
    const options = {
      parent: this,
      secretOutput: true,
      delete: stepCommand("docker-down"),
      // The new cluster replaces the old one under its name. It is created first all the same: deletedWith then applies to
      // what is in the old cluster, which Pulumi would otherwise look for in a cluster that no longer exists.
      replaceOnChanges: ["environment.TALOS_SPEC"],
    };
    const stdin = joinParts("", ...patches);
    const containers = stepResource(`${name}-containers`, "docker-up", { environment, stdin }, options);
    this.deletedWith = containers;
    this.kubeconfig = containers.stdout;
    // With the spec in its identity, a replaced cluster is not taken for a renewed kubeconfig.
    const identity = `${settings.name}-${spec}`;
    this.provider = clusterProvider(name, { kubeconfig: this.kubeconfig }, context.stack, identity, this);
    this.kubeconfigCommand = `export KUBECONFIG="$PWD/${state}/kubeconfig"`;

    this.registerOutputs({ kubeconfigCommand: this.kubeconfigCommand });
  }
}
