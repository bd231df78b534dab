import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";

/** Checks besides prettier's, eslint's and the compiler's: syntax of shell scripts, length of files, and wording. */

const maxLines = 300;

/** Folders and files of the program itself. */
const production = ["index.ts", "components", "policies", "cli", "embedded", "scripts", ".github/scripts"];
/** Further folders and files with text of this project. */
const texts = [".github", "docs", "tests", "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"];

/** Words that docs, comments, names and messages do not use. */
const words: readonly { readonly pattern: RegExp; readonly instead: string }[] = [
  { pattern: /\btold\b/i, instead: "reported, logged" },
  { pattern: /\banew\b/i, instead: "again" },
  { pattern: /\bmended\b/i, instead: "fixed" },
  { pattern: /\b(?:nobody|somebody|whoever)\b/i, instead: "the component, the client, the caller" },
  { pattern: /\bstands?\b(?!-)/i, instead: "is, is in" },
  { pattern: /\bbeside\b/i, instead: "compared with, next to" },
  { pattern: /\bways? out\b/i, instead: "egress, workaround" },
  { pattern: /\bin earnest\b/i, instead: "actually" },
  { pattern: /\ba text\b/, instead: "a string" },
  { pattern: /\ba map\b/, instead: "a mapping" },
  { pattern: /\bpatience\b/i, instead: "a timeout with its unit" },
];

/** Files that hold the words as data: this list, and its test. */
const unchecked = ["scripts/check/files.ts", "tests/scripts/check/files.test.ts"];

/** Files of the program: TypeScript, JavaScript and shell scripts. */
export function productionFiles(root: string): string[] {
  return production.flatMap((entry) => filesIn(root, entry)).filter((file) => /\.(ts|cjs|mjs|sh)$/.test(file));
}

/** What is wrong with the files, a line for each. */
export function fileProblems(root: string): string[] {
  const files = productionFiles(root);
  const others = texts.flatMap((entry) => filesIn(root, entry)).filter((file) => /\.(ts|[cm]js|sh|md|yml)$/.test(file));
  const worded = [...new Set([...files, ...others])].filter((file) => !unchecked.includes(file));
  return [
    ...files.filter((file) => file.endsWith(".sh")).flatMap((file) => syntaxProblems(root, file)),
    ...files.flatMap((file) => {
      const lines = lineCount(root, file);
      return lines > maxLines ? [`${file}: has ${lines} lines; at most ${maxLines}`] : [];
    }),
    ...worded.flatMap((file) => wordProblems(root, file)),
  ];
}

function syntaxProblems(root: string, file: string): string[] {
  const { status, stderr } = spawnSync("bash", ["-n", file], { cwd: root, encoding: "utf8" });
  return status === 0 ? [] : [stderr.trim()];
}

export function lineCount(root: string, file: string): number {
  return readFileSync(path.join(root, file), "utf8").split("\n").length - 1;
}

function wordProblems(root: string, file: string): string[] {
  const lines = readFileSync(path.join(root, file), "utf8").split("\n");
  return lines.flatMap((line, index) =>
    words.flatMap(({ pattern, instead }) =>
      (pattern.exec(line) ?? []).map((found) => `${file}:${index + 1}: "${found}": write ${instead}`),
    ),
  );
}

function filesIn(root: string, entry: string): string[] {
  const place = path.join(root, entry);
  if (!existsSync(place)) return [];
  if (/\.\w+$/.test(entry) && !entry.startsWith(".")) return [entry];
  return readdirSync(place, { recursive: true, withFileTypes: true })
    .filter((each) => each.isFile())
    .map((each) => path.relative(root, path.join(each.parentPath, each.name)));
}
