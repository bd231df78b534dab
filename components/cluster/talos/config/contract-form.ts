import { atLeast, type Contract } from "./contract";
import { type Document, Documents } from "./documents";
import { clusterMoves } from "./moves/cluster";
import { machineMoves } from "./moves/machine";
import type { Move } from "./moves/move";
import { networkMoves } from "./moves/network";
import { isTree, merge, nested, take, type Tree } from "./tree";
import type { MachineType } from "./types";

/**
 * Everything of the v1alpha1 document that a later contract keeps elsewhere. Settings and patches are written in the
 * v1alpha1 form, which all contracts understand; this table is the one place that knows where a contract wants it.
 * A new contract of Talos means new rows.
 *
 * Source: siderolabs/talos, the `Deprecated:` notes of v1alpha1_types.go and the V1Alpha1ConflictValidate methods.
 */
const moves: readonly Move[] = [...machineMoves, ...networkMoves, ...clusterMoves];

/** A v1alpha1 patch in the form of a contract. */
export interface ContractForm {
  /** What stays in the v1alpha1 document. */
  readonly v1alpha1: Tree;
  readonly documents: readonly Document[];
  /** Fields without a counterpart, a sentence each. */
  readonly problems: readonly string[];
}

export function toContractForm(patch: Tree, contract: Contract, machineType: MachineType): ContractForm {
  const documents = new Documents(machineType);
  const problems: string[] = [];
  let v1alpha1 = patch;
  for (const { since, path, write } of moves) {
    if (!atLeast(contract, since)) continue;
    const { value, rest } = take(v1alpha1, path);
    if (value === undefined || value === null) continue;
    v1alpha1 = rest;
    const problem = (message: string) => {
      problems.push(`${path.join(".")} is not in contract v${contract}: ${message}; write the documents themselves`);
    };
    if (isTree(value) && value.$patch !== undefined) {
      problem("$patch is for the document that has it now");
      continue;
    }
    const left = write(value, { documents, problem });
    if (left !== undefined) v1alpha1 = merge(v1alpha1, nested(path, left));
  }
  return { v1alpha1, documents: documents.list(), problems };
}
