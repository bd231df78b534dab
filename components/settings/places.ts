import type { SettingPath } from "../shared/problem";

export type Container = Record<string | number, unknown>;

export function isContainer(value: unknown): value is Container {
  return typeof value === "object" && value !== null;
}

/** Every place of the value that a path with asterisks stands for, in the order of the settings. */
export function* places(
  value: unknown,
  keys: readonly string[],
  path: SettingPath = [],
): Iterable<[SettingPath, unknown]> {
  const [key, ...rest] = keys;
  if (key === undefined) {
    yield [path, value];
    return;
  }
  if (!isContainer(value)) return;
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) yield* places(item, rest, [...path, index]);
    return;
  }
  for (const name of key === "*" ? Object.keys(value) : [key]) yield* places(value[name], rest, [...path, name]);
}
