import type * as re2js from "re2js";
import { messageOf } from "./problem";

/** What Envoy refuses is larger. Source: istio/istio, pkg/bootstrap/config.go, re2.max_program_size.error_level. */
const largestProgram = 32_768;

/** Loaded where it is used, as most stack files have no expression and every command would wait for it. */
function library(): typeof re2js {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- see above
  return require("re2js") as typeof re2js;
}

/** What istiod, with Go's RE2, or Envoy would refuse of an expression; the library counts no more instructions than Envoy. */
export function re2Refusal(expression: string): string | undefined {
  const { RE2JS } = library();
  const found = `found ${JSON.stringify(expression)}`;
  try {
    const size = RE2JS.compile(expression).programSize();
    if (size <= largestProgram) return undefined;
    return `${found}; compiles to ${size} instructions; expected at most ${largestProgram}, Envoy's limit in Istio`;
  } catch (error) {
    const reason = messageOf(error).replace("error parsing regexp: ", "");
    return `${found}; not an RE2 expression: ${reason}; expected RE2's syntax, https://github.com/google/re2/wiki/Syntax`;
  }
}

/** Whether the whole value matches, in linear time. */
export function re2Matches(expression: string, value: string): boolean {
  return library().RE2JS.compile(expression).testExact(value);
}

/** Every match in a value replaced, as Envoy does: in the replacement, `\1` is the first group and `\0` the match. */
export function re2Replaced(expression: string, value: string, replacement: string): string {
  const replaced = (...groups: readonly string[]) =>
    replacement.replace(/\\(\d|\\)/g, (_, which: string) => (which === "\\" ? which : (groups[Number(which)] ?? "")));
  return library().RE2JS.compile(expression).matcher(value).replaceAll(replaced);
}

/** An instruction of a compiled expression; `runes` are pairs of first and last characters, or a single character. */
interface Instruction {
  readonly op: number;
  readonly out: number;
  readonly arg: number;
  readonly runes: ArrayLike<number>;
}

const [alternatives, match, character] = [[1, 2], 6, [8, 9, 10, 11]] as const;
const empty: readonly number[] = [3, 4, 7];

/** In the order of preference where an expression leaves the choice. */
const characters = [..."0aA/-._", ...Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index))];

/**
 * Strings that the whole expression matches, the shortest first.
 *
 * @param mayBegin whether one may begin with these characters
 */
export function re2Examples(expression: string, mayBegin: (text: string) => boolean, most = 4): string[] {
  const { inst, start } = library().RE2JS.compile(expression).re2Input.prog as {
    readonly inst: readonly Instruction[];
    readonly start: number;
  };
  const found = new Set<string>();
  const visits = new Map<number, number>();
  const queue = [{ at: start, text: "" }];
  // Every instruction is visited a few times only, so that repetitions end.
  for (const { at, text } of queue) {
    const [instruction, visited] = [inst[at], visits.get(at) ?? 0];
    if (!instruction || visited === 8) continue;
    if (found.size === most) break;
    visits.set(at, visited + 1);
    const { op, out, arg, runes } = instruction;
    const isOf = (ops: readonly number[]) => ops.includes(op);
    // What an anchor demands of the characters next to it, the whole match shows.
    if (op === match && re2Matches(expression, text)) found.add(text);
    if (isOf(alternatives)) queue.push({ at: out, text }, { at: arg, text });
    if (isOf(empty)) queue.push({ at: out, text });
    if (isOf(character)) {
      const next = charactersOf(runes).filter((one) => mayBegin(text + one));
      queue.push(...next.slice(0, 2).map((one) => ({ at: out, text: text + one })));
    }
  }
  return [...found];
}

function charactersOf(runes: ArrayLike<number>): string[] {
  const [only, ...others] = Array.from(runes);
  if (only !== undefined && others.length === 0) return [String.fromCodePoint(only)];
  const isIn = (code: number) =>
    runes.length === 0 ||
    Array.from(runes).some(
      (first, index, all) => index % 2 === 0 && first <= code && code <= (all[index + 1] ?? first),
    );
  return characters.filter((one) => isIn(one.charCodeAt(0)));
}

/** What Envoy refuses of a replacement. Source: google/re2, RE2::CheckRewriteString. */
export function re2RewriteRefusal(expression: string, replacement: string): string | undefined {
  if (re2Refusal(expression) !== undefined) return undefined;
  const groups = library().RE2JS.compile(expression).groupCount();
  for (const [escape, which = ""] of replacement.matchAll(/\\(.?)/gs)) {
    if (which === "\\" || (/^\d$/.test(which) && Number(which) <= groups)) continue;
    const allowed = groups === 0 ? "\\0" : `\\0 to \\${groups}`;
    return `found ${escape}; expected ${allowed}, where \\0 is the whole match and the others are groups of match, or \\\\`;
  }
  return undefined;
}

/** An expression for exactly this string. */
export function escaped(literal: string): string {
  return literal.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
