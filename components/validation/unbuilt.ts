import { isContainer, places, type Container } from "../settings/places";
import { type Problem, type SettingPath } from "../shared/problem";
import { settingsSchema, type Settings } from "../settings/schema";

/** A part of the settings that the schema can say and this release does not build. */
export type UnbuiltPart = Problem;

interface Entry {
  /** Where it stands; `*` is every key of a map and every entry of a list. */
  readonly path: string;
  /** Name under which it is planned. */
  readonly planned: string;
  /** Values that are built; without it, any value but an empty or false one is refused. */
  readonly built?: readonly unknown[];
}

/** All that is refused by name, and not ignored. What gets built loses its line here. */
const table: readonly Entry[] = [{ path: "verification", planned: "verification" }];

interface Found {
  readonly entry: Entry;
  readonly path: SettingPath;
  readonly value: unknown;
}

function inUse({ built }: Entry, value: unknown): boolean {
  if (value === undefined || value === null) return false;
  if (built) return !built.includes(value);
  // These ask for nothing; they are also what defaults fill in.
  return value !== false && !(isContainer(value) && Object.keys(value).length === 0);
}

function find(settings: Partial<Settings>): Found[] {
  return table.flatMap((entry) =>
    [...places(settings, entry.path.split("."))]
      .filter(([, value]) => inUse(entry, value))
      .map(([path, value]) => ({ entry, path, value })),
  );
}

function describe({ entry, path, value }: Found): UnbuiltPart {
  const planned = `planned: ${entry.planned}`;
  const message = entry.built
    ? `found ${String(value)}; not built in this release (${planned}); built: ${entry.built.join(", ")}`
    : `not built in this release; remove it (${planned})`;
  return { path, message };
}

/** Parts in use that this release does not build. */
export function unbuiltParts(settings: Partial<Settings>): UnbuiltPart[] {
  return find(settings).map(describe);
}

/** Later list entries first and inner parts before outer ones, so that a removal moves nothing still to be removed. */
function fromTheEnd(a: SettingPath, b: SettingPath): number {
  for (let depth = 0; depth < Math.min(a.length, b.length); depth++) {
    const [x, y] = [a[depth], b[depth]];
    if (x === y) continue;
    return typeof x === "number" && typeof y === "number" ? y - x : String(x) < String(y) ? -1 : 1;
  }
  return b.length - a.length;
}

function remove(root: Container, path: SettingPath): void {
  const parent = path.slice(0, -1).reduce<unknown>((value, key) => (isContainer(value) ? value[key] : undefined), root);
  const key = path.at(-1);
  if (!isContainer(parent) || key === undefined) return;
  if (Array.isArray(parent)) parent.splice(Number(key), 1);
  else delete parent[key];
}

/** The settings without what this release does not build, and the list of that. */
export function withoutUnbuilt(settings: Settings): { settings: Settings; leftOut: UnbuiltPart[] } {
  const found = find(settings);
  if (found.length === 0) return { settings, leftOut: [] };
  const rest: Container = structuredClone({ ...settings });
  const unique = new Map(found.map(({ path }) => [JSON.stringify(path), path]));
  for (const path of [...unique.values()].sort(fromTheEnd)) remove(rest, path);
  return { settings: settingsSchema.parse(rest), leftOut: found.map(describe) };
}
