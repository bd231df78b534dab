import { isIPv4, isIPv6 } from "node:net";
import { shown, shownSize, suggestion, typeNames } from "../settings/wording";
import { isTree, type Tree } from "../shared/merge";
import type { Problem, SettingPath } from "../shared/problem";
import { milliseconds } from "../shared/duration";
import { own } from "../shared/own";

/**
 * A schema in a CRD: Kubernetes' structural subset of OpenAPI v3. It is read as it is: general libraries compile a schema
 * first, which takes about a second for each of Istio's large kinds.
 */
export interface StructuralSchema extends Condition {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, StructuralSchema>>;
  readonly additionalProperties?: StructuralSchema | boolean;
  readonly items?: StructuralSchema;
  readonly allOf?: readonly Condition[];
  readonly nullable?: boolean;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly "x-kubernetes-int-or-string"?: boolean;
  readonly "x-kubernetes-preserve-unknown-fields"?: boolean;
  readonly "x-kubernetes-validations"?: readonly { readonly rule: string; readonly message?: string }[];
}

/** What holds for a value as a whole. */
interface Condition {
  readonly oneOf?: readonly Condition[];
  readonly anyOf?: readonly Condition[];
  readonly allOf?: readonly Condition[];
  readonly not?: Condition;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Condition>>;
  readonly enum?: readonly unknown[];
  readonly format?: string;
}

/**
 * What the API server would refuse of a value, and what it would drop without an error: keys that the schema does not have.
 * Of rules in CEL, those of the table below.
 */
export function* schemaProblems(schema: StructuralSchema, value: unknown, at: SettingPath): Iterable<Problem> {
  const types = schema["x-kubernetes-int-or-string"] ? ["integer", "string"] : schema.type ? [schema.type] : [];
  if (value === null && schema.nullable) return;
  if (types.length > 0 && !types.some((type) => hasType(value, type))) {
    const expected = types.map((type) => own(typeNames, type) ?? type);
    yield { path: at, message: `found ${shown(value)}; expected ${expected.join(" or ")}` };
    return;
  }
  const declared = [...messages(schema, value)];
  for (const message of declared.length > 0 ? declared : refusedByRules(schema, value)) yield { path: at, message };
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      if (schema.items) yield* schemaProblems(schema.items, item, [...at, index]);
    }
  } else if (isTree(value)) {
    for (const key of schema.required ?? []) {
      if (!Object.hasOwn(value, key)) yield { path: [...at, key], message: "missing" };
    }
    for (const [key, entry] of Object.entries(value)) yield* entryProblems(schema, key, entry, [...at, key]);
  }
}

function* entryProblems(schema: StructuralSchema, key: string, value: unknown, at: SettingPath): Iterable<Problem> {
  const { properties = {}, additionalProperties } = schema;
  const known = own(properties, key) ?? additionalProperties;
  if (typeof known === "object") yield* schemaProblems(known, value, at);
  else if (schema.type === "object" && known !== true && !schema["x-kubernetes-preserve-unknown-fields"]) {
    yield { path: at, message: `unknown key; ${suggestion(key, Object.keys(properties))}` };
  }
}

function hasType(value: unknown, type: string): boolean {
  if (type === "object") return isTree(value);
  if (type === "array") return Array.isArray(value);
  return type === "integer" ? Number.isInteger(value) : typeof value === type;
}

function* messages(schema: StructuralSchema, value: unknown): Iterable<string> {
  const least =
    typeof value === "number" ? schema.minimum : (schema.minLength ?? schema.minItems ?? schema.minProperties);
  const most =
    typeof value === "number" ? schema.maximum : (schema.maxLength ?? schema.maxItems ?? schema.maxProperties);
  const size = sizeOf(value);
  if (least !== undefined && size < least) yield `found ${shownSize(value)}; expected at least ${least}`;
  if (most !== undefined && size > most) yield `found ${shownSize(value)}; expected at most ${most}`;
  if (schema.format !== undefined && !hasFormat(value, schema.format)) {
    yield `found ${shown(value)}; expected a value of the format ${schema.format}`;
  }
  if (schema.enum && !schema.enum.includes(value)) {
    yield `found ${shown(value)}; expected one of: ${schema.enum.join(", ")}`;
  }
  if (schema.pattern !== undefined && typeof value === "string" && !new RegExp(schema.pattern, "u").test(value)) {
    yield `found ${shown(value)}; expected it to match ${schema.pattern}`;
  }
  for (const condition of [schema, ...(schema.allOf ?? [])]) {
    if (condition.oneOf && condition.oneOf.filter((one) => holds(one, value)).length !== 1) {
      yield alternatives(condition.oneOf, value);
    } else if ((condition.anyOf && !condition.anyOf.some((one) => holds(one, value))) || isRefused(condition, value)) {
      yield exclusion;
    }
  }
}

