import { parseAllDocuments, type ScalarTag } from "yaml";
import { type Contract, takesJsonPatches } from "./contract";
import { toContractForm } from "./contract-form";
import { isJsonPatch, type Operation, toStrategicMerge } from "./json-patch";
import { isTree, type Tree } from "./tree";
import type { MachineType, ReadFile } from "./types";

/** A patch of the user's, in the form of a contract. */
export interface ReadPatch {
  /** Operations that talosctl takes as they are. */
  readonly operations: readonly (readonly Operation[])[];
  /** Patches of the v1alpha1 document. */
  readonly v1alpha1: readonly Tree[];
  readonly documents: readonly Tree[];
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
}

/** Go reads `0644` as octal, as YAML 1.1 did: file modes are written so. */
const octal: ScalarTag = {
  tag: "tag:yaml.org,2002:int",
  default: true,
  test: /^0[0-7]+$/,
  resolve: (text) => Number.parseInt(text, 8),
};

function parsed(text: string): unknown[] {
  return parseAllDocuments(text, { customTags: (tags) => [octal, ...tags] }).map((document) => {
    const [error] = document.errors;
    if (error) throw error;
    return document.toJS() as unknown;
  });
}

/** The patch as data: one item a YAML document. */
function contents(patch: unknown, readFile: ReadFile): unknown[] {
  if (typeof patch !== "string") return [patch];
  return parsed(patch.startsWith("@") ? readFile(patch.slice(1)) : patch).filter((item) => item !== null);
}

/** Why a patch cannot be read, under whatever contract; undefined where it can. */
export function unreadable(patch: unknown, readFile: ReadFile): string | undefined {
  try {
    contents(patch, readFile);
    return undefined;
  } catch (error) {
    return `cannot be read: ${(error as Error).message.split("\n")[0] ?? ""}`;
  }
}

/**
 * Reads a patch: text, `@file` or YAML; strategic merge, RFC 6902 or whole documents. Under a contract with several
 * documents, RFC 6902 becomes strategic merge, and fields move to the documents that have them.
 */
export function readPatch(patch: unknown, contract: Contract, machineType: MachineType, readFile: ReadFile): ReadPatch {
  const found = { operations: [] as (readonly Operation[])[], v1alpha1: [] as Tree[], documents: [] as Tree[] };
  const problems: string[] = [];
  const warnings: string[] = [];
  const broken = unreadable(patch, readFile);
  const items = broken === undefined ? contents(patch, readFile) : [];
  if (broken !== undefined) problems.push(broken);
  else if (items.length === 0) problems.push("found nothing in it; talosctl refuses an empty patch");

  const addTree = (tree: Tree) => {
    warnings.push(...unreadFiles(tree));
    const form = toContractForm(tree, contract, machineType);
    if (Object.keys(form.v1alpha1).length > 0) found.v1alpha1.push(form.v1alpha1);
    found.documents.push(...form.documents);
    problems.push(...form.problems);
  };

  for (const item of items) {
    if (isJsonPatch(item)) {
      const { tree, problems: refused } = toStrategicMerge(item);
      if (takesJsonPatches(contract)) {
        warnings.push(...unreadFiles(tree));
        found.operations.push(item);
      } else {
        problems.push(...refused.map((reason) => `contract v${contract} takes no RFC 6902 patches, and ${reason}`));
        addTree(tree);
      }
    } else if (!isTree(item)) {
      problems.push("expected a map (strategic merge) or a list of operations (RFC 6902)");
    } else if (typeof item.kind === "string") {
      found.documents.push(item);
    } else {
      addTree(item);
    }
  }
  return { ...found, problems, warnings };
}

/** Files that containerd does not read, though their path looks as if it did. */
function unreadFiles(tree: Tree): string[] {
  const machine = isTree(tree.machine) ? tree.machine : {};
  const files = Array.isArray(machine.files) ? machine.files.filter(isTree) : [];
  return files
    .map(({ path }) => String(path))
    .filter((path) => path.startsWith("/var/cri/conf.d/"))
    .map(
      (path) =>
        `${path} has no effect: since Talos 1.3 containerd reads /etc/cri/conf.d only; ` +
        "write the same content to /etc/cri/conf.d/20-customization.part",
    );
}
