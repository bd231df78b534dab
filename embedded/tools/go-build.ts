import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import semver from "semver";
import type { GoProgram } from "./catalog";
import { runCommand, type RunOptions } from "../../components/shared/run-command";

const minute = 60_000;
/** Older ones know neither toolchain lines nor go.mod versions with a patch number. */
const oldestGo = "1.21.0";

type GoPrograms = Readonly<Record<string, GoProgram>>;

export async function requireGo(env: NodeJS.ProcessEnv): Promise<void> {
  const version = semver.coerce(await go(["env", "GOVERSION"], { env, timeoutMs: 20_000 }));
  if (version !== null && semver.gte(version, oldestGo)) return;
  throw new Error(`go ${version?.version ?? "(unknown version)"} is too old, needed is ${oldestGo} or newer`);
}

/**
 * Builds programs from their pinned modules into an empty folder, in one `go build`. The module cache and the build cache
 * are the user's own.
 *
 * @param onCompiled gets the number of packages compiled so far
 */
export async function buildWithGo(
  programs: GoPrograms,
  folder: string,
  { env, signal, onCompiled }: Pick<RunOptions, "env" | "signal"> & { readonly onCompiled: (packages: number) => void },
): Promise<void> {
  const cwd = path.join(folder, "source");
  mkdirSync(cwd);
  const run = { cwd, env: goEnvironment(env), signal };
  const modules = new Map<string, ModuleFile>();
  for (const [name, { module, version, source }] of Object.entries(programs)) {
    const args = ["mod", "download", "-json", `${module}@v${version}`];
    const { GoMod } = JSON.parse(await go(args, { ...run, timeoutMs: 5 * minute })) as { GoMod: string };
    modules.set(module, parseModuleFile(readFileSync(GoMod, "utf8"), version));
    if (source === undefined) continue;
    mkdirSync(path.join(cwd, name));
    writeFileSync(path.join(cwd, name, "main.go"), source);
  }
  writeFileSync(path.join(cwd, "go.mod"), buildModuleFile(modules));
  let compiled = 0;
  const onLine = (line: string) => {
    if (!line.startsWith("go: ")) onCompiled(++compiled);
  };
  await go(buildArguments(programs, folder + path.sep), { ...run, timeoutMs: 60 * minute, onLine });
}

type ModuleFile = ReturnType<typeof parseModuleFile>;

/**
 * `go` is the oldest Go that compiles the module, such as `1.26.0`; `staging` are modules that it replaces by folders of its
 * own repository (the staging modules of Kubernetes).
 */
export function parseModuleFile(text: string, version: string) {
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
  const coerced = (version: string) => semver.coerce(version) ?? "0.0.0";
  const newestGo = all.map(([, { go }]) => go).sort((a, b) => semver.compare(coerced(b), coerced(a)))[0];
  const lines = [
    "module talos-mesh/tools",
    "",
    `go ${newestGo ?? oldestGo}`,
    "",
    ...all.map(([module, { version }]) => `require ${module} v${version}`),
    ...all.flatMap(([, { version, staging }]) => {
      const published = `v0.${version.split(".").slice(1).join(".")}`;
      return staging.map((name) => `replace ${name} => ${name} ${published}`);
    }),
  ];
  return `${lines.join("\n")}\n`;
}

export function buildArguments(programs: GoPrograms, output: string): string[] {
  const variables = Object.values(programs).flatMap((program) => Object.entries(program.variables ?? {}));
  const settings = new Set(variables.map(([name, value]) => `-X ${name}=${value}`));
  const targets = Object.entries(programs).map(([name, program]) => program.package ?? `./${name}`);
  // -v prints each package as it is compiled, which is the only progress that go reports.
  return ["build", "-v", "-mod=mod", "-ldflags", ["-s -w", ...settings].join(" "), "-o", output, ...targets];
}

async function go(args: readonly string[], options: RunOptions): Promise<string> {
  return (await runCommand("go", args, { ...options, ownGroup: true })).stdout;
}

// No cgo, so that the program runs on any machine of its kind. No -trimpath: with it everything is compiled again where
// a developer's build cache already has it. GOFLAGS or a workspace of the user would change the build.
function goEnvironment(env: NodeJS.ProcessEnv | undefined): NodeJS.ProcessEnv {
  const ours = { GOOS: "", GOARCH: "", CGO_ENABLED: "0", GOFLAGS: "-buildvcs=false", GOWORK: "off", GO111MODULE: "on" };
  return { ...env, ...ours };
}