/** Rules mostly repeat, more exactly, what the schema says. */
function* refusedByRules(schema: StructuralSchema, value: unknown): Iterable<string> {
  for (const { rule, message } of schema["x-kubernetes-validations"] ?? []) {
    if (celRules.find(([text]) => text.test(rule))?.[1](value as never, rule) === false) {
      yield `found ${shown(value)}; ${message ?? `expected ${rule}`}`;
    }
  }
}

function sizeOf(value: unknown): number {
  if (typeof value === "number") return value;
  if (typeof value === "string" || Array.isArray(value)) return [...value].length;
  return isTree(value) ? Object.keys(value).length : 0;
}

const formats: ReadonlyMap<string, (value: unknown) => boolean> = new Map([
  ["int32", (value) => Number.isInteger(value) && Math.abs(Number(value)) < 2 ** 31],
  ["int64", Number.isSafeInteger],
  ["byte", (value) => /^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(String(value))],
  ["date-time", (value) => /^\d{4}-\d\d-\d\dT/.test(String(value)) && !Number.isNaN(Date.parse(String(value)))],
  ["ipv4", (value) => isIPv4(String(value))],
  ["ipv6", (value) => isIPv6(String(value))],
]);

/** Formats that are not in the table are for readers. */
function hasFormat(value: unknown, format: string): boolean {
  return formats.get(format)?.(value) ?? true;
}

function holds(condition: Condition, value: unknown): boolean {
  const { required = [], properties = {}, oneOf, anyOf, allOf = [], format } = condition;
  const fields = isTree(value) ? value : {};
  return (
    required.every((key) => Object.hasOwn(fields, key)) &&
    Object.entries(properties).every(([key, inner]) => !Object.hasOwn(fields, key) || holds(inner, own(fields, key))) &&
    (!condition.enum || condition.enum.includes(value)) &&
    (format === undefined || hasFormat(value, format)) &&
    (!oneOf || oneOf.filter((one) => holds(one, value)).length === 1) &&
    (!anyOf || anyOf.some((one) => holds(one, value))) &&
    allOf.every((one) => holds(one, value)) &&
    !isRefused(condition, value)
  );
}

function isRefused({ not }: Condition, value: unknown): boolean {
  return not !== undefined && holds(not, value);
}

const exclusion = "has fields that exclude each other, or lacks a required one";

/** What `oneOf` expects: in Istio's and Gateway API's CRDs mostly which fields go together. */
function alternatives(branches: readonly Condition[], value: unknown): string {
  const fields = branches.flatMap(({ required = [] }) => required);
  if (fields.length === 0 || !isTree(value)) return exclusion;
  const given = fields.filter((field) => Object.hasOwn(value, field));
  const amount = branches.some(({ not }) => not) ? "at most" : "exactly";
  return `found ${given.join(", ") || "none"}; expected ${amount} one of: ${fields.join(", ")}`;
}

/** Rules in CEL that most fields of the CRDs have. */
const celRules: readonly (readonly [rule: RegExp, holds: (value: never, rule: string) => boolean])[] = [
  [/^duration\(self\) >= duration\('1ms'\)$/, isDuration],
  [/^0 < self && self <= 65535$/, (value: number) => value > 0 && value <= 65_535],
  [/^!self\.contains\("\*"\)$/, (value: string) => !value.includes("*")],
  [/^self != "\*"$/, (value: string) => value !== "*"],
  [/^self\.size\(\) == 0$/, (value: unknown) => sizeOf(value) === 0],
  [/^self\.all\(key, !key\.contains\("\*"\)\)$/, (value: Tree) => !Object.keys(value).some((key) => key.includes("*"))],
  [/^self\.all\(key, key\.size\(\) != 0\)$/, (value: Tree) => !Object.hasOwn(value, "")],
  [/^self\.all\(key, 0 < int\(key\) && int\(key\) <= 65535\)$/, (value: Tree) => Object.keys(value).every(isPort)],
  [/^url\(self\)\.getScheme\(\) in \["http", "https"\]$/, (value: string) => /^https?:\/\/[^/]/.test(value)],
  [/^(\(has\(self\.\w+\) \? 1 : 0\)( \+ )?)+ <= 1$/, hasAtMostOne],
  [/^!\(has\(self\.\w+\) && has\(self\.\w+\)\)$/, hasAtMostOne],
  [
    /^self\.numerator <= self\.denominator$/,
    (value: Tree) => Number(value.numerator) <= Number(value.denominator ?? 100),
  ],
];

/** The most frequent rule: also refuses what is no duration. */
function isDuration(value: string): boolean {
  try {
    return milliseconds(value) >= 1;
  } catch {
    return false;
  }
}

function isPort(key: string): boolean {
  return /^\d+$/.test(key) && Number(key) > 0 && Number(key) <= 65_535;
}

function hasAtMostOne(value: Tree, rule: string): boolean {
  return [...rule.matchAll(/self\.(\w+)/g)].filter(([, field = ""]) => Object.hasOwn(value, field)).length <= 1;
}
