import { readFileSync } from "node:fs";
import path from "node:path";
import type { DockerClusterSettings, TalosClusterSettings } from "../../kinds";
import { patchLists } from "../../kinds/patches";
import { compareMinor } from "../../../settings/versions";
import { asTree, isTree, type Tree, treesIn } from "../../../shared/merge";
import { inOrder } from "./go-yaml";
import { formatPath, type Problem, type SettingPath } from "../../../shared/problem";
import { allKnown, ifKnown, knownEntries } from "../../../shared/unknown";
import { parseYaml } from "../../../shared/yaml";
import { isJsonPatch, malformedOperations, type Operation, toStrategicMerge } from "./json-patch";
import type { MachineType } from "./migrations/migration";
import { shapeProblems } from "./config-shape";
import { toMultiDocument } from "./multi-document";
import { contractOf, machineTypeOf } from "./node-settings";

/** Content of a file that a patch names by '@'. Throws where it cannot be read. */
export type ReadFile = (file: string) => string;

export function projectFiles(projectRoot: string): ReadFile {
  return (file) => readFileSync(path.resolve(projectRoot, file), "utf8");
}

/** Patches with their place; `origin` is their path as users write it: `talos-mesh:cluster.patches[0]`. */
function placed(patches: readonly unknown[], at: SettingPath) {
  return knownEntries(patches).map(([index, patch]) => {
    const path = ["cluster", ...at, "patches", index];
    return { path, origin: formatPath(path), patch };
  });
}

export function patchesOfNode(settings: TalosClusterSettings, index: number) {
  return patchLists(settings, index).flatMap(([at, list]) => placed(list, at));
}

/** The documents of a control plane's patches, in their order; those of the cluster itself are the same for all. */
export function controlPlaneDocuments(settings: TalosClusterSettings, contents: PatchContents) {
  const first = settings.nodes.findIndex((node) => node.controlPlane);
  return patchesOfNode(settings, first).flatMap(({ origin }) => contents.get(origin) ?? []);
}

/** A YAML document of a patch: a strategic merge, a list of RFC 6902 operations, or a Talos config document. */
type PatchDocument = Tree | readonly Operation[];

export type PatchContents = ReadonlyMap<string, readonly PatchDocument[]>;

/** Each patch of a cluster once, by its path: its documents, or why it cannot be read. */
type ParsedPatches = ReadonlyMap<string, readonly PatchDocument[] | Error>;

export function parsePatches(cluster: TalosClusterSettings | DockerClusterSettings, readFile: ReadFile): ParsedPatches {
  const patches = new Map(usedPatches(cluster).map(({ origin, patch }) => [origin, patch]));
  const parsed = (patch: unknown) => {
    // What is wrong with it was found before.
    if (!ifKnown(() => [allKnown(patch)])) return [];
    try {
      return parsePatch(patch, readFile);
    } catch (error) {
      return error as Error;
    }
  };
  return new Map([...patches].map(([origin, patch]) => [origin, parsed(patch)]));
}

/** Reads every patch of a cluster. @throws Error for a patch that cannot be read, which patchProblems reports before */
export function readPatches(cluster: TalosClusterSettings | DockerClusterSettings, readFile: ReadFile): PatchContents {
  const parsed = parsePatches(cluster, readFile);
  for (const documents of parsed.values()) if (documents instanceof Error) throw documents;
  return readable(parsed);
}

/** Without patches that cannot be read. */
export function readable(parsed: ParsedPatches): PatchContents {
  return new Map(
    [...parsed].flatMap(([origin, documents]) => (documents instanceof Error ? [] : [[origin, documents]])),
  );
}

/** Every patch of each node with the node's type; one that several nodes have is there for each of them. */
function usedPatches(cluster: TalosClusterSettings | DockerClusterSettings) {
  const typed = (machineType: MachineType, patches: ReturnType<typeof placed>) =>
    patches.map((patch) => ({ ...patch, machineType }));
  if (cluster.kind === "docker") {
    return [...typed("controlplane", placed(cluster.patches, [])), ...typed("worker", placed(cluster.patches, []))];
  }
  return knownEntries(cluster.nodes).flatMap(
    ([index, node]) => ifKnown(() => typed(machineTypeOf(node), patchesOfNode(cluster, index))) ?? [],
  );
}

