import type { SettingPath } from "../shared/problem";
import { knownEntries } from "../shared/unknown";

/**
 * The paths that a path with asterisks matches, each with its value: `mesh.values.*.profile`. An asterisk is every entry
 * of a list or object. What is absent or unknown is left out.
 */
export function* expandPath(value: unknown, path: string): Iterable<[SettingPath, unknown]> {
  yield* expand(value, path.split("."), []);
}

function* expand(value: unknown, [key, ...rest]: readonly string[], at: SettingPath): Iterable<[SettingPath, unknown]> {
  if (key === undefined) {
    yield [at, value];
  } else if (typeof value === "object" && value !== null) {
    for (const [name, entry] of knownEntries(value as Record<string, unknown>)) {
      if (key === "*" || key === name) yield* expand(entry, rest, [...at, name]);
    }
  }
}
