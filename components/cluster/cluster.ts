import * as kubernetes from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import type { ProgramContext } from "../settings/context";
import type { Settings } from "../settings/schema";
import type { ClusterSettings, ClusterTraits } from "./kinds";
import type { CiliumAnnouncement } from "./kinds/cilium";

export interface ClusterArgs<Kind extends ClusterSettings["kind"]> extends Pick<
  Settings,
  "environment" | "charts" | "images"
> {
  readonly settings: ClusterSettings & { readonly kind: Kind };
  readonly context: ProgramContext;
  readonly secrets: Readonly<Record<string, pulumi.Output<string>>>;
  /** What Cilium is to announce, where it is the load balancer. */
  readonly announcement?: CiliumAnnouncement;
  /** Of a cluster in another stack. */
  readonly sharedKubeconfig?: pulumi.Output<string>;
}

interface ClusterOutputs {
  readonly provider: kubernetes.Provider;
  /** Text of the kubeconfig, secret. */
  readonly kubeconfig: pulumi.Output<string>;
  /** The resource that is the cluster, where this program creates it. */
  readonly deletedWith?: pulumi.Resource;
  /** The shell command that points kubectl at this cluster. */
  readonly kubeconfigCommand: string;
  /** The charts that `charts.source: auto` selects; only an embedded cluster has others than the official ones. */
  readonly autoCharts?: "official" | "stand-ins";
}

export type ClusterComponent = pulumi.ComponentResource & ClusterOutputs;

export interface Cluster extends ClusterOutputs, ClusterTraits {
  readonly component: pulumi.ComponentResource;
}

/** @param identity distinguishes clusters: with it, a renewed kubeconfig is not taken for another cluster */
export function clusterProvider(
  name: string,
  args: kubernetes.ProviderArgs,
  stack: string,
  identity: string,
  parent: pulumi.Resource,
  ...usableAfter: readonly pulumi.Resource[]
): kubernetes.Provider {
  return new kubernetes.Provider(
    `${name}-kubernetes`,
    {
      ...args,
      clusterIdentifier: `talos-mesh/${stack}/${identity}`,
      // A changed Secret is updated. A replacement would delete it for a moment, and with it a gateway's certificate.
      enableSecretMutable: true,
      // Objects that a killed run created are in no state: the next run takes them over (see shared/recovery.ts, which
      // refuses those that this stack has not created).
      upsertExistingObjects: true,
    },
    { parent, ...(usableAfter.length > 0 && { dependsOn: [...usableAfter] }) },
  );
}
