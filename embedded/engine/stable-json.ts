/** JSON with the keys of every object sorted, so that equal values give equal text. */
export function stableJson(value: unknown): string {
  return (
    JSON.stringify(value, (_key, part: unknown) => {
      if (typeof part !== "object" || part === null || Array.isArray(part)) return part;
      const entries = Object.entries(part as Record<string, unknown>);
      return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
    }) ?? "undefined"
  );
}
