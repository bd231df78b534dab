import { z } from "zod";
import { parseJson } from "../shared/json";
import { isTree, type Tree } from "../shared/merge";
import type { SettingPath } from "../shared/problem";
import { ifKnown, knownEntries } from "../shared/unknown";
import { own } from "../shared/own";

/** The schema below optional, default and the like. */
export function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault)
    return unwrap(schema.unwrap());
  return schema;
}

/** The mapping that a string in JSON is; undefined where it is none. */
export function jsonMapping(text: string): Tree | undefined {
  const parsed = parseJson(text);
  return isTree(parsed) ? parsed : undefined;
}

/** The alternative of a union that the value was meant to be: by its literal key, else the one of its shape. */
export function alternative(union: z.ZodUnion, value: unknown): z.core.$ZodType | undefined {
  if (union instanceof z.ZodDiscriminatedUnion) {
    const key = union.def.discriminator;
    const found = isTree(value) ? own(value, key) : undefined;
    return union.options.find((option) => {
      const literal = option instanceof z.ZodObject ? own(shapeOf(option), key) : undefined;
      return literal instanceof z.ZodLiteral && literal.values.has(found as string);
    });
  }
  const shape = Array.isArray(value) ? z.ZodArray : isTree(value) ? z.ZodObject : undefined;
  return shape && union.options.find((option) => unwrap(option) instanceof shape);
}

/** The schema at a path, or undefined where the schema ends (free-form values, unknown keys). */
export function schemaAt(schema: z.core.$ZodType, path: SettingPath, value: unknown): z.core.$ZodType | undefined {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodUnion) {
    const chosen = alternative(inner, value);
    return path.length === 0 ? (chosen ?? inner) : chosen && schemaAt(chosen, path, value);
  }
  const [key, ...rest] = path;
  if (key === undefined) return inner;
  const next = valueAt(value, [key]);
  if (inner instanceof z.ZodObject) {
    const property = own(shapeOf(inner), String(key));
    return property && schemaAt(property, rest, next);
  }
  if (inner instanceof z.ZodArray) return schemaAt(inner.element, rest, next);
  if (inner instanceof z.ZodRecord) return schemaAt(inner.valueType, rest, next);
  return undefined;
}

/** The values that a schema describes, anywhere in `value`: each with its path. */
export function schemaValues(
  schema: z.core.$ZodType,
  wanted: z.core.$ZodType,
  value: unknown,
  at: SettingPath = [],
): [SettingPath, unknown][] {
  const inner = unwrap(schema);
  if (value === undefined) return [];
  if (inner === wanted) return [[at, value]];
  if (inner instanceof z.ZodUnion) {
    const chosen = alternative(inner, value);
    return chosen ? schemaValues(chosen, wanted, value, at) : [];
  }
  if (typeof value !== "object" || value === null) return [];
  const schemaOf = (key: string | number): z.core.$ZodType | undefined => {
    if (inner instanceof z.ZodObject) return own(shapeOf(inner), String(key));
    if (inner instanceof z.ZodArray) return inner.element;
    return inner instanceof z.ZodRecord ? inner.valueType : undefined;
  };
  return knownEntries(value as Readonly<Record<string, unknown>>).flatMap(([key, entry]) => {
    const field = schemaOf(key);
    return field ? schemaValues(field, wanted, entry, [...at, key]) : [];
  });
}

export function valueAt(value: unknown, path: SettingPath): unknown {
  let current = value;
  for (const key of path) {
    if (typeof current !== "object" || current === null) return undefined;
    current = own(current as Readonly<Record<string, unknown>>, String(key));
  }
  return current;
}

/**
 * The paths that a path with asterisks matches, each with its value: `mesh.values.*.profile`. An asterisk is every entry
 * of a list or object. What is absent or unknown is left out.
 */
export function* expandPath(value: unknown, path: string): Iterable<[SettingPath, unknown]> {
  yield* expand(value, path.split("."), []);
}

function* expand(value: unknown, [key, ...rest]: readonly string[], at: SettingPath): Iterable<[SettingPath, unknown]> {
  if (key === undefined) {
    if (value !== undefined) yield [at, value];
  } else if (typeof value === "object" && value !== null) {
    const fields = value as Record<string, unknown>;
    const found = key === "*" ? knownEntries(fields) : ([[key, ifKnown(() => own(fields, key))]] as const);
    for (const [name, entry] of found) yield* expand(entry, rest, [...at, name]);
  }
}

function shapeOf({ shape }: z.ZodObject): Readonly<Record<string, z.core.$ZodType>> {
  return shape;
}
