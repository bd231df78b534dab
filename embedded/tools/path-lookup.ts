import path from "node:path";
import semver from "semver";
import { runCommand } from "../../components/shared/run-command";
import { isProgram } from "./cache";
import type { Tool } from "./catalog";
import type { ObtainedTool } from "./obtain";

/** Every program of that name on PATH, in PATH's order. */
export function programsOnPath(name: string, env: NodeJS.ProcessEnv = process.env): string[] {
  const folders = (env["PATH"] ?? "").split(path.delimiter).filter((folder) => path.isAbsolute(folder));
  return [...new Set(folders)].map((folder) => path.join(folder, name)).filter(isProgram);
}

/** The first version in a program's output, without a leading `v`; undefined where there is none. */
export function parseVersion(output: string): string | undefined {
  return /\bv?(\d+\.\d+\.\d+(?:-[0-9A-Za-z.]+)?)/.exec(output)?.[1];
}

/** The first program on PATH with an accepted version, or the reason why there is none. */
export async function findOnPath(tool: Tool, env: NodeJS.ProcessEnv): Promise<ObtainedTool | string> {
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
