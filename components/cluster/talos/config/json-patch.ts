import { isTree, set, type Tree } from "./tree";

/** One operation of RFC 6902. */
export interface Operation {
  readonly op: string;
  readonly path: string;
  readonly value?: unknown;
}

export function isJsonPatch(value: unknown): value is readonly Operation[] {
  return Array.isArray(value) && value.every((item) => isTree(item) && typeof item.op === "string");
}

/** What a JSON patch turned into, or why it could not. */
export interface Converted {
  readonly tree: Tree;
  /** A sentence each: the operation, why it has no counterpart, and what to write. */
  readonly problems: readonly string[];
}

/**
 * The strategic merge that does what the `add` and `replace` operations of a JSON patch do. One difference is left: a
 * map is merged into the map that is there, where RFC 6902 would replace it; and a list is appended to.
 *
 * Source: RFC 6901 and 6902; talosctl's own merge is siderolabs/talos, pkg/machinery/config/merge.
 */
export function toStrategicMerge(operations: readonly Operation[]): Converted {
  const tree: Tree = {};
  const problems: string[] = [];
  for (const operation of operations) {
    const problem = refused(operation) ?? assign(tree, keysOf(operation.path), operation);
    if (problem) problems.push(`${operation.op} ${operation.path}: ${problem}`);
  }
  return { tree, problems };
}

/** Keys of a JSON pointer. */
function keysOf(pointer: string): string[] {
  return pointer
    .split("/")
    .slice(1)
    .map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function refused({ op, path, value }: Operation): string | undefined {
  if (typeof path !== "string" || !path.startsWith("/"))
    return "names no place; expected a path such as /machine/sysctls";
  const keys = keysOf(path);
  const index = keys.findIndex((key) => /^(\d+|-)$/.test(key));
  if (index !== -1) {
    const list = keys.slice(0, index);
    return `is a place in a list, which strategic merge does not have; write the entry itself, ${inline(list, "[...]")}: it is appended, or merged with the entry of its name`;
  }
  if (op === "remove") return `cannot be converted; write ${inline(keys, "{ $patch: delete }")}`;
  if (op !== "add" && op !== "replace") return "cannot be converted; add and replace can";
  if (value === undefined) return "has no value";
  if (value === null) return `null is not merged; write ${inline(keys, "{ $patch: delete }")}`;
  return undefined;
}

function assign(tree: Tree, keys: readonly string[], { value }: Operation): string | undefined {
  let place = tree;
  for (const key of keys.slice(0, -1)) {
    if (!Object.hasOwn(place, key)) set(place, key, {});
    const next = place[key];
    if (!isTree(next)) return "lies within a value that an earlier operation sets";
    place = next;
  }
  set(place, keys.at(-1) ?? "", structuredClone(value));
  return undefined;
}

/** `machine: { sysctls: { $patch: delete } }`, as a person would write it. */
function inline(keys: readonly string[], end: string): string {
  const [first = "", ...rest] = keys;
  const inner = rest.reduceRight((text, key) => `{ ${key}: ${text} }`, end);
  return `\`${first}: ${inner}\``;
}
