import { bodyLimit, code, fenced } from "./markdown";
import type { Rendered, RenderedStacks } from "./rendered";

/** By this line the comment is found again, so that a pull request has one. */
export const marker = "<!-- talos-mesh:render -->";

export interface Changes {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly string[];
}

/** The unified diff of two renderings; empty where they are equal. */
export type UnifiedDiff = (before: Rendered, after: Rendered) => string;

/** Names, in order, of what only one side has or what both have differently. */
export function compare(before: Rendered, after: Rendered): Changes {
  const sorted = (names: Iterable<string>) => [...names].sort();
  return {
    added: sorted(after.keys()).filter((name) => !before.has(name)),
    removed: sorted(before.keys()).filter((name) => !after.has(name)),
    changed: sorted(after.keys()).filter((name) => before.has(name) && before.get(name) !== after.get(name)),
  };
}

/** Objects listed by name for a stack; the rest is a number. */
const listed = 40;

interface Section {
  readonly stack: string;
  readonly row: string;
  /** Stands above the diff. */
  readonly list: string;
  /** What goes into the fenced block, and its language. */
  readonly block: string;
  readonly language: "diff" | "text";
}

/**
 * The comment of a pull request: what a merge would change in each rendered stack. Names and diffs are shown as code
 * only, so nothing in them is read as Markdown. Diffs are cut to keep it below `limit` characters: each stack gets an
 * equal share of what the rest leaves.
 */
export function renderReport(
  base: RenderedStacks,
  head: RenderedStacks,
  diff: UnifiedDiff,
  limit: number = bodyLimit,
): string {
  const stacks = [...new Set([...base.keys(), ...head.keys()])].sort();
  const sections = stacks.map((stack) => section(stack, base.get(stack), head.get(stack), diff));
  const heading = [marker, "### What this change renders", ""];
  if (sections.length === 0) return [...heading, "There is no stack file."].join("\n");
  const table = [
    "| Stack | Added | Removed | Changed |",
    "| --- | ---: | ---: | ---: |",
    ...sections.map(({ row }) => row),
  ];
  const report = [...heading, ...table].join("\n");

  const shown = sections.filter(({ block }) => block !== "");
  const frame = (of: Section, body: string) =>
    `\n\n#### ${code(of.stack)}\n\n${of.list}\n\n<details><summary>${of.language === "diff" ? "Diff" : "Message"}</summary>\n\n${body}\n\n</details>`;
  // A fence and the line about what was left out take some room themselves.
  const overhead = shown.reduce((sum, of) => sum + frame(of, "").length + 200, report.length);
  let room = Math.max(0, limit - overhead);
  return shown.reduce((text, of, index) => {
    const share = Math.floor(room / (shown.length - index));
    room -= Math.min(share, of.block.length);
    return text + frame(of, fenced(of.block, of.language, share));
  }, report);
}

function section(
  stack: string,
  before: Rendered | string | undefined,
  after: Rendered | string | undefined,
  diff: UnifiedDiff,
): Section {
  const failure = (row: string, list: string, block: string): Section => ({
    stack,
    row: `| ${code(stack)} | ${row} |||`,
    list,
    block,
    language: "text",
  });
  if (typeof after === "string") return failure("cannot be rendered", "The stack cannot be rendered.", after);
  if (typeof before === "string") {
    return failure(
      "no comparison",
      "The target branch's stack cannot be rendered, so there is nothing to compare with.",
      before,
    );
  }
  const [old, now] = [before ?? new Map<string, string>(), after ?? new Map<string, string>()];
  const { added, removed, changed } = compare(old, now);
  const remark = before === undefined ? " (new stack)" : after === undefined ? " (stack removed)" : "";
  return {
    stack,
    row: `| ${code(stack)}${remark} | ${added.length} | ${removed.length} | ${changed.length} |`,
    list: nameList([
      ...added.map((name) => `- added ${code(name)}`),
      ...removed.map((name) => `- removed ${code(name)}`),
      ...changed.map((name) => `- changed ${code(name)}`),
    ]),
    block: diff(old, now),
    language: "diff",
  };
}

function nameList(lines: readonly string[]): string {
  const more = lines.length - listed;
  return [...lines.slice(0, listed), ...(more > 0 ? [`- and ${more} more`] : [])].join("\n");
}
