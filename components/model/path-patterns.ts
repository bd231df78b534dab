import { escaped, re2Matches } from "../shared/re2";

/** Paths of access rules: exact, `prefix*`, `*suffix`, `*`, or a template of `{*}` and `{**}`. */

const template = /(\{\*{1,2}\})/;

/** A value of an AuthorizationPolicy: exact, `prefix*`, `*suffix`, or `*` for any but an empty one. */
export function valueMatches(pattern: string, value: string | undefined): boolean {
  if (value === undefined) return false;
  if (pattern === "*") return value !== "";
  if (pattern.startsWith("*")) return value.endsWith(pattern.slice(1));
  return pattern.endsWith("*") ? value.startsWith(pattern.slice(0, -1)) : value === pattern;
}

/** A value, or a template: `{*}` is one segment, `{**}` any number of segments. */
export function pathMatches(pattern: string, path: string): boolean {
  if (!template.test(pattern)) return valueMatches(pattern, path);
  const regex = pattern
    .split(template)
    .map((part) => (part === "{**}" ? ".*" : part === "{*}" ? "[^/]+" : escaped(part)));
  return re2Matches(regex.join(""), path);
}

/** Whether a path may match both patterns: true also where that is not known. */
export function mayOverlap(a: string, b: string): boolean {
  const [one, other] = [ends(a), ends(b)];
  if (one.exact !== undefined) return pathMatches(b, one.exact);
  if (other.exact !== undefined) return pathMatches(a, other.exact);
  const both = (x: string, y: string, has: (text: string, part: string) => boolean) => has(x, y) || has(y, x);
  return (
    both(one.prefix, other.prefix, (text, part) => text.startsWith(part)) &&
    both(one.suffix, other.suffix, (text, part) => text.endsWith(part))
  );
}

/** Whether every path of `narrow` is one of `wide`; false also where that is not known. */
export function includesPaths(wide: string, narrow: string): boolean {
  if (wide === "*" || wide === "/*" || wide === narrow) return true;
  const { exact, prefix, suffix } = ends(narrow);
  if (exact !== undefined) return pathMatches(wide, exact);
  if (template.test(wide)) return false;
  return wide.startsWith("*")
    ? suffix.endsWith(wide.slice(1))
    : wide.endsWith("*") && prefix.startsWith(wide.slice(0, -1));
}

/** What all paths of a pattern begin and end with. */
function ends(pattern: string): { readonly exact?: string; readonly prefix: string; readonly suffix: string } {
  const parts = template.test(pattern) ? pattern.split(/\{\*{1,2}\}/) : pattern.split("*");
  const [prefix = "", suffix = ""] = [parts[0], parts.at(-1)];
  return parts.length === 1 ? { exact: pattern, prefix, suffix } : { prefix, suffix };
}
