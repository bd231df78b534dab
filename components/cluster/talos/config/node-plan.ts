import type { ClusterSettings, DockerClusterSettings, TalosClusterSettings } from "../../kinds";
import { type Problem, UserError } from "../../../shared/problem";
import type { Tree } from "../../../shared/merge";
import { ifKnown, knownEntries } from "../../../shared/unknown";
import { goYaml } from "./go-yaml";
import { installerOf } from "./installer";
import { kubeNodeProblems } from "./kube-node";
import type { MachineType } from "./migrations/migration";
import { toMultiDocument } from "./multi-document";
import { contractOf, machineTypeOf, nodeSettings, settingsDocuments, settingsPatch } from "./node-settings";
import {
  contractHint,
  convertPatch,
  type PatchContents,
  patchesOfNode,
  parsePatches,
  patchProblems,
  readable,
  type ReadFile,
} from "./user-patches";

/** For `talosctl gen config`: a strategic merge or, up to contract v1.11, a list of RFC 6902 operations. */
export interface MachinePatch {
  readonly origin: string;
  /** YAML; never empty, and ends with a newline, so that talosctl never takes it for a file name. */
  readonly content: string;
}

/**
 * What `talosctl` needs to generate one node's machine config. It may hold passwords that users write into patches, so the
 * contents are secret. The machine config is the stdout of
 *
 *     talosctl <genConfigArgs> --with-secrets /dev/stdin  <patchFlag> @patch-0.yaml  <patchFlag> @patch-1.yaml ...
 *
 * Patches go by the flag of the node's role alone, never by `--config-patch`: gen config also generates the other role's
 * config, and fails where a patch deletes what only one of them has.
 */
export function nodePlan(settings: TalosClusterSettings, index: number, contents: PatchContents) {
  const node = nodeSettings(settings, index);
  const machineType = machineTypeOf(node);
  const { image } = installerOf(settings, node);
  const fromSettings = convertedSettings(settings, index);
  const contract = contractOf(settings);
  return {
    hostname: node.hostname,
    genConfigArgs: [
      "gen",
      "config",
      settings.name,
      settings.endpoint,
      `--talos-version=v${contract}`,
      `--kubernetes-version=${settings.kubernetesVersion.replace(/^v/, "")}`,
      // Empty where a selector names the disk, or no disk is needed: without the flag, gen config would write /dev/sda.
      `--install-disk=${node.installDisk ?? ""}`,
      `--install-image=${image}`,
      `--dns-domain=${settings.domain}`,
      `--with-cluster-discovery=${settings.discovery}`,
      `--with-kubespan=${settings.kubespan}`,
      "--with-docs=false",
      "--with-examples=false",
      `--output-types=${machineType}`,
      "--output=-",
    ],
    patchFlag: node.controlPlane ? "--config-patch-control-plane" : "--config-patch-worker",
    patches: orderedPatches([
      {
        origin: "settings",
        operations: [],
        v1alpha1: [fromSettings.v1alpha1],
        documents: [...fromSettings.documents, ...settingsDocuments(node)],
      },
      ...userPatches(patchesOfNode(settings, index), contents, contract, machineType),
    ]),
  };
}

function convertedSettings(settings: TalosClusterSettings, index: number) {
  const node = nodeSettings(settings, index);
  const patch = settingsPatch(settings, node, installerOf(settings, node).image);
  return toMultiDocument(patch, contractOf(settings), machineTypeOf(node));
}

/** Patches of a cluster in containers, for `talosctl cluster create`, by role. */
export function dockerPatches(settings: DockerClusterSettings, contents: PatchContents) {
  const origins = [...contents.keys()].map((origin) => ({ origin }));
  const patches = (machineType: MachineType) =>
    orderedPatches(userPatches(origins, contents, contractOf(settings), machineType));
  return { controlPlane: patches("controlplane"), worker: patches("worker") };
}

type ConvertedPatch = { readonly origin: string } & Omit<ReturnType<typeof convertPatch>, "problems">;

function userPatches(
  patches: readonly { readonly origin: string }[],
  contents: PatchContents,
  contract: string,
  machineType: MachineType,
): ConvertedPatch[] {
  return patches.map(({ origin }) => {
    const { problems, ...converted } = convertPatch(contents.get(origin) ?? [], contract, machineType);
    // Validation has checked them with the contract of the settings, and a newer one accepts no more. The cluster has a
    // newer one where talosVersion went back, and only the stack's state knows it.
    if (problems[0] !== undefined) {
      const remedy = `set talos-mesh:cluster.contract: v${contract}, with which the cluster was created`;
      throw new UserError(`${origin}: ${problems[0]}; ${remedy}, and change the patch`);
    }
    return { origin, ...converted };
  });
}

/**
 * Documents come last, because talosctl accepts RFC 6902 patches for a config of one document only. Their
 * patches and those of the v1alpha1 document do not touch each other, so the order has no other effect.
 */
function orderedPatches(patches: readonly ConvertedPatch[]): MachinePatch[] {
  return [
    ...patches.flatMap(({ origin, v1alpha1, operations }) => [
      ...merges(origin, v1alpha1),
      ...operations.map((list) => ({ origin, content: `${JSON.stringify(list)}\n` })),
    ]),
    ...patches.flatMap(({ origin, documents }) => merges(origin, documents)),
  ];
}

function merges(origin: string, trees: readonly Tree[]): MachinePatch[] {
  return trees.filter((tree) => Object.keys(tree).length > 0).map((tree) => ({ origin, content: goYaml(tree) }));
}

/** Everything that keeps the machine configs of a cluster from being generated. Reads nothing but the files of patches. */
export function* machineConfigProblems(cluster: ClusterSettings, readFile: ReadFile): Iterable<Problem> {
  if (cluster.kind !== "talos" && cluster.kind !== "docker") return;
  const parsed = parsePatches(cluster, readFile);
  yield* patchProblems(cluster, parsed);
  if (cluster.kind !== "talos") return;
  yield* kubeNodeProblems(cluster, readable(parsed));
  for (const [index] of knownEntries(cluster.nodes)) {
    const converted = ifKnown(() => convertedSettings(cluster, index));
    for (const message of converted?.problems ?? []) {
      yield { path: ["cluster", "nodes", index], message: message + contractHint(cluster) };
    }
  }
}
