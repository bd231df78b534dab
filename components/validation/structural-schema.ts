import type { Problem, SettingPath } from "../shared/problem";
import { isContainer } from "../settings/places";
import { suggestion } from "../settings/suggest";

/** A schema as CRDs have it: Kubernetes' structural subset of OpenAPI v3. */
export interface StructuralSchema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, StructuralSchema>>;
  readonly additionalProperties?: StructuralSchema | boolean;
  readonly items?: StructuralSchema;
  readonly required?: readonly string[];
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly oneOf?: readonly StructuralSchema[];
  readonly anyOf?: readonly StructuralSchema[];
  readonly allOf?: readonly StructuralSchema[];
  readonly not?: StructuralSchema;
  readonly "x-kubernetes-int-or-string"?: boolean;
  readonly "x-kubernetes-preserve-unknown-fields"?: boolean;
}

function typeOf(value: unknown): string {
  if (Array.isArray(value)) return "array";
  return value === null ? "null" : typeof value;
}

function hasType(schema: StructuralSchema, value: unknown): boolean {
  if (schema["x-kubernetes-int-or-string"]) return typeof value === "string" || Number.isInteger(value);
  if (schema.type === "integer") return Number.isInteger(value);
  return schema.type === undefined || schema.type === typeOf(value);
}

/**
 * What the API server would refuse of a value, and what it would drop without a word: keys that the schema does not
 * know. Rules in CEL are the API server's alone.
 */
export function* schemaProblems(schema: StructuralSchema, value: unknown, path: SettingPath): Iterable<Problem> {
  if (!hasType(schema, value)) {
    yield { path, message: `expected ${schema.type ?? "a number or text"}, found ${typeOf(value)}` };
    return;
  }
  if (schema.enum && !schema.enum.includes(value)) {
    yield { path, message: `found ${JSON.stringify(value)}; expected one of: ${schema.enum.join(", ")}` };
  }
  if (typeof value === "string") yield* textProblems(schema, value, path);
  if (typeof value === "number") yield* numberProblems(schema, value, path);
  if (Array.isArray(value)) yield* listProblems(schema, value, path);
  else if (isContainer(value)) yield* objectProblems(schema, value, path);
  if (!alternativesHold(schema, value)) {
    yield { path, message: "holds fields that exclude each other, or lacks one that it needs" };
  }
}

function* textProblems(schema: StructuralSchema, text: string, path: SettingPath): Iterable<Problem> {
  if (text.length < (schema.minLength ?? 0)) yield { path, message: "is empty" };
  if (text.length > (schema.maxLength ?? Infinity)) {
    yield { path, message: `has ${text.length} characters; expected at most ${schema.maxLength}` };
  }
  if (schema.pattern !== undefined && !new RegExp(schema.pattern).test(text)) {
    yield { path, message: `found ${JSON.stringify(text)}; expected it to match ${schema.pattern}` };
  }
}

function* numberProblems({ minimum, maximum }: StructuralSchema, value: number, path: SettingPath): Iterable<Problem> {
  if (minimum !== undefined && value < minimum) yield { path, message: `found ${value}; expected at least ${minimum}` };
  if (maximum !== undefined && value > maximum) yield { path, message: `found ${value}; expected at most ${maximum}` };
}

function* listProblems(schema: StructuralSchema, list: readonly unknown[], path: SettingPath): Iterable<Problem> {
  const { items, minItems = 0, maxItems = Infinity } = schema;
  if (list.length < minItems || list.length > maxItems) {
    yield { path, message: `has ${list.length} entries; expected ${minItems} to ${maxItems}` };
  }
  if (!items) return;
  for (const [index, item] of list.entries()) yield* schemaProblems(items, item, [...path, index]);
}

function* objectProblems(
  schema: StructuralSchema,
  value: Readonly<Record<string, unknown>>,
  path: SettingPath,
): Iterable<Problem> {
  const { properties = {}, additionalProperties, required = [] } = schema;
  for (const key of required) if (!(key in value)) yield { path: [...path, key], message: "missing" };
  for (const [key, item] of Object.entries(value)) {
    const property = properties[key] ?? additionalProperties;
    if (typeof property === "object") yield* schemaProblems(property, item, [...path, key]);
    else if (property !== true && !schema["x-kubernetes-preserve-unknown-fields"]) {
      yield { path: [...path, key], message: `unknown key; ${suggestion(key, Object.keys(properties))}` };
    }
  }
}

/** Conditions on which fields stand together, which is all that CRDs of Istio and Gateway API say this way. */
function alternativesHold(schema: StructuralSchema, value: unknown): boolean {
  const { oneOf, anyOf, allOf, not } = schema;
  return (
    (!oneOf || oneOf.filter((one) => holds(one, value)).length === 1) &&
    (!anyOf || anyOf.some((one) => holds(one, value))) &&
    (!allOf || allOf.every((one) => holds(one, value))) &&
    (!not || !holds(not, value))
  );
}

function holds(condition: StructuralSchema, value: unknown): boolean {
  const { required = [], properties = {} } = condition;
  if (!isContainer(value)) return true;
  return (
    required.every((key) => key in value) &&
    Object.entries(properties).every(([key, one]) => !(key in value) || holds(one, value[key])) &&
    alternativesHold(condition, value)
  );
}
