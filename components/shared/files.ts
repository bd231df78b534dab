import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { own } from "./own";

/**
 * Writes a file in one step: a process that is killed leaves the old content or the new one. The new content is first
 * written to `<file>.part`, so that only one process at a time may write the same file. Missing folders are created. Only
 * its owner may read it, unless there is another `mode`.
 */
export function writeFileAtomically(file: string, content: string | Buffer, mode = 0o600): void {
  mkdirSync(path.dirname(file), { recursive: true });
  const part = `${file}.part`;
  writeFileSync(part, content, { mode });
  renameSync(part, file);
}

export function writeJsonAtomically(file: string, value: unknown): void {
  writeFileAtomically(file, `${JSON.stringify(value, undefined, 2)}\n`);
}

export function removeIfEmpty(folder: string): void {
  if (existsSync(folder) && readdirSync(folder).length === 0) rmdirSync(folder);
}

/** Undefined where there is no such file; in /proc also where the process has ended. */
export function readIfExists(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (/^(ENOENT|ENOTDIR|ESRCH)$/.test(String((error as NodeJS.ErrnoException).code))) return undefined;
    throw error;
  }
}

/** The text of a file, with each `<name>` in it replaced by the value of that name. */
export function filledIn(file: string, values: Readonly<Record<string, string>>): string {
  return readFileSync(file, "utf8").replace(/<(\w+)>/g, (placeholder, name: string) => {
    const value = own(values, name);
    if (value === undefined) throw new Error(`${file}: no value for ${placeholder}`);
    return value;
  });
}
