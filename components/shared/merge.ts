type Tree = Readonly<Record<string, unknown>>;

/** As Helm merges values: `over` wins, mappings are merged key by key, lists and everything else are replaced. */
export function mergeValues(base: Tree, over: Tree): Record<string, unknown> {
  const merged: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const below = merged[key];
    merged[key] = isTree(below) && isTree(value) ? mergeValues(below, value) : value;
  }
  return merged;
}

export function isTree(value: unknown): value is Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
