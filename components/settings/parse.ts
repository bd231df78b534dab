import { z } from "zod";
import { isTree } from "../shared/merge";
import type { Problem, SettingPath } from "../shared/problem";
import { knownFields, readEntries, setIncomplete, setUnknown, throwUnknown } from "../shared/unknown";
import { describeIssue } from "./issues";
import { settingsSchema, type Settings } from "./schema";
import { alternative, unwrap, valueAt } from "./schema-walk";
import { nearest, suggestion } from "./wording";
import { own } from "../shared/own";

export const sectionNames = Object.keys(settingsSchema.shape) as readonly (keyof Settings)[];

/**
 * The settings with defaults filled in; parts that have a mistake are unknown (components/shared/unknown.ts). Sections
 * that are `unreadable` have problems already, and are not parsed again.
 */
export function parseSections(sections: Readonly<Record<string, unknown>>, unreadable: ReadonlySet<string>) {
  const problems: Problem[] = [];
  const misspelt = new Set<string>(unreadable);
  for (const name of Object.keys(sections)) {
    if (Object.hasOwn(settingsSchema.shape, name)) continue;
    problems.push({ path: [name], message: unknownSection(name) });
    const meant = nearest(name, sectionNames);
    if (meant !== undefined && !Object.hasOwn(sections, meant)) misspelt.add(meant);
  }
  const parse = (name: keyof Settings): unknown => {
    if (unreadable.has(name)) return throwUnknown();
    const schema = settingsSchema.shape[name];
    const raw = valueAt(sections, [name]);
    const result = schema.safeParse(raw);
    if (result.success) return misspelt.has(name) ? throwUnknown() : result.data;
    problems.push(...result.error.issues.flatMap((issue) => describeIssue(issue, schema, raw, [name])));
    return knownPart(schema, raw);
  };
  problems.push(...protoKeys(sections, []));
  const readers = Object.fromEntries(sectionNames.map((name) => [name, () => parse(name)]));
  return { settings: knownFields<Settings>(readers as never), problems };
}

/** The library leaves this key out, as an assignment to it has another meaning. */
function* protoKeys(value: unknown, at: SettingPath): Iterable<Problem> {
  if (typeof value !== "object" || value === null) return;
  for (const [key, entry] of Object.entries(value)) {
    const path = [...at, Array.isArray(value) ? Number(key) : key];
    if (key === "__proto__") yield { path, message: "found the key __proto__, which no setting can have; rename it" };
    else yield* protoKeys(entry, path);
  }
}

export function unknownSection(name: string): string {
  return `unknown section; ${suggestion(name, [...sectionNames, "secrets"])}`;
}

/** The value as the schema reads it, with every part that has a mistake unknown: the smallest part that can be left out. */
function knownPart(schema: z.core.$ZodType, raw: unknown): unknown {
  const result = z.safeParse(schema, raw);
  if (result.success) return result.data;
  const inner = unwrap(schema);
  if (inner instanceof z.ZodUnion) return knownPart(alternative(inner, raw) ?? throwUnknown(), raw);
  // Of a mapping with unknown keys, or fields that exclude each other, each field is known.
  const spared = ["unrecognized_keys", ...(inner instanceof z.ZodObject ? ["custom"] : [])];
  if (result.error.issues.some(({ path, code }) => path.length === 0 && !spared.includes(code))) return throwUnknown();
  if (inner instanceof z.ZodObject && isTree(raw)) return knownObject(inner, raw);
  if (inner instanceof z.ZodRecord && isTree(raw)) return knownRecord(inner, raw);
  if (inner instanceof z.ZodArray && Array.isArray(raw)) {
    return readEntries(raw.map((entry: unknown) => () => knownPart(inner.element, entry)));
  }
  return throwUnknown();
}

type Reader = [key: string, read: () => unknown];

function knownObject(schema: z.ZodObject, raw: Readonly<Record<string, unknown>>): object {
  const shape: Readonly<Record<string, z.core.$ZodType>> = schema.shape;
  const readers = Object.entries(shape).map(([key, field]): Reader => [
    key,
    () => knownPart(field, valueAt(raw, [key])),
  ]);
  const known = knownFields<Record<string, unknown>>(Object.fromEntries(readers));
  // The field that a misspelt key was meant to be is not absent.
  const absent = Object.keys(shape).filter((key) => !Object.hasOwn(raw, key));
  for (const key of Object.keys(raw)) {
    const meant = Object.hasOwn(shape, key) ? undefined : nearest(key, absent);
    if (meant !== undefined) setUnknown(known, meant);
  }
  return known;
}

function knownRecord(schema: z.ZodRecord, raw: Readonly<Record<string, unknown>>): object {
  const isValid = (key: string) => z.safeParse(schema.keyType, key).success;
  const readers = Object.keys(raw).map((key): Reader => [
    key,
    isValid(key) ? () => knownPart(schema.valueType, own(raw, key)) : throwUnknown,
  ]);
  const known = knownFields<Record<string, unknown>>(Object.fromEntries(readers));
  // Such a key may have been meant as another one.
  if (!Object.keys(raw).every(isValid)) setIncomplete(known);
  return known;
}
