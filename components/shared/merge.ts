import { own } from "./own";

/** A YAML mapping as plain data. */
export type Tree = Readonly<Record<string, unknown>>;

/** As Helm merges values: `over` wins, mappings are merged key by key, lists and everything else are replaced. */
export function mergeValues(base: Tree, over: Tree): Record<string, unknown> {
  const merged = Object.entries(over).map(([key, value]) => {
    const below = own(base, key);
    return [key, isTree(below) && isTree(value) ? mergeValues(below, value) : value];
  });
  // Entries, because an assignment would call the setter of the key `__proto__`.
  return Object.fromEntries([...Object.entries(base), ...merged]) as Record<string, unknown>;
}

export function asTree(value: unknown): Tree {
  return isTree(value) ? value : {};
}

export function treesIn(value: unknown): readonly Tree[] {
  return Array.isArray(value) ? value.filter(isTree) : [];
}

export function isTree(value: unknown): value is Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** For JSON.stringify: mappings with their keys sorted by code point, whatever the user's language. */
export function sortedKeys(_key: string, value: unknown): unknown {
  if (!isTree(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
