import { isTree, type Tree } from "../tree";
import { fields, isTrue, type Move, move, type Target } from "./move";

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
      fields(flannel, names, (text) => problem(`flannel: ${text}`)),
    );
  }
  for (const [index, url] of (Array.isArray(urls) ? urls : []).entries()) {
    documents.merge(
      "KubeExternalManifestConfig",
      { url: url as unknown },
      index === 0 ? "custom-cni" : `custom-cni-${index + 1}`,
    );
  }
}

function schedulable(value: unknown, { documents }: Target): void {
  // Only a control plane has the taint, and taking away what is not there fails.
  if (isTrue(value) && documents.machineType === "controlplane") {
    documents.merge("KubeNodeConfig", { taints: { [controlPlaneTaint]: { $patch: "delete" } } });
  }
}

/** Fields of `.cluster`. */
export const clusterMoves: readonly Move[] = [
  move("1.14", "cluster.allowSchedulingOnControlPlanes", schedulable),
  move("1.14", "cluster.allowSchedulingOnMasters", schedulable),
  move("1.14", "cluster.network.cni", cni),
  move("1.14", "cluster.network", (value, { documents, problem }) => {
    const names = { dnsDomain: "dnsDomain", podSubnets: "podSubnets", serviceSubnets: "serviceSubnets" };
    documents.merge("KubeNetworkConfig", fields(value, names, problem));
  }),
  move("1.14", "cluster.discovery", (value, { documents }) => {
    if (!isTree(value)) return;
    const registries = isTree(value.registries) ? value.registries : {};
    const service = isTree(registries.service) ? registries.service : {};
    if (value.enabled === false || isTrue(service.disabled)) documents.remove("DiscoveryServiceConfig", "default");
    else if (service.endpoint !== undefined) {
      documents.merge("DiscoveryServiceConfig", { endpoint: service.endpoint }, "default");
    }
  }),
  move("1.14", "cluster.inlineManifests", (value, { documents }) => {
    for (const manifest of Array.isArray(value) ? value.filter(isTree) : []) {
      documents.merge("KubeInlineManifestConfig", { manifest: manifest.contents }, String(manifest.name));
    }
  }),
  move("1.14", "cluster.apiServer", (value, { documents, problem }) => {
    const auditPolicy = (configuration: unknown) => {
      documents.merge("KubeAuditPolicyConfig", { configuration });
      return {};
    };
    const names = { ...staticPod, certSANs: "certExtraSANs", auditPolicy };
    const config = fields(value, names, problem);
    if (Object.keys(config).length > 0) documents.merge("KubeAPIServerConfig", config);
  }),
  move("1.14", "cluster.controllerManager", (value, { documents, problem }) =>
    documents.merge("KubeControllerManagerConfig", fields(value, staticPod, problem)),
  ),
  move("1.14", "cluster.scheduler", (value, { documents, problem }) =>
    documents.merge("KubeSchedulerConfig", fields(value, { ...staticPod, config: "config" }, problem)),
  ),
  move("1.14", "cluster.proxy", (value, { documents, problem }) =>
    documents.merge(
      "KubeProxyConfig",
      fields(value, { image: "image", mode: "mode", extraArgs: "extraArgs", disabled: enabled }, problem),
    ),
  ),
  move("1.14", "cluster.coreDNS", (value, { documents, problem }) =>
    documents.merge("KubeCoreDNSConfig", fields(value, { image: "image", disabled: enabled }, problem)),
  ),
];
