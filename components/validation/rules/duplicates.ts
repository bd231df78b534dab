import type { Problem, SettingPath } from "../../shared/problem";

/** One thing that must be there once: where it stands, and what makes it the same as another. */
export interface Entry {
  readonly path: SettingPath;
  readonly key: string | number;
}

/** A problem for every entry whose key an earlier one has. */
export function* duplicates(entries: Iterable<Entry>, what: string): Iterable<Problem> {
  const first = new Map<string | number, SettingPath>();
  for (const { path, key } of entries) {
    const earlier = first.get(key);
    if (earlier) yield { path, message: `${what} ${key} is there already, at ${place(earlier)}` };
    else first.set(key, path);
  }
}

/** A path within its section, as short as a person needs beside the full one. */
export function place(path: SettingPath): string {
  return path
    .slice(1)
    .map((key) => (typeof key === "number" ? `[${key}]` : `.${key}`))
    .join("")
    .replace(/^\./, "");
}
