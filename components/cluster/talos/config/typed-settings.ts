import type { TalosClusterSettings } from "../../../settings/sections/cluster";
import { compact, isTree, type Tree } from "./tree";
import type { TalosNodeSettings } from "./types";

/** Settings that only the API server, or what runs beside it, reads. */
function controlPlaneSettings(settings: TalosClusterSettings): Tree {
  return {
    allowSchedulingOnControlPlanes: settings.allowSchedulingOnControlPlanes || undefined,
    apiServer: { certSANs: settings.additionalApiServerCertSANs },
    inlineManifests: settings.inlineManifests,
  };
}

function cni({ name, urls, kubeNetworkPoliciesEnabled, extraArgs }: TalosClusterSettings["cni"]): Tree {
  return {
    name,
    urls,
    flannel: { kubeNetworkPoliciesEnabled: kubeNetworkPoliciesEnabled || undefined, extraArgs },
  };
}

/**
 * The settings as a patch of the v1alpha1 document, the form that every contract has a counterpart of. What gen
 * config has a flag for is not here.
 */
export function settingsPatch(settings: TalosClusterSettings, node: TalosNodeSettings, installerImage: string): Tree {
  const bySelector = node.installDiskSelector && {
    diskSelector: node.installDiskSelector,
    image: installerImage,
    wipe: false,
  };
  return compact({
    machine: {
      certSANs: node.certSANs,
      install: bySelector,
      network: {
        hostname: node.ignoreHostname ? undefined : node.hostname,
        interfaces: node.networkInterfaces,
        nameservers: node.nameservers,
        disableSearchDomain: node.disableSearchDomain || undefined,
      },
      kernel: { modules: node.kernelModules },
      files: node.machineFiles.map((file) => ({ ...file, permissions: file.permissions ?? 0o644 })),
      nodeLabels: node.nodeLabels,
      nodeAnnotations: node.nodeAnnotations,
      nodeTaints: node.nodeTaints,
    },
    cluster: {
      network: {
        cni: cni(settings.cni),
        podSubnets: settings.podSubnets,
        serviceSubnets: settings.serviceSubnets,
      },
      ...(node.controlPlane && controlPlaneSettings(settings)),
    },
  });
}

function named(kind: string, entries: readonly Tree[]): Tree[] {
  return entries.map((entry) => ({ apiVersion: "v1alpha1", kind, ...entry }));
}

/** Settings that are documents under every contract, and those that are given as documents. */
export function settingsDocuments(node: TalosNodeSettings): readonly Tree[] {
  const { ingressFirewall } = node;
  const rules = Array.isArray(ingressFirewall?.rules) ? (ingressFirewall.rules as unknown[]).filter(isTree) : [];
  return [
    ...(ingressFirewall
      ? named("NetworkDefaultActionConfig", [{ ingress: ingressFirewall.defaultAction ?? "block" }])
      : []),
    ...named("NetworkRuleConfig", rules),
    ...named("ExtensionServiceConfig", node.extensionServices),
    ...named("VolumeConfig", node.volumes),
    ...node.documents,
  ];
}
