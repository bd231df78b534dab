import { asTree, isTree, type Tree, treesIn } from "../../../../shared/merge";
import { isTrue, type Migration, migration, renamed, renaming, same, type Target } from "./migration";

const controlPlaneTaint = "node-role.kubernetes.io/control-plane";

const staticPod = same("image", "extraArgs", "env", "resources");

const enabled = (disabled: unknown): Tree => ({ enabled: !isTrue(disabled) });

function cni(value: unknown, { documents, problem }: Target): void {
  if (!isTree(value)) return;
  const { name, urls, flannel } = value;
  if (name !== undefined && name !== "flannel") documents.remove("KubeFlannelCNIConfig");
  else if (isTree(flannel)) {
    const names = same("kubeNetworkPoliciesEnabled", "extraArgs");
    const config = renamed(flannel, names, (message) => problem(`flannel: ${message}`));
    documents.merge("KubeFlannelCNIConfig", config);
  }
  for (const [index, url] of (Array.isArray(urls) ? (urls as unknown[]) : []).entries()) {
    documents.merge("KubeExternalManifestConfig", { url }, index === 0 ? "custom-cni" : `custom-cni-${index + 1}`);
  }
}

function schedulable(value: unknown, { documents }: Target): void {
  // Only a control plane has the taint; deleting it elsewhere fails.
  if (isTrue(value) && documents.machineType === "controlplane") {
    documents.merge("KubeNodeConfig", { taints: { [controlPlaneTaint]: { $patch: "delete" } } });
  }
}

export const clusterMigrations: readonly Migration[] = [
  migration("1.14", "cluster.allowSchedulingOnControlPlanes", schedulable),
  migration("1.14", "cluster.allowSchedulingOnMasters", schedulable),
  migration("1.14", "cluster.network.cni", cni),
  renaming("1.14", "cluster.network", "KubeNetworkConfig", same("dnsDomain", "podSubnets", "serviceSubnets")),
  migration("1.14", "cluster.discovery", (value, { documents }) => {
    if (!isTree(value)) return;
    const service = asTree(asTree(value.registries).service);
    if (value.enabled === false || isTrue(service.disabled)) documents.remove("DiscoveryServiceConfig", "default");
    else if (service.endpoint !== undefined) {
      documents.merge("DiscoveryServiceConfig", { endpoint: service.endpoint }, "default");
    }
  }),
  migration("1.14", "cluster.inlineManifests", (value, { documents }) => {
    for (const manifest of treesIn(value)) {
      documents.merge("KubeInlineManifestConfig", { manifest: manifest.contents }, String(manifest.name));
    }
  }),
  migration("1.14", "cluster.apiServer", (value, { documents, problem }) => {
    const auditPolicy = (configuration: unknown) => {
      documents.merge("KubeAuditPolicyConfig", { configuration });
      return {};
    };
    const config = renamed(value, { ...staticPod, certSANs: "certExtraSANs", auditPolicy }, problem);
    if (Object.keys(config).length > 0) documents.merge("KubeAPIServerConfig", config);
  }),
  renaming("1.14", "cluster.controllerManager", "KubeControllerManagerConfig", staticPod),
  renaming("1.14", "cluster.scheduler", "KubeSchedulerConfig", { ...staticPod, config: "config" }),
  renaming("1.14", "cluster.proxy", "KubeProxyConfig", { ...same("image", "mode", "extraArgs"), disabled: enabled }),
  renaming("1.14", "cluster.coreDNS", "KubeCoreDNSConfig", { image: "image", disabled: enabled }),
];
