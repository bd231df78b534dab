import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import semver from "semver";
import type { GoProgram } from "./catalog";
import { runCommand, type RunOptions } from "../../components/shared/run-command";

const minute = 60_000;
/** Older ones know neither toolchain lines nor go.mod versions with a patch number. */
const oldestGo = "1.21.0";

/** Programs to build together, by their names. */
type GoPrograms = Readonly<Record<string, GoProgram>>;

interface GoBuildOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal;
  /** Called with the number of packages compiled so far. */
  readonly onCompiled: (packages: number) => void;
}

/** @throws Error where Go cannot be used */
export async function requireGo(env: NodeJS.ProcessEnv): Promise<void> {
  const version = semver.coerce(await go(["env", "GOVERSION"], { env, timeoutMs: 20_000 }));
  if (version !== null && semver.gte(version, oldestGo)) return;
  throw new Error(`go ${version?.version ?? "(unknown version)"} is too old, needed is ${oldestGo} or newer`);
}

/**
 * Builds programs from their pinned modules, in one `go build`, and returns the folder with the results. The module
 * cache and the build cache are the user's own.
 *
 * @param folder an empty folder to work in
 */
export async function buildWithGo(programs: GoPrograms, folder: string, options: GoBuildOptions): Promise<string> {
  const run = { cwd: folder, env: goEnvironment(options.env), signal: options.signal };
  const output = path.join(folder, "bin") + path.sep;
  mkdirSync(output);
  const modules = new Map<string, ModuleFile>();
  for (const [name, { module, version, source }] of Object.entries(programs)) {
    const downloaded = await go(["mod", "download", "-json", `${module}@v${version}`], {
      ...run,
      timeoutMs: 5 * minute,
    });
    const { GoMod } = JSON.parse(downloaded) as { GoMod: string };
    modules.set(module, parseModuleFile(readFileSync(GoMod, "utf8"), version));
    if (source === undefined) continue;
    mkdirSync(path.join(folder, name));
    writeFileSync(path.join(folder, name, "main.go"), source);
  }
  writeFileSync(path.join(folder, "go.mod"), buildModuleFile(modules));
  let compiled = 0;
  const onLine = (line: string) => {
    if (!line.startsWith("go: ")) options.onCompiled(++compiled);
  };
  await go(buildArguments(programs, output), { ...run, timeoutMs: 60 * minute, onLine });
  return output;
}

/** What is needed of a module's own go.mod. */
interface ModuleFile {
  readonly version: string;
  /** The oldest Go that compiles it, such as `1.26.0`. */
  readonly go: string;
  /** Modules that it replaces by folders of its own repository (the staging modules of Kubernetes). */
  readonly staging: readonly string[];
}

export function parseModuleFile(text: string, version: string): ModuleFile {
  const go = /^go (\S+)/m.exec(text)?.[1] ?? "1.21";
  const staging = [...text.matchAll(/^\s*(?:replace\s+)?(\S+) => \.\/staging\//gm)].map((match) => match[1] ?? "");
  return { version, go, staging };
}

/**
 * The go.mod of a build that requires the modules. Kubernetes requires its staging modules as v0.0.0 and finds them in
 * folders of its repository; they are published too, as v0.MINOR.PATCH of the same release.
 */
export function buildModuleFile(modules: ReadonlyMap<string, ModuleFile>): string {
  const all = [...modules];
  const newestGo = all.map(([, { go }]) => go).sort((a, b) => semver.compare(coerced(b), coerced(a)))[0];
  const lines = [
    ...["module talos-mesh/tools", "", `go ${newestGo ?? oldestGo}`, ""],
    ...all.map(([module, { version }]) => `require ${module} v${version}`),
    ...all.flatMap(([, { version, staging }]) => {
      const published = `v0.${version.split(".").slice(1).join(".")}`;
      return staging.map((name) => `replace ${name} => ${name} ${published}`);
    }),
  ];
  return `${lines.join("\n")}\n`;
}

/** The arguments of `go` that build the programs into the folder `output`, in a folder with that go.mod. */
export function buildArguments(programs: GoPrograms, output: string): string[] {
  const all = Object.entries(programs);
  const settings = new Set(
    all.flatMap(([, { variables = {} }]) => Object.entries(variables).map(([name, value]) => `-X ${name}=${value}`)),
  );
  const targets = all.map(([name, program]) => program.package ?? `./${name}`);
  // -v prints each package as it is compiled, which is the only progress that go reports.
  return ["build", "-v", "-mod=mod", "-ldflags", ["-s -w", ...settings].join(" "), "-o", output, ...targets];
}

async function go(args: readonly string[], options: RunOptions): Promise<string> {
  return (await runCommand("go", args, { ...options, ownGroup: true })).stdout;
}

function coerced(version: string): string {
  return semver.coerce(version)?.version ?? "0.0.0";
}

// No cgo, so that the program runs on any machine of its kind. No -trimpath: with it everything is compiled again where
// a developer's build cache already has it. GOFLAGS or a workspace of the user would change the build.
function goEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const ours = { GOOS: "", GOARCH: "", CGO_ENABLED: "0", GOFLAGS: "-buildvcs=false", GOWORK: "off", GO111MODULE: "on" };
  return { ...env, ...ours };
}
