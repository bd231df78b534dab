import { isTree, type Tree } from "../../../shared/merge";
import { own } from "../../../shared/own";

export interface Operation {
  readonly op: string;
  readonly path: string;
  readonly value?: unknown;
}

export function isJsonPatch(value: unknown): value is readonly Operation[] {
  return Array.isArray(value) && value.every((item) => isTree(item) && typeof item.op === "string");
}

/**
 * The strategic merge with the same effect as the `add` and `replace` operations of a JSON patch. One difference remains:
 * a mapping is merged into an existing mapping, and a list is appended to an existing list, where RFC 6902 replaces them.
 * Source: RFC 6901 and 6902; talosctl's own merge is siderolabs/talos, pkg/machinery/config/merge.
 */
export function toStrategicMerge(operations: readonly Operation[]) {
  let tree: Tree = {};
  const problems: string[] = [];
  for (const operation of operations) {
    const problem = unsupported(operation);
    const next = problem === undefined ? assign(tree, keysOf(operation.path), operation.value) : undefined;
    if (next) tree = next;
    else {
      const reason = problem ?? "is inside a value that an earlier operation sets";
      problems.push(`${named(operation)}: ${reason}`);
    }
  }
  return { tree, problems };
}

function keysOf(pointer: string): string[] {
  const keys = pointer.split("/").slice(1);
  return keys.map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** What RFC 6902 does not know: talosctl would fail on it. */
export function malformedOperations(operations: readonly Operation[]): string[] {
  return operations.flatMap((operation) => {
    const problem = malformed(operation);
    return problem === undefined ? [] : [`${named(operation)}: ${problem}`];
  });
}

/** An operation as a user wrote it, which may lack its path. */
function named({ op, path }: { readonly op: string; readonly path?: unknown }): string {
  return typeof path === "string" ? `${op} ${path}` : op;
}

const operators = ["add", "remove", "replace", "move", "copy", "test"];

function malformed({ op, path }: Operation): string | undefined {
  if (!operators.includes(op)) return `is no operation; expected one of: ${operators.join(", ")}`;
  if (typeof path !== "string") return "has no path; expected one such as /machine/sysctls";
  return path.startsWith("/") ? undefined : "is not a JSON pointer; expected a path such as /machine/sysctls";
}

function unsupported(operation: Operation): string | undefined {
  const problem = malformed(operation);
  if (problem !== undefined) return problem;
  const { op, path, value } = operation;
  const keys = keysOf(path);
  const index = keys.findIndex((key) => /^(\d+|-)$/.test(key));
  if (index !== -1) {
    const entry = inline(keys.slice(0, index), "[...]");
    return `is a position in a list, which strategic merge does not have; write the entry itself, ${entry}: it is appended, or merged with the entry of its name`;
  }
  if (op === "remove") return `cannot be converted; write ${inline(keys, "{ $patch: delete }")}`;
  if (op !== "add" && op !== "replace") return "cannot be converted; add and replace can";
  if (value === undefined) return "has no value";
  if (value === null) return `null is not merged; write ${inline(keys, "{ $patch: delete }")}`;
  return undefined;
}

/** A copy of the tree with the value at this path; undefined where something else than a mapping is on the way. */
function assign(tree: Tree, [key = "", ...inner]: readonly string[], value: unknown): Tree | undefined {
  if (inner.length === 0) return { ...tree, [key]: structuredClone(value) };
  const child = own(tree, key) ?? {};
  const next = isTree(child) ? assign(child, inner, value) : undefined;
  return next && { ...tree, [key]: next };
}

/** `machine: { sysctls: { $patch: delete } }`. */
function inline([first = "", ...keys]: readonly string[], end: string): string {
  return `\`${first}: ${keys.reduceRight((text, key) => `{ ${key}: ${text} }`, end)}\``;
}
