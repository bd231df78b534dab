import { renameSync, writeFileSync } from "node:fs";

/** Writes a file readable by its owner only, in one step: a killed process leaves the old content or the new one. */
export function writeWhole(file: string, content: string): void {
  const part = `${file}.part`;
  writeFileSync(part, content, { mode: 0o600 });
  renameSync(part, file);
}

export function writeJson(file: string, value: unknown): void {
  writeWhole(file, `${JSON.stringify(value, undefined, 2)}\n`);
}
