import type { Problem, SettingPath } from "../../shared/problem";

/** What JavaScript's expressions have and RE2's, which Envoy uses, lack. Source: google/re2, doc/syntax.txt. */
const missingInRe2: readonly (readonly [sign: RegExp, name: string])[] = [
  [/\(\?<?[=!]/, "look-around"],
  [/\\[1-9]/, "back-references"],
];

/** Escaped backslashes and character classes hold no operators. */
function withoutLiterals(regex: string): string {
  return regex.replace(/\\\\/g, "").replace(/\[(\\.|[^\]\\])*\]/g, "");
}

/** The problem of an expression that Envoy could not compile, if it has one. */
export function regexProblem(path: SettingPath, regex: string): Problem | undefined {
  const operators = withoutLiterals(regex);
  const unsupported = missingInRe2.find(([sign]) => sign.test(operators));
  if (unsupported) {
    return {
      path,
      message: `found ${JSON.stringify(regex)}; RE2 has no ${unsupported[1]}; expected an RE2 expression`,
    };
  }
  try {
    // Flag groups such as (?i) are RE2's and not JavaScript's; what remains has the same brackets and quantifiers.
    new RegExp(
      regex.replace(/\(\?[imsU-]+(:|\))/g, (_, end: string) => (end === ":" ? "(?:" : "")).replace(/\(\?P</g, "(?<"),
    );
    return undefined;
  } catch (error) {
    const reason = error instanceof Error ? error.message.split(": ").at(-1) : String(error);
    return { path, message: `found ${JSON.stringify(regex)}; not a regular expression (${reason?.toLowerCase()})` };
  }
}
