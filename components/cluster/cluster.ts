import type * as kubernetes from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";

/** What every kind of cluster gives to the layers above it. */
export interface Cluster {
  /** The component. */
  readonly component: pulumi.ComponentResource;
  /** Reaches the API server; layers hand it to what they place in the cluster. */
  readonly provider: kubernetes.Provider;
  /** Text of the kubeconfig, secret. */
  readonly kubeconfig: pulumi.Output<string>;
  /** The kubeconfig's context. @default the current one */
  readonly kubeContext?: string;
  /** The resource that is the cluster, where this program made it. */
  readonly deletedWith?: pulumi.Resource;
  /** The shell command that points kubectl at this cluster. */
  readonly kubeconfigCommand: string;
  /** Address under which NodePorts answer; none where nodes are simulated. */
  readonly nodeAddress?: string;
  /** Nodes that run no containers: objects become ready, traffic does not flow. */
  readonly simulatedNodes: boolean;
  /** Which charts `charts.source: auto` stands for here; only an embedded cluster has any but the official ones. */
  readonly autoCharts?: "official" | "stand-ins";
  /** Nodes that run Talos, so that values can be right for it. */
  readonly talos: boolean;
}

/** What every provider of this project is told beside how to reach its cluster. */
export function providerArgs(stack: string, name: string) {
  return {
    // The name a provider knows a cluster by, so that a renewed kubeconfig is not mistaken for another cluster.
    clusterIdentifier: `talos-mesh/${stack}/${name}`,
    // A changed Secret is updated. Replaced, it would be gone for a moment, and with it a gateway's certificate.
    enableSecretMutable: true,
  } as const;
}
