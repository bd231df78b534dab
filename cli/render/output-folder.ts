import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { UserError } from "../../embedded/program/errors";
import type { Documents } from "./documents";

/** Lists the files that are ours, one a line; its presence makes the folder ours. */
export const markerFile = ".talos-mesh-render";
const workPrefix = `${markerFile}.`;

/**
 * Refuses a folder that holds other things than an earlier render.
 *
 * @throws UserError
 */
export function checkFolder(folder: string): void {
  let entries: string[];
  try {
    entries = readdirSync(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return;
    if (code === "ENOTDIR") throw new UserError(`--out ${folder}: is a file; name a folder`, { cause: error });
    throw error;
  }
  const foreign = entries.filter((entry) => entry !== markerFile && !entry.startsWith(workPrefix));
  if (foreign.length > 0 && !entries.includes(markerFile)) {
    throw new UserError(
      `--out ${folder}: holds ${foreign.length} entries that no render has written (${foreign[0]}, ...). ` +
        "Name a folder that is empty or does not exist yet.",
    );
  }
}

/**
 * Makes the folder hold these files. Everything is written in full before the first file is moved into place, and a
 * run that is killed while it moves them leaves a folder that the next one knows as its own. Files that no render has
 * written stay.
 */
export function writeFolder(folder: string, documents: Documents): void {
  checkFolder(folder);
  const before = earlierFiles(folder);
  const taken = [...documents.keys()].filter((file) => !before.includes(file) && existsSync(path.join(folder, file)));
  if (taken.length > 0) {
    throw new UserError(`--out ${folder}: ${taken.join(", ")} would be overwritten, and no render has written it`);
  }

  mkdirSync(folder, { recursive: true });
  removeWorkOfTheDead(folder);
  const work = path.join(folder, `${workPrefix}${process.pid}`);
  mkdirSync(work);
  try {
    const writeMarker = (files: Iterable<string>): void => {
      writeFileSync(path.join(work, markerFile), [...new Set(files)].sort().join("\n") + "\n");
      renameSync(path.join(work, markerFile), path.join(folder, markerFile));
    };
    for (const [file, text] of documents) writeFileSync(path.join(work, file), text);
    writeMarker([...before, ...documents.keys()]);
    for (const file of documents.keys()) renameSync(path.join(work, file), path.join(folder, file));
    for (const file of before) if (!documents.has(file)) rmSync(path.join(folder, file), { force: true });
    writeMarker(documents.keys());
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function earlierFiles(folder: string): string[] {
  const marker = path.join(folder, markerFile);
  if (!existsSync(marker)) return [];
  const names = readFileSync(marker, "utf8").split("\n");
  // A marker that somebody has edited must not make us delete a file elsewhere.
  return names.filter((name) => name !== "" && name === path.basename(name));
}

function removeWorkOfTheDead(folder: string): void {
  for (const entry of readdirSync(folder)) {
    if (!entry.startsWith(workPrefix) || alive(Number(entry.slice(workPrefix.length)))) continue;
    rmSync(path.join(folder, entry), { recursive: true, force: true });
  }
}

function alive(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
