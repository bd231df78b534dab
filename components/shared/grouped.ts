/** The first value that was there before. */
export function firstRepeated<Value>(values: readonly Value[]): Value | undefined {
  return values.find((value, index) => values.indexOf(value) !== index);
}

/** Items by a key, in the order of the first of each; each group with its first item. */
export function grouped<Item>(items: readonly Item[], keyOf: (item: Item) => string): [first: Item, all: Item[]][] {
  const groups = new Map<string, [Item, Item[]]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group) group[1].push(item);
    else groups.set(keyOf(item), [item, [item]]);
  }
  return [...groups.values()];
}
