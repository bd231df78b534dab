import { messageOf } from "../shared/problem";

/** What JavaScript's expressions have and RE2's, which Envoy uses, lack. Source: google/re2, doc/syntax.txt. */
const missingInRe2: readonly (readonly [sign: RegExp, name: string])[] = [
  [/\(\?<?[=!]/, "look-around"],
  [/\\[1-9]/, "back-references"],
];

export function regexRefusal(regex: string): string | undefined {
  const found = `found ${JSON.stringify(regex)}`;
  const operators = withoutLiterals(regex);
  const missing = missingInRe2.find(([sign]) => sign.test(operators))?.[1];
  if (missing !== undefined) return `${found}; RE2 has no ${missing}; expected an RE2 expression`;
  try {
    // Flag groups such as (?i) are RE2's and not JavaScript's; what remains has the same brackets and quantifiers.
    const withoutFlags = regex.replace(/\(\?[imsU-]+(:|\))/g, (_, end: string) => (end === ":" ? "(?:" : ""));
    new RegExp(withoutFlags.replace(/\(\?P</g, "(?<"));
    return undefined;
  } catch (error) {
    return `${found}; not a regular expression (${messageOf(error).split(": ").at(-1)?.toLowerCase()})`;
  }
}

/** Escaped backslashes and character classes have no operators. */
function withoutLiterals(regex: string): string {
  return regex.replace(/\\\\/g, "").replace(/\[(\\.|[^\]\\])*\]/g, "");
}
