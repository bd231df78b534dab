import { ciliumAnnouncement } from "../platform/products/cilium-load-balancer";
import type { Settings } from "../settings/schema";
import type { Cluster, ClusterArgs, ClusterComponent } from "./cluster";
import { DockerCluster } from "./docker-cluster";
import { EmbeddedCluster } from "./embedded-cluster";
import { ExistingCluster } from "./existing-cluster";
import { type ClusterSettings, clusterTraits } from "./kinds";
import { removeProviderFiles } from "./provider-files";
import { TalosCluster } from "./talos-cluster";

type Surroundings = Omit<ClusterArgs<never>, "settings">;

export function createCluster(
  { cluster: settings, platform, environment, charts, images }: Settings,
  context: Surroundings["context"],
  secrets: Surroundings["secrets"],
  sharedKubeconfig: Surroundings["sharedKubeconfig"],
): Cluster {
  const announcement = ciliumAnnouncement(platform);
  const given = { environment, charts, images, announcement };
  const component = clusterComponent(settings, { ...given, context, secrets, sharedKubeconfig });
  removeProviderFiles(component.kubeconfig);
  const { provider, kubeconfig, deletedWith, kubeconfigCommand, autoCharts } = component;
  const outputs = { component, provider, kubeconfig, deletedWith, kubeconfigCommand, autoCharts };
  return { ...clusterTraits(settings), ...outputs };
}

function clusterComponent(settings: ClusterSettings, surroundings: Surroundings): ClusterComponent {
  switch (settings.kind) {
    case "embedded":
      return new EmbeddedCluster("cluster", { settings, ...surroundings });
    case "existing":
      return new ExistingCluster("cluster", { settings, ...surroundings });
    case "talos":
      return new TalosCluster("cluster", { settings, ...surroundings });
    case "docker":
      return new DockerCluster("cluster", { settings, ...surroundings });
  }
}
