import * as kubernetes from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";

/** What every kind of cluster provides to later layers. */
export interface Cluster {
  readonly component: pulumi.ComponentResource;
  /** Reaches the API server; layers pass it to everything that they create in the cluster. */
  readonly provider: kubernetes.Provider;
  /** Text of the kubeconfig, secret. */
  readonly kubeconfig: pulumi.Output<string>;
  /** The kubeconfig's context. @default the current one */
  readonly kubeContext?: string;
  /** The resource that is the cluster, where this program creates it. */
  readonly deletedWith?: pulumi.Resource;
  /** The shell command that points kubectl at this cluster. */
  readonly kubeconfigCommand: string;
  /** Address at which NodePorts answer; none where nodes are simulated. */
  readonly nodeAddress?: string;
  /** Nodes run no containers: objects become ready, but no traffic flows. */
  readonly simulatedNodes: boolean;
  /** The charts that `charts.source: auto` selects; only an embedded cluster has others than the official ones. */
  readonly autoCharts?: "official" | "stand-ins";
  /** Nodes run Talos, which some chart values depend on. */
  readonly talos: boolean;
}

/**
 * The Kubernetes provider of a cluster.
 *
 * @param identity tells clusters apart: with it, a renewed kubeconfig is not taken for another cluster
 */
export function clusterProvider(
  name: string,
  args: kubernetes.ProviderArgs,
  stack: string,
  identity: string,
  parent: pulumi.Resource,
): kubernetes.Provider {
  return new kubernetes.Provider(
    `${name}-kubernetes`,
    {
      ...args,
      clusterIdentifier: `talos-mesh/${stack}/${identity}`,
      // A changed Secret is updated. A replacement would delete it for a moment, and with it a gateway's certificate.
      enableSecretMutable: true,
    },
    { parent },
  );
}
