import { compareMinor } from "../../../settings/versions";
import { isTree, mergeValues, type Tree } from "../../../shared/merge";
import { Documents, type MachineType, nested } from "./migrations/migration";
import { migrations } from "./migrations/migrations";

/** A v1alpha1 patch in the form of a contract such as `1.12`. @returns problems: fields without a counterpart */
export function toMultiDocument(patch: Tree, contract: string, machineType: MachineType) {
  const documents = new Documents(machineType);
  const problems: string[] = [];
  let v1alpha1 = patch;
  for (const { since, path, write } of migrations) {
    if (compareMinor(contract, since) < 0) continue;
    const { value, rest } = take(v1alpha1, path);
    if (value === undefined || value === null) continue;
    v1alpha1 = rest;
    const problem = (message: string) => {
      problems.push(`${path.join(".")} is not in contract v${contract}: ${message}; write the documents themselves`);
    };
    if (isTree(value) && value.$patch !== undefined) {
      problem("$patch has to be in the document that has the field now");
      continue;
    }
    const left = write(value, { documents, problem });
    if (left !== undefined) v1alpha1 = mergeValues(v1alpha1, nested(path, left));
  }
  return { v1alpha1, documents: documents.list(), problems };
}

/** The value at a path, and the tree without it and without the mappings that this leaves empty. */
function take(tree: Tree, [key = "", ...inner]: readonly string[]): { value: unknown; rest: Tree } {
  if (!Object.hasOwn(tree, key)) return { value: undefined, rest: tree };
  const { [key]: child, ...others } = tree;
  if (inner.length === 0) return { value: child, rest: others };
  if (!isTree(child)) return { value: undefined, rest: tree };
  const { value, rest } = take(child, inner);
  return { value, rest: Object.keys(rest).length === 0 ? others : { ...tree, [key]: rest } };
}
