import type { TalosClusterSettings } from "../../kinds";
import { groupOf } from "../../kinds/patches";
import { asTree, mergeValues, type Tree } from "../../../shared/merge";
import { duplicates, type Problem } from "../../../shared/problem";
import { ifKnown, knownEntries, runChecks, throwUnknown } from "../../../shared/unknown";
import { controlPlaneTaint } from "./migrations/migrations";
import { machineTypeOf } from "./node-settings";
import { convertPatch, type PatchContents, patchesOfNode } from "./user-patches";

/** The contract whose document KubeNodeConfig has what the settings, patches and documents of a node say about its Node. */
const contract = "1.14";

/** The name of a node in Kubernetes; in etcd it is always the first part. Source: siderolabs/talos, k8s/nodename.go. */
export function kubeNodeName(settings: TalosClusterSettings, index: number, contents: PatchContents): string {
  const { hostname = "" } = settings.nodes[index] ?? {};
  return kubeNodeConfig(settings, index, contents).registerWithFQDN === true ? hostname : firstPart(hostname);
}

function isSchedulable(settings: TalosClusterSettings, index: number, contents: PatchContents): boolean {
  if (!settings.nodes[index]?.controlPlane || settings.allowSchedulingOnControlPlanes) return true;
  const { taints } = kubeNodeConfig(settings, index, contents);
  return asTree(asTree(taints)[controlPlaneTaint]).$patch === "delete";
}

function kubeNodeConfig(settings: TalosClusterSettings, index: number, contents: PatchContents): Tree {
  // Not nodeSettings, which reads fields that may have a mistake.
  const node = settings.nodes[index];
  if (!node) throw new RangeError(`there is no node ${index}`);
  const ofPatches = patchesOfNode(settings, index).flatMap(({ origin }) => {
    const patch = contents.get(origin) ?? throwUnknown();
    return convertPatch(patch, contract, machineTypeOf(node)).documents;
  });
  return [...(settings[groupOf(node)]?.documents ?? []), ...node.documents, ...ofPatches]
    .filter(({ kind }) => kind === "KubeNodeConfig")
    .reduce<Tree>(mergeValues, {});
}

/**
 * Of labels which the API server's NodeRestriction refuses of a worker's kubelet, whose credentials Talos has there. It
 * refuses the whole update. No mistake, because the plugin can be switched off.
 * Sources: kubernetes/kubernetes, plugin/pkg/admission/noderestriction; siderolabs/talos, k8s/node_apply.go.
 */
export function refusedLabelWarnings(settings: TalosClusterSettings, contents: PatchContents): string[] {
  return settings.nodes.flatMap((node, index) => {
    if (node.controlPlane) return [];
    const { labels } = kubeNodeConfig(settings, index, contents);
    const ofNode = { ...settings.worker?.nodeLabels, ...node.nodeLabels, ...asTree(labels) };
    const refused = Object.entries(ofNode).filter(([label]) => isRefusedOfKubelet(label));
    if (refused.length === 0) return [];
    const name = kubeNodeName(settings, index, contents);
    const wanted = refused.map(([label, value]) => `${label}=${typeof value === "string" ? value : ""}`).join(" ");
    return [
      `node ${name}: ${refusedLabels(refused.map(([label]) => label))}; remove them, and run: kubectl label node ${name} ${wanted}`,
    ];
  });
}

export function refusedLabels(labels: readonly string[]): string {
  return `Kubernetes refuses the labels ${labels.join(", ")} of a worker, and with them its other labels, annotations and taints`;
}

/** Source: kubernetes/kubernetes, staging/src/k8s.io/kubelet/pkg/apis/well_known_labels.go. */
const labelsOfKubelet =
  /^((kubernetes\.io\/hostname|(topology|failure-domain\.beta)\.kubernetes\.io\/(zone|region)|(beta\.)?kubernetes\.io\/(os|arch|instance-type))$|([^/]+\.)?(kubelet|node)\.kubernetes\.io\/)/;

export function isRefusedOfKubelet(label: string): boolean {
  return /^([^/]+\.)?(kubernetes|k8s)\.io\//.test(label) && !labelsOfKubelet.test(label);
}

function firstPart(hostname: string): string {
  return hostname.replace(/\..*/, "");
}

export function kubeNodeProblems(settings: TalosClusterSettings, contents: PatchContents): Iterable<Problem> {
  return runChecks(
    function* noneSchedulable() {
      if (settings.nodes.some((_, index) => isSchedulable(settings, index, contents))) return;
      const message =
        "found no worker, so pods cannot be scheduled; add one, or set allowSchedulingOnControlPlanes: true";
      yield { path: ["cluster", "nodes"], message };
    },
    () => {
      const named = knownEntries(settings.nodes).flatMap(
        ([index, node]) =>
          ifKnown(() => [{ path: ["cluster", "nodes", index, "hostname"], key: firstPart(node.hostname) }]) ?? [],
      );
      return duplicates(named, "host name");
    },
  );
}
