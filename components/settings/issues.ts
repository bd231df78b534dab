import { z } from "zod";
import type { Problem, SettingPath } from "../shared/problem";
import { schemaAt, valueAt } from "./schema-walk";
import { expectedElsewhere, secretRef } from "./fields";
import { suggestion } from "./suggest";

/** Zod's issues in the words of a person who wrote the stack file: what was found, what is expected. */

type Issue = z.core.$ZodIssue;

const types: Readonly<Record<string, string>> = {
  string: "a text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "a map",
  record: "a map",
};

function isList(value: unknown): boolean {
  return Array.isArray(value);
}

/** The kind of a value, without the value: what stands in the wrong place may be somebody's password. */
function kindOf(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  if (isList(value)) return "a list";
  if (typeof value === "object") return Object.hasOwn(value, "secure") ? "a secret" : "a map";
  return { string: "a text", number: "the number", boolean: "the value" }[typeof value as string] ?? typeof value;
}

/** A value as a message shows it: short, and on one line. */
function show(value: unknown): string {
  if (typeof value === "string") {
    const text = JSON.stringify(value);
    return text.length > 62 ? `${text.slice(0, 60)}..."` : text;
  }
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  return kindOf(value);
}

/** What a schema for texts says of a text it refuses, such as "a version such as 1.31.1". */
function textExpected(schema: z.core.$ZodType | undefined): string | undefined {
  if (!(schema instanceof z.ZodString)) return undefined;
  const issues = schema.safeParse(" ").error?.issues ?? [];
  return issues.find((issue) => issue.message.startsWith("expected "))?.message.slice("expected ".length);
}

function typeMessage(expected: string, value: unknown, schema: z.core.$ZodType | undefined, missing: boolean): string {
  const wanted =
    schema === secretRef
      ? "a reference such as {secret: NAME} to an entry of talos-mesh:secrets"
      : (textExpected(schema) ?? types[expected] ?? expected);
  if (missing) return `missing; expected ${wanted}`;
  const scalar = typeof value === "number" || typeof value === "boolean";
  if (expected === "string" && scalar) return `found ${kindOf(value)} ${show(value)}; expected ${wanted}, in quotes`;
  const scalarExpected = expected === "number" || expected === "int" || expected === "boolean";
  if (!scalarExpected) return `found ${kindOf(value)}${scalar ? ` ${show(value)}` : ""}; expected ${wanted}`;
  const quoted = typeof value === "string" && value !== "" && !Number.isNaN(Number(value));
  return `found ${show(value)}; expected ${wanted}${quoted ? ", without quotes" : ""}`;
}

function sizeMessage(issue: z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig, value: unknown): string {
  const low = issue.code === "too_small";
  const limit = String(low ? issue.minimum : issue.maximum);
  const bound = low ? "at least" : "at most";
  if (issue.origin === "array") {
    return `found ${isList(value) ? (value as unknown[]).length : 0} entries; expected ${bound} ${limit}`;
  }
  if (issue.origin === "string") {
    const length = typeof value === "string" ? value.length : 0;
    return length === 0 ? "found an empty text" : `found ${length} characters; expected ${bound} ${limit}`;
  }
  return `found ${show(value)}; expected ${bound} ${limit}`;
}

function expectation(issue: Issue): string {
  if (issue.message.startsWith("expected ")) return issue.message;
  if (issue.code === "invalid_format" && issue.format === "starts_with") {
    return `expected a text that begins with ${JSON.stringify((issue as { prefix?: string }).prefix)}`;
  }
  return "expected another form";
}

/** How deep into the value an alternative got before it failed: the deepest is what the user meant. */
function closest(alternatives: readonly (readonly Issue[])[], value: unknown): readonly Issue[] | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  return alternatives.find((issues) => issues.every((issue) => issue.code !== "invalid_type" || issue.path.length > 0));
}

/** Problems that an issue of the schema stands for; `raw` is the whole value that was checked. */
export function describeIssue(issue: Issue, schema: z.core.$ZodType, raw: unknown, base: SettingPath): Problem[] {
  const inner = issue.path as (string | number)[];
  const path = [...base, ...inner];
  const value = valueAt(raw, inner);
  const missing = value === undefined;
  const at = (): z.core.$ZodType | undefined => schemaAt(schema, inner, raw);
  switch (issue.code) {
    case "unrecognized_keys": {
      const object = at();
      const known = object instanceof z.ZodObject ? Object.keys(object.shape) : [];
      const elsewhere = (object && expectedElsewhere.get(object)) ?? {};
      return issue.keys.map((key) => ({
        path: [...path, key],
        message: `unknown key; ${Object.hasOwn(elsewhere, key) ? elsewhere[key] : suggestion(key, known)}`,
      }));
    }
    case "invalid_type":
      return [{ path, message: typeMessage(issue.expected, value, at(), missing) }];
    case "invalid_value": {
      const options = `expected one of: ${issue.values.map(String).join(", ")}`;
      return [{ path, message: missing ? `missing; ${options}` : `found ${show(value)}; ${options}` }];
    }
    case "too_small":
    case "too_big":
      return [{ path, message: sizeMessage(issue, value) }];
    case "invalid_key": {
      const first = issue.issues[0];
      return [
        { path, message: `found the key ${show(inner.at(-1))}; ${first ? expectation(first) : "expected another"}` },
      ];
    }
    case "invalid_union": {
      const nested = closest(issue.errors, value);
      if (nested) {
        return nested.flatMap((part) => describeIssue({ ...part, path: [...inner, ...part.path] }, schema, raw, base));
      }
      return [{ path, message: `${missing ? "missing" : `found ${show(value)}`}; ${expectation(issue)}` }];
    }
    case "custom":
      return [{ path, message: issue.message }];
    default:
      return [{ path, message: `found ${show(value)}; ${expectation(issue)}` }];
  }
}
