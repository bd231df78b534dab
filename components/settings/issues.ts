import { z } from "zod";
import type { Problem, SettingPath } from "../shared/problem";
import { schemaAt, valueAt } from "./schema-walk";
import { expectedElsewhere, secretName, secretRef } from "./fields";
import { kindOf, shown, shownSize, suggestion, typeNames, typeOf } from "./wording";
import { own } from "../shared/own";

type Issue = z.core.$ZodIssue;

function stringExpected(schema: z.core.$ZodType | undefined): string | undefined {
  if (!(schema instanceof z.ZodString)) return undefined;
  const issues = schema.safeParse(" ").error?.issues ?? [];
  return issues.find((issue) => issue.message.startsWith("expected "))?.message.slice("expected ".length);
}

function typeMessage(expected: string, value: unknown, schema: z.core.$ZodType | undefined, missing: boolean): string {
  const described = stringExpected(schema) ?? own(typeNames, expected) ?? expected;
  if (missing) return `missing; expected ${described}`;
  const scalar = typeof value === "number" || typeof value === "boolean";
  if (expected === "string" && scalar) {
    const quotable = !schema || z.safeParse(schema, String(value)).success;
    return `found ${kindOf(value)} ${shown(value)}; expected ${described}${quotable ? ", in quotes" : ""}`;
  }
  const scalarExpected = expected === "number" || expected === "int" || expected === "boolean";
  if (!scalarExpected) return `found ${kindOf(value)}${scalar ? ` ${shown(value)}` : ""}; expected ${described}`;
  const quoted = typeof value === "string" && value !== "" && !Number.isNaN(Number(value));
  return `found ${shown(value)}; expected ${described}${quoted ? ", without quotes" : ""}`;
}

function sizeMessage(issue: z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig, value: unknown): string {
  if (value === "") return `found ${shownSize(value)}`;
  return `found ${shownSize(value)}; expected ${limitOf(issue)}`;
}

function limitOf(issue: z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig): string {
  return issue.code === "too_small" ? `at least ${issue.minimum}` : `at most ${issue.maximum}`;
}

function expectation(issue: Issue, schema?: z.core.$ZodType): string {
  if (issue.code === "too_small" || issue.code === "too_big") {
    return `expected ${limitOf(issue)}${issue.origin === "string" ? " character(s)" : ""}`;
  }
  if (issue.message.startsWith("expected ")) return issue.message;
  if (issue.code === "invalid_format" && issue.format === "starts_with") {
    return `expected a string that begins with ${JSON.stringify((issue as { prefix?: string }).prefix)}`;
  }
  // Of a union in which one alternative has the value's type, that one's issue is reported.
  const expected = schema instanceof z.ZodUnion ? schema.def.error?.(issue as never) : undefined;
  if (typeof expected === "string") return expected;
  const { pattern } = issue as { readonly pattern?: string };
  return pattern === undefined ? issue.message : `expected it to match ${pattern}`;
}

/** The alternative of a union that fits the value's type: it is the one that was meant. */
function closest(alternatives: readonly (readonly Issue[])[], value: unknown): readonly Issue[] | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  return alternatives.find((issues) => issues.every((issue) => issue.code !== "invalid_type" || issue.path.length > 0));
}

const references: ReadonlyMap<z.core.$ZodType | undefined, string> = new Map<z.core.$ZodType, string>([
  [secretRef, "a reference such as {secret: NAME} to an entry of talos-mesh:secrets"],
  [secretName, "the name of an entry of talos-mesh:secrets"],
]);

/** The problems of an issue; `raw` is the whole value that was checked. */
export function describeIssue(issue: Issue, schema: z.core.$ZodType, raw: unknown, base: SettingPath): Problem[] {
  const inner = issue.path as (string | number)[];
  const path = [...base, ...inner];
  const value = valueAt(raw, inner);
  const missing = value === undefined;
  const at = schemaAt(schema, inner, raw);
  const problem = (message: string): Problem[] => [{ path, message }];
  const reference = references.get(at);
  if (reference !== undefined)
    return problem(`${missing ? "missing" : `found ${typeOf(value)}`}; expected ${reference}`);
  switch (issue.code) {
    case "unrecognized_keys": {
      const known = at instanceof z.ZodObject ? Object.keys(at.shape) : [];
      const elsewhere = (at && expectedElsewhere.get(at)) ?? {};
      return issue.keys.map((key) => ({
        path: [...path, key],
        message: `unknown key; ${own(elsewhere, key) ?? suggestion(key, known)}`,
      }));
    }
    case "invalid_type":
      return problem(typeMessage(issue.expected, value, at, missing));
    case "invalid_value": {
      const own = issue.message.startsWith("expected ");
      const options = own ? issue.message : `expected one of: ${issue.values.map(String).join(", ")}`;
      return problem(missing ? `missing; ${options}` : `found ${shown(value)}; ${options}`);
    }
    case "too_small":
    case "too_big":
      return problem(sizeMessage(issue, value));
    case "invalid_key": {
      const [first] = issue.issues;
      return problem(`found the key ${shown(inner.at(-1))}; ${first ? expectation(first) : "expected another"}`);
    }
    case "invalid_union": {
      const nested = closest(issue.errors, value);
      if (nested) {
        return nested.flatMap((part) => describeIssue({ ...part, path: [...inner, ...part.path] }, schema, raw, base));
      }
      return problem(`${missing ? "missing" : `found ${shown(value)}`}; ${expectation(issue)}`);
    }
    case "custom":
      return problem(issue.message);
    default:
      return problem(`found ${shown(value)}; ${expectation(issue, at)}`);
  }
}
