import { isIP } from "node:net";
import type { TalosClusterSettings } from "../../kinds";
import { groupOf } from "../../kinds/patches";
import { compareMinor, minorOf, talosSince } from "../../../settings/versions";
import { isTree, type Tree, treesIn } from "../../../shared/merge";
import { inOrder } from "./go-yaml";
import type { MachineType } from "./migrations/migration";

export type TalosNodeSettings = TalosClusterSettings["nodes"][number];

/** The contract of the machine configs as a minor version, `1.12`: the one that is set, or that of the Talos version. */
export function contractOf(settings: { readonly contract?: string; readonly talosVersion: string }): string {
  return minorOf(settings.contract ?? settings.talosVersion);
}

export function machineTypeOf({ controlPlane }: Pick<TalosNodeSettings, "controlPlane">): MachineType {
  return controlPlane ? "controlplane" : "worker";
}

/**
 * A node's settings with those of its group. A field that the node sets replaces its group's; `certSANs` and `documents`
 * of both apply, the group's first, unless the node overrides them.
 */
export function nodeSettings(settings: TalosClusterSettings, index: number): TalosNodeSettings {
  const node = settings.nodes[index];
  if (!node) throw new RangeError(`there is no node ${index}`);
  const group = settings[groupOf(node)];
  if (!group) return withFreeFormInOrder(node);
  const isUnset = (value: unknown) => value === false || isEmpty(value);
  const ofGroup = Object.entries(group).filter(([key]) => isUnset(node[key as keyof typeof group]));
  return withFreeFormInOrder({
    ...node,
    ...Object.fromEntries(ofGroup),
    certSANs: [...(node.overrideMachineCertSANs ? [] : group.certSANs), ...node.certSANs],
    documents: [...group.documents, ...node.documents],
  });
}

const freeForm = [
  ...["networkInterfaces", "ingressFirewall", "extensionServices", "volumes", "documents", "installDiskSelector"],
  ...["nodeLabels", "nodeAnnotations", "nodeTaints"],
];

/** Of other mappings, the schema gives the order of the keys. */
function withFreeFormInOrder(node: TalosNodeSettings): TalosNodeSettings {
  const entries = Object.entries(node).map(([key, value]) => [key, freeForm.includes(key) ? inOrder(value) : value]);
  return Object.fromEntries(entries) as TalosNodeSettings;
}

function fileMode(mode: number | string = 0o644): number {
  return typeof mode === "number" ? mode : Number.parseInt(mode.replace("o", ""), 8);
}

/** Undefined, an empty list or an empty mapping. */
export function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null ? Object.keys(value).length === 0 : value === undefined;
}

/** The settings as a patch of the v1alpha1 document, without what gen config has a flag for. */
export function settingsPatch(settings: TalosClusterSettings, node: TalosNodeSettings, installerImage: string): Tree {
  const { name, urls, kubeNetworkPoliciesEnabled, extraArgs, kubeProxy } = settings.cni;
  const { installDiskSelector: diskSelector, schematic = settings.schematic } = node;
  const fromImage = compareMinor(contractOf(settings), talosSince.kernelArgsOfImage) >= 0;
  return compact({
    machine: {
      certSANs: certSANs(node),
      install: {
        ...(diskSelector && { diskSelector, image: installerImage, wipe: false }),
        extraKernelArgs: fromImage ? [] : schematic?.extraKernelArgs,
      },
      kubelet: { nodeIP: { validSubnets: dualStackSubnets(node) } },
      network: {
        hostname: node.ignoreHostname ? undefined : node.hostname,
        interfaces: node.networkInterfaces,
        nameservers: node.nameservers,
        disableSearchDomain: node.disableSearchDomain || undefined,
      },
      kernel: { modules: node.kernelModules },
      files: node.machineFiles.map((file) => ({ ...file, permissions: fileMode(file.permissions) })),
      nodeLabels: node.nodeLabels,
      nodeAnnotations: node.nodeAnnotations,
      nodeTaints: node.nodeTaints,
    },
    cluster: {
      network: {
        cni: {
          // This program installs Cilium itself, when the API server is up.
          name: name === "cilium" ? "none" : name,
          urls,
          flannel: { kubeNetworkPoliciesEnabled: kubeNetworkPoliciesEnabled || undefined, extraArgs },
        },
        podSubnets: settings.podSubnets,
        serviceSubnets: settings.serviceSubnets,
      },
      ...(node.controlPlane && {
        allowSchedulingOnControlPlanes: settings.allowSchedulingOnControlPlanes || undefined,
        apiServer: { certSANs: settings.additionalApiServerCertSANs },
        inlineManifests: settings.inlineManifests,
        ...(name === "cilium" && !kubeProxy && { proxy: { disabled: true } }),
      }),
    },
  });
}

/** Talos' certificate has the addresses and the host name of the node; steps connect to the name in the settings. */
function certSANs({ ipAddress, additionalAddresses, hostname, ignoreHostname, certSANs: sans }: TalosNodeSettings) {
  const isHostname = ipAddress === hostname && !ignoreHostname;
  const isKnown = isIP(ipAddress) !== 0 || isHostname || sans.includes(ipAddress);
  return [...sans, ...(isKnown ? [] : [ipAddress]), ...additionalAddresses];
}

/** Where a node has addresses of both families: one of each, because Talos gives Kubernetes the first match of each family. */
function dualStackSubnets({ ipAddress, additionalAddresses }: TalosNodeSettings): string[] {
  const first = [4, 6].flatMap(
    (family) => [ipAddress, ...additionalAddresses].find((one) => isIP(one) === family) ?? [],
  );
  if (first.length < 2) return [];
  if (isIP(ipAddress) === 6) first.reverse();
  return first.map((address) => `${address}/${isIP(address) === 6 ? 128 : 32}`);
}

export function settingsDocuments({ ingressFirewall, ...node }: TalosNodeSettings): readonly Tree[] {
  const ofKind = (kind: string, entries: readonly Tree[]) =>
    entries.map((entry) => ({ apiVersion: "v1alpha1", kind, ...entry }));
  const defaultAction = ingressFirewall ? [{ ingress: ingressFirewall.defaultAction ?? "block" }] : [];
  return [
    ...ofKind("NetworkDefaultActionConfig", defaultAction),
    ...ofKind("NetworkRuleConfig", treesIn(ingressFirewall?.rules)),
    ...ofKind("ExtensionServiceConfig", node.extensionServices),
    ...ofKind("VolumeConfig", node.volumes),
    ...node.documents,
  ];
}

/** Without undefined values, empty lists and empty mappings, at any depth. */
function compact(tree: Tree): Tree {
  const entries = Object.entries(tree).map(([key, value]) => [key, isTree(value) ? compact(value) : value]);
  return Object.fromEntries(entries.filter(([, value]) => !isEmpty(value))) as Tree;
}
