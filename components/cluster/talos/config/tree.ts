/** A YAML map as plain data. */
export type Tree = Record<string, unknown>;

export function isTree(value: unknown): value is Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Strategic merge as far as maps go: `over` wins, maps are merged key by key, everything else is replaced. */
export function merge(base: Tree, over: Tree): Tree {
  const merged: Tree = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const below = Object.hasOwn(merged, key) ? merged[key] : undefined;
    set(merged, key, isTree(below) && isTree(value) ? merge(below, value) : value);
  }
  return merged;
}

/** Plain assignment would call a setter for the key `__proto__`. */
export function set(tree: Tree, key: string, value: unknown): void {
  Object.defineProperty(tree, key, { value, enumerable: true, configurable: true, writable: true });
}

/** Takes the value at a path out of the tree, and with it the maps that this leaves empty. */
export function take(tree: Tree, path: readonly string[]): { value: unknown; rest: Tree } {
  const [key, ...inner] = path;
  if (key === undefined || !Object.hasOwn(tree, key)) return { value: undefined, rest: tree };
  const { [key]: child, ...others } = tree;
  if (inner.length === 0) return { value: child, rest: others };
  if (!isTree(child)) return { value: undefined, rest: tree };
  const taken = take(child, inner);
  const isEmpty = Object.keys(taken.rest).length === 0;
  return { value: taken.value, rest: isEmpty ? others : { ...tree, [key]: taken.rest } };
}

/** Puts a value at a path: `{machine: {sysctls: value}}`. */
export function nested(path: readonly string[], value: unknown): Tree {
  return path.reduceRight<unknown>((inner, key) => {
    const tree: Tree = {};
    set(tree, key, inner);
    return tree;
  }, value) as Tree;
}

/** Without undefined values, empty lists and empty maps, at any depth. */
export function compact(tree: Tree): Tree {
  const entries = Object.entries(tree)
    .map(([key, value]) => [key, isTree(value) ? compact(value) : value] as const)
    .filter(([, value]) => {
      if (value === undefined) return false;
      return typeof value !== "object" || value === null || Object.keys(value).length > 0;
    });
  return Object.fromEntries(entries);
}
