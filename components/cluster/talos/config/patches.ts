import { formatPath, type Problem, type SettingPath } from "../../../shared/problem";
import type { Contract } from "./contract";
import type { ContractForm } from "./contract-form";
import { type GoMap, goYaml } from "./go-yaml";
import type { Tree } from "./tree";
import type { MachinePatch, MachineType, ReadFile } from "./types";
import { readPatch } from "./user-patch";

/** A patch of the user's and where it stands. */
export interface PlacedPatch {
  readonly path: SettingPath;
  /** Text, `@file`, strategic merge or RFC 6902. */
  readonly patch: unknown;
}

/** Patches for talosctl in the order they go, and what is wrong with them. */
export interface OrderedPatches {
  readonly patches: readonly MachinePatch[];
  readonly warnings: readonly string[];
  readonly problems: readonly Problem[];
}

/** What settings ask for: the v1alpha1 patch in the contract's form, and documents that are such under any contract. */
export interface TypedPatch {
  readonly form: ContractForm;
  readonly documents: readonly Tree[];
}

/**
 * The settings' patch and the user's after it, in the form of a contract. Documents come last, since talosctl takes
 * RFC 6902 patches for a config of one document only; the two do not touch each other, so nothing else changes.
 */
export function orderedPatches(
  userPatches: readonly PlacedPatch[],
  contract: Contract,
  machineType: MachineType,
  readFile: ReadFile,
  typed?: TypedPatch,
): OrderedPatches {
  const read = userPatches.map(({ path, patch }) => ({
    path,
    origin: formatPath(path),
    ...readPatch(patch, contract, machineType, readFile),
  }));
  return {
    patches: [
      ...merges("settings", typed ? [typed.form.v1alpha1] : []),
      ...read.flatMap(({ origin, v1alpha1, operations }) => [
        ...merges(origin, v1alpha1),
        ...operations.map((list) => ({ origin, content: `${JSON.stringify(list)}\n` })),
      ]),
      ...merges("settings", typed ? [...typed.form.documents, ...typed.documents] : []),
      ...read.flatMap(({ origin, documents }) => merges(origin, documents)),
    ],
    warnings: read.flatMap(({ origin, warnings }) => warnings.map((warning) => `${origin}: ${warning}`)),
    problems: read.flatMap(({ path, problems }) => problems.map((message) => ({ path, message }))),
  };
}

function merges(origin: string, trees: readonly Tree[]): MachinePatch[] {
  return trees
    .filter((tree) => Object.keys(tree).length > 0)
    .map((tree) => ({ origin, content: goYaml(tree as GoMap) }));
}
