import { layerNames, type LayerName, type SharedCluster } from "../cluster/kinds/shared-cluster";
import type { ExistingClusterSettings } from "../cluster/kinds";
import type { Settings } from "../settings/schema";
import { copyWithField, ifKnown } from "../shared/unknown";
import { gatewayApiVersion } from "./control-planes";
import type { Model } from "./model";

type Slice = Pick<Settings, "cluster" | "layers">;

/** The layers that a stack deploys. */
export function ownedLayers({ cluster, layers }: Slice): ReadonlySet<LayerName> {
  return new Set(layers ?? layerNames.slice(stackReferenceOf(cluster) === undefined ? 0 : 1));
}

/** `organization/project/stack`, of the stack that owns the cluster. */
export function stackReferenceOf(cluster: Settings["cluster"]): string | undefined {
  return cluster.kind === "existing" ? cluster.stackReference : undefined;
}

/** The settings with what is known of a cluster in another stack; unknown where that stack could not be read. */
export function withSharedCluster(settings: Settings, shared: SharedCluster | undefined): Settings {
  const cluster = ifKnown(() => settings.cluster);
  if (cluster === undefined || shared === undefined) return settings;
  return copyWithField(settings, "cluster", () => copyWithField(cluster, "shared", () => shared));
}

/** Undefined where the cluster is in no other stack, or nothing is known of it. */
export function sharedClusterIn(cluster: Settings["cluster"]): SharedCluster | undefined {
  return cluster.kind === "existing" ? (cluster as ExistingClusterSettings).shared : undefined;
}

/** What a stack with a reference to this one is given, besides the kubeconfig. */
export function sharedClusterOf({ settings, cluster }: Pick<Model, "settings" | "cluster">): SharedCluster {
  const owned = ownedLayers(settings);
  const below = sharedClusterIn(settings.cluster);
  const { summary, simulatedNodes, talos, talosVersion, kubernetesVersion } = cluster;
  const { loadBalancers, networkPolicies, cni, nodeAddress, kubeContext } = cluster;
  const installed = owned.has("platform") && settings.platform.gatewayApi.install;
  return {
    name: clusterName(settings.cluster),
    ...{ summary, simulatedNodes, talos, talosVersion, kubernetesVersion },
    ...{ loadBalancers, networkPolicies, cni, nodeAddress, kubeContext },
    layers: layerNames.filter((layer) => owned.has(layer) || below?.layers.includes(layer)),
    loadBalancer: settings.platform.loadBalancer
      ? true
      : settings.cluster.kind === "talos"
        ? false
        : below?.loadBalancer,
    gatewayApi: installed ? gatewayApiVersion(settings.mesh) : below?.gatewayApi,
    issuers: clusterIssuers(settings),
  };
}

/** The ClusterIssuers of this stack, or of that of its cluster; undefined where neither installs cert-manager. */
export function clusterIssuers({
  platform,
  cluster,
}: Pick<Settings, "platform" | "cluster">): SharedCluster["issuers"] {
  const { issuers } = platform.certManager ?? {};
  if (!issuers) return sharedClusterIn(cluster)?.issuers;
  return Object.fromEntries(
    Object.entries(issuers).map(([name, { acme }]) => [name, acme?.http01 ? "http01" : acme ? "dns01" : "authority"]),
  );
}

export function clusterName(cluster: Settings["cluster"]): string {
  const name = cluster.kind === "existing" ? (cluster.name ?? sharedClusterIn(cluster)?.name) : cluster.name;
  if (name === undefined) throw new Error("validation refuses an existing cluster without a name");
  return name;
}
