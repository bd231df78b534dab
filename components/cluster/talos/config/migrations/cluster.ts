import { isTree, type Tree } from "../../../../shared/merge";
import { isTrue, type Migration, migration, renamed, type Target } from "./migration";

const controlPlaneTaint = "node-role.kubernetes.io/control-plane";

const staticPod = { image: "image", extraArgs: "extraArgs", env: "env", resources: "resources" };

const enabled = (disabled: unknown): Tree => ({ enabled: !isTrue(disabled) });

function cni(value: unknown, { documents, problem }: Target): void {
  if (!isTree(value)) return;
  const { name, urls, flannel } = value;
  if (name !== undefined && name !== "flannel") documents.remove("KubeFlannelCNIConfig");
  else if (isTree(flannel)) {
    const names = { kubeNetworkPoliciesEnabled: "kubeNetworkPoliciesEnabled", extraArgs: "extraArgs" };
    documents.merge(
      "KubeFlannelCNIConfig",
      renamed(flannel, names, (message) => problem(`flannel: ${message}`)),
    );
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

/** Fields of `.cluster`. */
export const clusterMigrations: readonly Migration[] = [
  migration("1.14", "cluster.allowSchedulingOnControlPlanes", schedulable),
  migration("1.14", "cluster.allowSchedulingOnMasters", schedulable),
  migration("1.14", "cluster.network.cni", cni),
  migration("1.14", "cluster.network", (value, { documents, problem }) => {
    const names = { dnsDomain: "dnsDomain", podSubnets: "podSubnets", serviceSubnets: "serviceSubnets" };
    documents.merge("KubeNetworkConfig", renamed(value, names, problem));
  }),
  migration("1.14", "cluster.discovery", (value, { documents }) => {
    if (!isTree(value)) return;
    const registries = isTree(value.registries) ? value.registries : {};
    const service = isTree(registries.service) ? registries.service : {};
    if (value.enabled === false || isTrue(service.disabled)) documents.remove("DiscoveryServiceConfig", "default");
    else if (service.endpoint !== undefined) {
      documents.merge("DiscoveryServiceConfig", { endpoint: service.endpoint }, "default");
    }
  }),
  migration("1.14", "cluster.inlineManifests", (value, { documents }) => {
    for (const manifest of Array.isArray(value) ? value.filter(isTree) : []) {
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
  migration("1.14", "cluster.controllerManager", (value, { documents, problem }) =>
    documents.merge("KubeControllerManagerConfig", renamed(value, staticPod, problem)),
  ),
  migration("1.14", "cluster.scheduler", (value, { documents, problem }) =>
    documents.merge("KubeSchedulerConfig", renamed(value, { ...staticPod, config: "config" }, problem)),
  ),
  migration("1.14", "cluster.proxy", (value, { documents, problem }) => {
    const names = { image: "image", mode: "mode", extraArgs: "extraArgs", disabled: enabled };
    documents.merge("KubeProxyConfig", renamed(value, names, problem));
  }),
  migration("1.14", "cluster.coreDNS", (value, { documents, problem }) =>
    documents.merge("KubeCoreDNSConfig", renamed(value, { image: "image", disabled: enabled }, problem)),
  ),
];
