import { accessSync, chmodSync, constants, mkdirSync, mkdtempSync, renameSync, rmSync, statSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { readIfExists, writeJsonAtomically } from "../../components/shared/files";

export interface Platform {
  readonly os: "linux" | "darwin";
  readonly arch: "amd64" | "arm64";
}

export function hostPlatform(os: string = process.platform, arch: string = process.arch): Platform {
  const goArch = arch === "x64" ? "amd64" : arch;
  if ((os === "linux" || os === "darwin") && (goArch === "amd64" || goArch === "arm64")) return { os, arch: goArch };
  throw new Error(
    `the embedded control plane runs on Linux and macOS (amd64, arm64); this is ${os} ${arch}. ` +
      "On Windows run it inside WSL, or use a cluster of kind docker, talos or existing.",
  );
}

/** The folder of all obtained tools: in `TALOS_MESH_CACHE`, else in the user's cache folder. */
export function toolCache(env: NodeJS.ProcessEnv = process.env): string {
  const home = env["XDG_CACHE_HOME"] || path.join(env["HOME"] || os.homedir(), ".cache");
  return path.resolve(env["TALOS_MESH_CACHE"] || path.join(home, "talos-mesh"), "tools");
}

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

export function programsOnPath(name: string, env: NodeJS.ProcessEnv = process.env): string[] {
  const folders = (env["PATH"] ?? "").split(path.delimiter).filter((folder) => path.isAbsolute(folder));
  return [...new Set(folders)].map((folder) => path.join(folder, name)).filter(isProgram);
}

/** In the cache, so that the last step is a rename within one file system. */
export function unfinishedFolder(cache: string): string {
  return path.join(cache, ".unfinished");
}

export async function inUnfinishedFolder<T>(cache: string, work: (folder: string) => Promise<T>): Promise<T> {
  mkdirSync(unfinishedFolder(cache), { recursive: true });
  const folder = mkdtempSync(unfinishedFolder(cache) + path.sep);
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export function place(program: string, destination: string): void {
  chmodSync(program, 0o755);
  mkdirSync(path.dirname(destination), { recursive: true });
  renameSync(program, destination);
}

type BuildTime = Readonly<{ programs: string; cores: number; seconds: number }>;

/** Keeps what the last Go build of a group of programs took, for `npm run perf`. */
export function recordBuild(cache: string, group: string, time: BuildTime): void {
  writeJsonAtomically(buildTimesFile(cache), { ...buildTimes(cache), [group]: time });
}

export function buildTimes(cache: string): Readonly<Record<string, BuildTime>> {
  return JSON.parse(readIfExists(buildTimesFile(cache)) ?? "{}") as Record<string, BuildTime>;
}

function buildTimesFile(cache: string): string {
  return path.join(cache, "builds.json");
}
