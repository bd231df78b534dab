import { spawnSync } from "node:child_process";
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { stringify } from "yaml";
import { z } from "zod";
import { bodyLimit, code, fenced } from "./markdown";
import { runScript } from "./script";

/** First line of the comment. */
export const marker = "<!-- talos-mesh:render -->";

/** What a stack would create: content by name. An object is a file; a release or a command is an entry of a JSON file. */
export type Rendered = ReadonlyMap<string, string>;

/** The stacks in a folder of render-stacks.sh; a string is the message of a stack that failed. */
export type RenderedStacks = ReadonlyMap<string, Rendered | string>;

const maxBytes = 50_000_000;

/** The folder may come from a fork: more than 50 MB are refused, and symbolic links are ignored. */
export function readRenderedStacks(folder: string): RenderedStacks {
  const stacks = new Map<string, Rendered | string>();
  let bytes = 0;
  const read = (file: string) => {
    bytes += lstatSync(file).size;
    if (bytes > maxBytes) throw new Error(`${folder} holds more than ${maxBytes / 1e6} MB; not compared`);
    return readFileSync(file, "utf8");
  };
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const [place, failed] = [path.join(folder, entry.name), path.basename(entry.name, ".failed")];
    if (entry.isFile() && failed !== entry.name) stacks.set(failed, read(place));
    else if (entry.isDirectory()) stacks.set(entry.name, new Map(items(place, read)));
  }
  return stacks;
}

function items(folder: string, read: (file: string) => string): [name: string, text: string][] {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files.flatMap((entry): [string, string][] => {
    const file = path.join(entry.parentPath, entry.name);
    const [name, text] = [path.relative(folder, file), read(file)];
    return name.endsWith(".json") ? jsonEntries(name, text) : [[name, text]];
  });
}

const entriesOfResources = z.array(z.looseObject({ resource: z.string().min(1) })).min(1);

/** Releases and commands one by one: "releases/istio-istiod changed" is clearer than "releases.json changed". */
function jsonEntries(file: string, text: string): [name: string, text: string][] {
  const kind = path.basename(file, ".json");
  try {
    return entriesOfResources
      .parse(JSON.parse(text))
      .map((entry) => [`${kind}/${entry.resource.replaceAll("/", "_")}`, stringify(entry, { lineWidth: 0 })]);
  } catch {
    return [[file, text]];
  }
}

/** Empty where the renderings are equal. */
type UnifiedDiff = (before: Rendered, after: Rendered) => string;

/** Names, sorted, of what only one side has and of what differs. */
export function compare(before: Rendered, after: Rendered) {
  const sorted = (names: Iterable<string>) => [...names].sort();
  return {
    added: sorted(after.keys()).filter((name) => !before.has(name)),
    removed: sorted(before.keys()).filter((name) => !after.has(name)),
    changed: sorted(after.keys()).filter((name) => before.has(name) && before.get(name) !== after.get(name)),
  };
}

/** Objects that are listed by name for a stack. */
const listed = 40;

/**
 * The comment of a pull request: what a merge would change in each rendered stack. Names and diffs are code, so that
 * nothing in them is read as Markdown. Diffs are cut to GitHub's limit for a comment: the stacks share the room equally.
 */
export function renderReport(base: RenderedStacks, head: RenderedStacks, diff: UnifiedDiff): string {
  const stacks = [...new Set([...base.keys(), ...head.keys()])].sort();
  const sections = stacks.map((stack) => section(stack, base.get(stack), head.get(stack), diff));
  const heading = [marker, "### What this change renders", ""];
  if (sections.length === 0) return [...heading, "There is no stack file."].join("\n");
  const table = ["| Stack | Added | Removed | Changed |", "| --- | ---: | ---: | ---: |"];
  const report = [...heading, ...table, ...sections.map(({ row }) => row)].join("\n");

  const shown = sections.filter(({ block }) => block !== "");
  const frame = ({ stack, list, language }: ReturnType<typeof section>, body: string) =>
    `\n\n#### ${stack}\n\n${list}\n\n<details><summary>${language === "diff" ? "Diff" : "Message"}</summary>\n\n` +
    `${body}\n\n</details>`;
  // A fence and the line about what was left out need some room.
  const overhead = shown.reduce((sum, each) => sum + frame(each, "").length + 200, report.length);
  let room = Math.max(0, bodyLimit - overhead);
  return shown.reduce((text, each, index) => {
    const share = Math.floor(room / (shown.length - index));
    room -= Math.min(share, each.block.length);
    return text + frame(each, fenced(each.block, each.language, share));
  }, report);
}

type Side = Rendered | string | undefined;

/** A stack: its row of the table, and the list and the fenced block that are shown for it. */
function section(name: string, before: Side, after: Side, diff: UnifiedDiff) {
  const stack = code(name);
  const failure = (result: string, list: string, block: string) => {
    return { stack, row: `| ${stack} | ${result} |||`, list, block, language: "text" };
  };
  if (typeof after === "string") return failure("cannot be rendered", "The stack cannot be rendered.", after);
  if (typeof before === "string") {
    const list = "The target branch's stack cannot be rendered, so there is nothing to compare with.";
    return failure("no comparison", list, before);
  }
  const remark = before === undefined ? " (new stack)" : after === undefined ? " (stack removed)" : "";
  const sides = [before ?? new Map<string, string>(), after ?? new Map<string, string>()] as const;
  const changes = Object.entries(compare(...sides));
  const lines = changes.flatMap(([kind, names]) => names.map((name) => `- ${kind} ${code(name)}`));
  const more = lines.length > listed ? [`- and ${lines.length - listed} more`] : [];
  return {
    stack,
    row: `| ${stack}${remark} | ${changes.map(([, names]) => names.length).join(" | ")} |`,
    list: [...lines.slice(0, listed), ...more].join("\n"),
    block: diff(...sides),
    language: "diff",
  };
}

/** `git diff` between two renderings, without git's own header lines. */
export function gitDiff(before: Rendered, after: Rendered): string {
  const folder = mkdtempSync(path.join(tmpdir(), "render-diff-"));
  try {
    write(path.join(folder, "base"), before, after);
    write(path.join(folder, "head"), after, before);
    const options = "--no-index --no-color --no-ext-diff --no-textconv --no-renames --no-prefix --text".split(" ");
    const { status, stdout, stderr, error } = spawnSync("git", ["diff", ...options, "base", "head"], {
      cwd: folder,
      encoding: "utf8",
      maxBuffer: 200_000_000,
    });
    if (error) throw error;
    if (status !== 0 && status !== 1) throw new Error(`git diff failed: ${stderr}`);
    return stdout
      .split("\n")
      .filter((line) => !/^(diff --git|index|(new|deleted) file mode) /.test(line))
      .join("\n");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Writes the files that differ from the other side. Names may come from a fork: none may lead out of the folder. */
function write(folder: string, items: Rendered, other: Rendered): void {
  mkdirSync(folder);
  for (const [name, text] of items) {
    if (other.get(name) === text) continue;
    const file = path.join(folder, name.replace(/[^\w./ -]/g, "_").replace(/(^|\/)\.+(?=\/|$)/g, "$1_"));
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text.endsWith("\n") ? text : `${text}\n`);
  }
}

/** Gives, as Markdown, what differs between two folders of render-stacks.sh. */
export function main([base, head]: readonly string[]): string {
  if (base === undefined || head === undefined) throw new Error("usage: render-diff.ts BASE HEAD");
  return renderReport(readRenderedStacks(base), readRenderedStacks(head), gitDiff);
}

void runScript(module, main);