export function patchProblems(
  cluster: TalosClusterSettings | DockerClusterSettings,
  parsed: ParsedPatches,
): Iterable<Problem> {
  const contract = ifKnown(() => contractOf(cluster));
  const messagesOf = ({ origin, machineType }: ReturnType<typeof usedPatches>[number]) => {
    const documents = parsed.get(origin) ?? [];
    if (documents instanceof Error) return [documents.message];
    const { problems } = contract === undefined ? { problems: [] } : convertPatch(documents, contract, machineType);
    const trees = documents.map((document) => (isJsonPatch(document) ? toStrategicMerge(document).tree : document));
    return [...trees.flatMap(shapeProblems), ...problems.map((problem) => problem + contractHint(cluster))];
  };
  const problems = usedPatches(cluster).flatMap((used) =>
    messagesOf(used).map((message) => ({ path: used.path, message })),
  );
  return new Map(problems.map((problem) => [JSON.stringify(problem), problem])).values();
}

/** A contract that is not set may be older: it was frozen when the cluster was created. */
export function contractHint(cluster: { readonly contract?: string; readonly kind: string }): string {
  const frozen = cluster.kind === "talos" && cluster.contract === undefined;
  return frozen ? "; or set talos-mesh:cluster.contract, if the cluster was created with an older one" : "";
}

/** Files that look like configuration of containerd, and are not read by it. */
export function patchWarnings(contents: PatchContents): string[] {
  const reason =
    "has no effect: since Talos 1.3 containerd reads /etc/cri/conf.d only; " +
    "write the same content to /etc/cri/conf.d/20-customization.part";
  return [...contents].flatMap(([origin, documents]) =>
    documents.flatMap((document) => {
      const { machine } = isJsonPatch(document) ? toStrategicMerge(document).tree : document;
      const paths = treesIn(asTree(machine).files).map((file) => String(file.path));
      return paths.filter((file) => file.startsWith("/var/cri/conf.d/")).map((file) => `${origin}: ${file} ${reason}`);
    }),
  );
}

/** @param patch text, `@file`, strategic merge or RFC 6902 @throws Error with what is wrong with it */
function parsePatch(patch: unknown, readFile: ReadFile): PatchDocument[] {
  let documents: unknown[];
  try {
    documents =
      typeof patch === "string" ? parseText(patch.startsWith("@") ? readFile(patch.slice(1)) : patch) : [patch];
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") throw new Error(`found "${String(patch)}"; no such file (relative to Pulumi.yaml)`);
    throw code === undefined ? error : new Error(`cannot be read: ${message}`);
  }
  if (documents.length === 0) throw new Error("is empty, which talosctl refuses");
  return documents.map((document) => {
    if (isJsonPatch(document)) {
      return document.map(({ op, path: at, ...others }) => ({ op, path: at, ...inOrder(others) }));
    }
    if (isTree(document)) return inOrder(document);
    throw new Error("expected a mapping (strategic merge) or a list of operations (RFC 6902)");
  });
}

function parseText(text: string): unknown[] {
  const { values, problems } = parseYaml(text, { octal: true });
  const [first] = problems;
  if (first) throw new Error(`${first.line}:${first.column}: ${first.message}`);
  return values.filter((document) => document !== null);
}

/**
 * Converts a patch to the form of a contract. Where a config has several documents, RFC 6902 becomes a strategic merge, and
 * fields go to the documents that have them.
 */
export function convertPatch(patch: readonly PatchDocument[], contract: string, machineType: MachineType) {
  /** RFC 6902 operations that talosctl accepts as they are. */
  const operations: (readonly Operation[])[] = [];
  /** Patches of the v1alpha1 document. */
  const v1alpha1: Tree[] = [];
  const documents: Tree[] = [];
  const problems: string[] = [];
  const addTree = (tree: Tree) => {
    const converted = toMultiDocument(tree, contract, machineType);
    v1alpha1.push(converted.v1alpha1);
    documents.push(...converted.documents);
    problems.push(...converted.problems);
  };
  for (const document of patch) {
    if (!isJsonPatch(document)) {
      if (typeof document.kind === "string") documents.push(document);
      else addTree(document);
    } else if (compareMinor(contract, "1.12") < 0) {
      // Such a config has one document only: talosctl accepts RFC 6902 patches for no other.
      operations.push(document);
      problems.push(...malformedOperations(document));
    } else {
      const { tree, problems: refused } = toStrategicMerge(document);
      problems.push(...refused.map((reason) => `contract v${contract} has no RFC 6902 patches, and ${reason}`));
      addTree(tree);
    }
  }
  return { operations, v1alpha1, documents, problems };
}
