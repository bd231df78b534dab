import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { readIfExists } from "../../components/shared/files";
import { identify } from "../../components/shared/process-identity";
import { UserError } from "../../components/shared/problem";
import type { Documents } from "./documents";

/** Lists the files of the last render, one a line. */
export const markerFile = ".talos-mesh-render";
const workPrefix = `${markerFile}.`;

/** Refuses a folder with other content than an earlier render, and one that cannot be read. */
export function checkFolder(folder: string): void {
  const entries = withReason(folder, () => (existsSync(folder) ? readdirSync(folder) : []));
  const foreign = entries.filter((entry) => entry !== markerFile && !entry.startsWith(workPrefix));
  if (foreign.length > 0 && !entries.includes(markerFile)) {
    const more = foreign.length > 1 ? ` and ${foreign.length - 1} more` : "";
    throw new UserError(
      `--out ${folder}: holds ${foreign[0]}${more}, which no render has written. ` +
        "Name a folder that is empty or does not exist yet.",
    );
  }
}

/**
 * Writes the files into the folder. All are written completely before the first one is moved into place; a folder in
 * which a run was killed is recognized by the next one. Files that no render has written are kept.
 */
export function writeFolder(folder: string, documents: Documents): void {
  checkFolder(folder);
  const at = (file: string) => path.join(folder, file);
  withReason(folder, () => {
    const before = earlierFiles(folder);
    const taken = [...documents.keys()].filter((file) => !before.includes(file) && existsSync(at(file)));
    if (taken.length > 0) {
      throw new UserError(`--out ${folder}: ${taken.join(", ")} would be overwritten, and no render has written it`);
    }
    makeFolder(folder);
    removeAbandonedWork(folder);
    const work = at(`${workPrefix}${process.pid}`);
    mkdirSync(work);
    try {
      const writeMarker = (files: Iterable<string>): void => {
        writeFileSync(path.join(work, markerFile), [...new Set(files)].sort().join("\n") + "\n");
        renameSync(path.join(work, markerFile), at(markerFile));
      };
      for (const [file, text] of documents) writeFileSync(path.join(work, file), text);
      writeMarker([...before, ...documents.keys()]);
      for (const file of documents.keys()) renameSync(path.join(work, file), at(file));
      for (const file of before) if (!documents.has(file)) rmSync(at(file), { force: true });
      writeMarker(documents.keys());
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  });
}

/** Node's own `recursive` never returns in a folder such as /proc, where a new folder vanishes. */
function makeFolder(folder: string): void {
  try {
    mkdirSync(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST" && existsSync(folder)) return;
    if (code !== "ENOENT" || existsSync(path.dirname(folder))) throw error;
    makeFolder(path.dirname(folder));
    mkdirSync(folder);
  }
}

function withReason<Result>(folder: string, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // A full disk has a message of its own.
    if (code === undefined || code === "ENOSPC") throw error;
    const reason =
      code === "ENOTDIR" ? "is a file; name a folder" : `cannot be used (${code}). Name a folder that you may write.`;
    throw new UserError(`--out ${folder}: ${reason}`, { cause: error });
  }
}

function earlierFiles(folder: string): string[] {
  const names = (readIfExists(path.join(folder, markerFile)) ?? "").split("\n");
  // An edited marker must not make us delete a file elsewhere.
  return names.filter((name) => name !== "" && name === path.basename(name));
}

function removeAbandonedWork(folder: string): void {
  for (const entry of readdirSync(folder)) {
    const pid = Number(entry.slice(workPrefix.length));
    if (!entry.startsWith(workPrefix) || (pid !== process.pid && identify(pid) !== undefined)) continue;
    rmSync(path.join(folder, entry), { recursive: true, force: true });
  }
}
