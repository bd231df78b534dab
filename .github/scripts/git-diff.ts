import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Rendered } from "./rendered";

/** `git diff` between two renderings, without git's own header lines. */
export function gitDiff(before: Rendered, after: Rendered): string {
  const folder = mkdtempSync(path.join(tmpdir(), "render-diff-"));
  try {
    write(path.join(folder, "base"), before, after);
    write(path.join(folder, "head"), after, before);
    const { status, stdout, stderr, error } = spawnSync(
      "git",
      [
        "diff",
        "--no-index",
        "--no-color",
        "--no-ext-diff",
        "--no-textconv",
        "--no-renames",
        "--no-prefix",
        "--text",
        "base",
        "head",
      ],
      { cwd: folder, encoding: "utf8", maxBuffer: 200_000_000 },
    );
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

/** Writes what the other side does not have just so. Names may come from a stranger: none may leave the folder. */
function write(folder: string, items: Rendered, other: Rendered): void {
  mkdirSync(folder);
  for (const [name, text] of items) {
    if (other.get(name) === text) continue;
    const file = path.join(folder, name.replace(/[^\w./ -]/g, "_").replace(/(^|\/)\.+(?=\/|$)/g, "$1_"));
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text.endsWith("\n") ? text : `${text}\n`);
  }
}
