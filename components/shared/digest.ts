import { createHash } from "node:crypto";

/**
 * SHA-256 of a string, or of a value's JSON, in hex digits. Part of inputs and names of deployed resources: for the same
 * value it stays the same from release to release.
 */
export function digestOf(value: string | object, digits = 12): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return createHash("sha256").update(text).digest("hex").slice(0, digits);
}
