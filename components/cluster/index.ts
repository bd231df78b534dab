import type * as pulumi from "@pulumi/pulumi";
import type { ProgramContext } from "../settings/context";
import type { Settings } from "../settings/schema";
import type { Cluster, ClusterComponent } from "./cluster";
import { DockerCluster } from "./docker-cluster";
import { EmbeddedCluster } from "./embedded-cluster";
import { ExistingCluster } from "./existing-cluster";
import { clusterTraits } from "./kinds";
import { TalosCluster } from "./talos-cluster";

type ClusterArgs = Pick<Settings, "cluster" | "environment" | "charts">;
type Secrets = Readonly<Record<string, pulumi.Output<string>>>;

export function createCluster(args: ClusterArgs, context: ProgramContext, secrets: Secrets): Cluster {
  const component = clusterComponent(args, context, secrets);
  const { provider, kubeconfig, deletedWith, kubeconfigCommand, autoCharts } = component;
  const outputs = { component, provider, kubeconfig, deletedWith, kubeconfigCommand, autoCharts };
  return { ...clusterTraits(args.cluster), ...outputs };
}

function clusterComponent(
  { cluster: settings, environment, charts }: ClusterArgs,
  context: ProgramContext,
  secrets: Secrets,
): ClusterComponent {
  switch (settings.kind) {
    case "embedded":
      return new EmbeddedCluster("cluster", { settings, charts, context });
    case "existing":
      return new ExistingCluster("cluster", { settings, context, secrets });
    case "talos":
      return new TalosCluster("cluster", { settings, environment, context, secrets });
    case "docker":
      return new DockerCluster("cluster", { settings, context });
  }
}
