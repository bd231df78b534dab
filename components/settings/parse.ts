import { z } from "zod";
import { isTree } from "../shared/merge";
import type { Problem } from "../shared/problem";
import { knownFields, readEntries, setIncomplete, setUnknown, throwUnknown } from "../shared/unknown";
import { describeIssue } from "./issues";
import { settingsSchema, type Settings } from "./schema";
import { alternative, unwrap } from "./schema-walk";
import { nearest, suggestion } from "./wording";

export interface ParsedSections {
  /** With defaults filled in. Parts that have a mistake are unknown: see components/shared/unknown.ts. */
  readonly settings: Settings;
  readonly problems: readonly Problem[];
}

export const sectionNames = Object.keys(settingsSchema.shape) as readonly (keyof Settings)[];

/** Keeps all that is valid. Sections that are `unreadable` have problems already, and are not parsed again. */
export function parseSections(
  sections: Readonly<Record<string, unknown>>,
  unreadable: ReadonlySet<string>,
): ParsedSections {
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
    const raw = Object.hasOwn(sections, name) ? sections[name] : undefined;
    const result = schema.safeParse(raw);
    if (result.success) return misspelt.has(name) ? throwUnknown() : result.data;
    problems.push(...result.error.issues.flatMap((issue) => describeIssue(issue, schema, raw, [name])));
    return knownPart(schema, raw);
  };
  const readers = Object.fromEntries(sectionNames.map((name) => [name, () => parse(name)]));
  return { settings: knownFields(readers as never), problems };
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
  if (result.error.issues.some(({ path, code }) => path.length === 0 && code !== "unrecognized_keys"))
    return throwUnknown();
  if (inner instanceof z.ZodObject && isTree(raw)) return knownObject(inner, raw);
  if (inner instanceof z.ZodRecord && isTree(raw)) return knownRecord(inner, raw);
  if (inner instanceof z.ZodArray && Array.isArray(raw)) {
    return readEntries(raw.map((entry: unknown) => () => knownPart(inner.element, entry)));
  }
  return throwUnknown();
}

function knownObject(schema: z.ZodObject, raw: Readonly<Record<string, unknown>>): object {
  const shape: Readonly<Record<string, z.core.$ZodType>> = schema.shape;
  const known = knownFields<Record<string, unknown>>(
    Object.fromEntries(
      Object.entries(shape).map(([key, field]) => [
        key,
        () => knownPart(field, Object.hasOwn(raw, key) ? raw[key] : undefined),
      ]),
    ),
  );
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
  const known = knownFields<Record<string, unknown>>(
    Object.fromEntries(
      Object.keys(raw).map((key) => [key, isValid(key) ? () => knownPart(schema.valueType, raw[key]) : throwUnknown]),
    ),
  );
  // Such a key may have been meant as another one.
  if (!Object.keys(raw).every(isValid)) setIncomplete(known);
  return known;
}
