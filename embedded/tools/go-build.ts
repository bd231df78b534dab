import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import semver from "semver";
import type { GoProgram } from "./catalog";
import { buildArguments, buildModuleFile, parseModuleFile } from "./go-modules";
import { CommandError, runCommand } from "./run-command";

const minute = 60_000;
/** Older ones know neither toolchain lines nor go.mod versions with a patch number. */
const oldestGo = "1.21.0";

export interface GoBuildOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal;
  /** How many packages have been compiled so far. */
  readonly onCompiled: (packages: number) => void;
}

/** Whether a usable `go` is on PATH: undefined when it is, else why not. */
export async function goProblem(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  try {
    const version = semver.coerce((await runCommand("go", ["env", "GOVERSION"], { env, timeoutMs: 20_000 })).trim());
    if (version !== null && semver.gte(version, oldestGo)) return undefined;
    return `go ${version?.version ?? "(unknown version)"} is too old, needed is ${oldestGo} or newer`;
  } catch (error) {
    if (error instanceof CommandError && error.missing) return "go is not on PATH";
    return reasonOf(error);
  }
}

/**
 * Builds a program from its pinned module and returns the file. The module cache and the build cache are the user's own.
 *
 * @param folder an empty folder to work in.
 * @throws Error with what go said.
 */
export async function buildWithGo(program: GoProgram, name: string, folder: string, options: GoBuildOptions) {
  const run = { cwd: folder, env: goEnvironment(options.env), signal: options.signal };
  const output = path.join(folder, name);
  try {
    const module = `${program.module}@v${program.version}`;
    const found = await runCommand("go", ["mod", "download", "-json", module], { ...run, timeoutMs: 5 * minute });
    const { GoMod } = JSON.parse(found) as { GoMod: string };
    writeFileSync(path.join(folder, "go.mod"), buildModuleFile(program, parseModuleFile(readFileSync(GoMod, "utf8"))));
    if ("source" in program.main) writeFileSync(path.join(folder, "main.go"), program.main.source);
    let compiled = 0;
    const onErrorLine = (line: string) => {
      if (!line.startsWith("go: ")) options.onCompiled(++compiled);
    };
    await runCommand("go", buildArguments(program, output), { ...run, timeoutMs: 30 * minute, onErrorLine });
    return output;
  } catch (error) {
    throw new Error(reasonOf(error), { cause: error });
  }
}

// No cgo, so that the program runs on any machine of its kind; no -trimpath, which would compile everything anew where
// a developer's build cache already has it. A user's GOFLAGS or workspace must not reach into this build.
function goEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const ours = { GOOS: "", GOARCH: "", CGO_ENABLED: "0", GOFLAGS: "-buildvcs=false", GOWORK: "off", GO111MODULE: "on" };
  return { ...env, ...ours };
}

function reasonOf(error: unknown): string {
  if (!(error instanceof CommandError)) return error instanceof Error ? error.message : String(error);
  const said = error.output.filter((line) => !line.startsWith("go: downloading ")).slice(-3);
  return [error.message.replace(/ -ldflags .*(?=: )/, ""), ...said].join("; ");
}
