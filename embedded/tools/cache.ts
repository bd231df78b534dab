import { randomBytes } from "node:crypto";
import { accessSync, chmodSync, constants, mkdirSync, renameSync, rmSync, statSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import type { Platform } from "./platform";

/** The folder of all obtained tools: `TALOS_MESH_CACHE`, else the user's cache folder. */
export function toolCache(env: NodeJS.ProcessEnv = process.env): string {
  const home = env["XDG_CACHE_HOME"] || path.join(env["HOME"] || os.homedir(), ".cache");
  return path.resolve(env["TALOS_MESH_CACHE"] || path.join(home, "talos-mesh"), "tools");
}

/** Where a tool of one version lies in the cache. */
export function cachedTool(cache: string, name: string, version: string, platform: Platform): string {
  return path.join(cache, name, `${version}-${platform.os}-${platform.arch}`, name);
}

export function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

/** The folder for unfinished work: in the cache, so that the last step is a rename within one file system. */
export function unfinishedFolder(cache: string): string {
  return path.join(cache, ".unfinished");
}

/** Runs `work` in a fresh folder inside the cache and removes that folder, whatever happens. */
export async function inUnfinishedFolder<T>(cache: string, work: (folder: string) => Promise<T>): Promise<T> {
  const folder = path.join(unfinishedFolder(cache), randomBytes(6).toString("hex"));
  mkdirSync(folder, { recursive: true });
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Puts a finished, verified program to its place in one step. */
export function place(program: string, destination: string): void {
  chmodSync(program, 0o755);
  mkdirSync(path.dirname(destination), { recursive: true });
  renameSync(program, destination);
}
