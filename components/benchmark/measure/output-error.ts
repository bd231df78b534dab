import type { z } from "zod";

/** What a load generator printed is no result; the message says what it is instead. */
export class OutputError extends Error {
  override readonly name = "OutputError";
}

/** A load generator says itself that it failed: that is what came of what it was to measure. */
export class ReportedError extends OutputError {}

/** The result that a program printed as JSON, or an error that says how its output differs from one. */
export function parseOutput<T>(program: string, text: string, schema: z.ZodType<T>): T {
  if (text.trim() === "") throw new OutputError(`${program} printed nothing`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new OutputError(`${program} printed ${text.length} characters that are no whole JSON: was it ended?`);
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new OutputError(
    `${program} printed JSON without what is read of it: ${issue?.path.join(".")}: ${issue?.message}`,
  );
}
