import { asTree, type Tree, treesIn } from "../../shared/merge";
import { type PatchedCluster, patchLists } from "./patches";
import { parseYaml } from "../../shared/yaml";

type CniName = "flannel" | "cilium" | "none" | "custom";

interface WithDocuments {
  readonly documents: readonly Tree[];
}

/** What of a cluster's settings decides its CNI. */
interface ClusterWithCni extends PatchedCluster {
  readonly cni: { readonly name: CniName };
  readonly inlineManifests: readonly unknown[];
  readonly controlPlane?: (NonNullable<PatchedCluster["controlPlane"]> & WithDocuments) | undefined;
  readonly nodes: readonly (PatchedCluster["nodes"][number] & WithDocuments)[];
}

/**
 * The CNI of a cluster: that of the settings, unless a patch of the control planes, which install it, sets another.
 * @param patches the documents of a control plane's patches, in their order
 * @returns source: what in the settings may install another CNI than Talos' own
 */
export function cniOf(cluster: ClusterWithCni, patches: readonly unknown[]): { name: CniName; source?: string } {
  const trees = patches.flatMap((document): Tree[] =>
    Array.isArray(document) ? treesIn(document).map(operation) : [asTree(document)],
  );
  const patched = trees
    .map(cniIn)
    .filter((found) => found !== undefined)
    .at(-1);
  // For Talos, a CNI that this program installs is none.
  const isOurs = cluster.cni.name === "cilium" && patched === "none";
  const name = isOurs ? "cilium" : (patched ?? cluster.cni.name);
  if (name === "flannel") return { name };
  if (name === "cilium") return { name, source: "the Helm release cilium in kube-system" };
  if (name === "custom") return { name, source: "the manifests of cluster.cni.urls" };
  if (cluster.inlineManifests.length > 0) return { name, source: "cluster.inlineManifests" };
  const machines = [cluster.controlPlane, ...cluster.nodes.filter(({ controlPlane }) => controlPlane)];
  const documents = machines.flatMap((machine) => machine?.documents ?? []);
  const installs = [...trees, ...documents].some(hasManifests);
  return { name, ...(installs && { source: "the manifests of a patch or a document" }) };
}

/** An operation of RFC 6902 as the mapping with its value. */
function operation({ op, path, value }: Tree): Tree {
  if (op !== "add" && op !== "replace") return {};
  const keys = String(path).split("/").slice(1);
  return asTree(keys.reduceRight((inner, key) => (/^(\d+|-)$/.test(key) ? [inner] : { [key]: inner }), value));
}

function cniIn({ kind, $patch, cluster }: Tree): CniName | undefined {
  if (kind === "KubeFlannelCNIConfig") return $patch === "delete" ? "none" : "flannel";
  const { name } = asTree(asTree(asTree(cluster).network).cni);
  return name === "flannel" || name === "none" || name === "custom" ? name : undefined;
}

function hasManifests({ kind, cluster }: Tree): boolean {
  const { inlineManifests, extraManifests } = asTree(cluster);
  if (kind === "KubeInlineManifestConfig" || kind === "KubeExternalManifestConfig") return true;
  return [inlineManifests, extraManifests].some((list) => Array.isArray(list) && list.length > 0);
}

/** The same without reading the files of patches; undefined where one of them may set another CNI. */
export function cniWithoutFiles(cluster: ClusterWithCni) {
  const first = cluster.nodes.findIndex(({ controlPlane }) => controlPlane);
  const patches =
    first === -1
      ? [...cluster.patches, ...(cluster.controlPlane?.patches ?? [])]
      : patchLists(cluster, first).flatMap(([, list]) => list);
  if (patches.some((patch) => typeof patch === "string" && patch.startsWith("@"))) return undefined;
  return cniOf(cluster, patches.flatMap(documentsOf));
}

/** Those that can be read; others are refused elsewhere. */
function documentsOf(patch: unknown): readonly unknown[] {
  return typeof patch === "string" ? parseYaml(patch, { octal: true }).values : [patch];
}
