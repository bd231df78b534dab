import { readFileSync } from "node:fs";
import path from "node:path";
import type { ReadFile } from "./types";

/** Patches and manifests that are named by '@' are read from the project's folder. */
export function fileReader(projectRoot: string): ReadFile {
  return (file) => readFileSync(path.resolve(projectRoot, file), "utf8");
}
