import type { GoProgram } from "./catalog";

/** What is needed of a module's own go.mod. */
export interface ModuleFile {
  /** The oldest Go that compiles it, such as `1.26.0`. */
  readonly go: string;
  /** Modules it replaces by folders of its own repository (the staging modules of Kubernetes). */
  readonly staging: readonly string[];
}

export function parseModuleFile(text: string): ModuleFile {
  const go = /^go (\S+)/m.exec(text)?.[1] ?? "1.21";
  const staging = [...text.matchAll(/^\s*(?:replace\s+)?(\S+) => \.\/staging\//gm)].map((match) => match[1] ?? "");
  return { go, staging };
}

/**
 * The go.mod that builds one program. Kubernetes requires its staging modules as v0.0.0 and finds them in folders of
 * its repository; they are published too, as v0.MINOR.PATCH of the same release.
 */
export function buildModuleFile(program: GoProgram, requires: ModuleFile): string {
  const stagingVersion = `v0.${program.version.split(".").slice(1).join(".")}`;
  const lines = [
    "module talos-mesh/tools",
    "",
    `go ${requires.go}`,
    "",
    `require ${program.module} v${program.version}`,
    ...requires.staging.map((name) => `replace ${name} => ${name} ${stagingVersion}`),
  ];
  return `${lines.join("\n")}\n`;
}

/** The arguments of `go` that build it to `output`, in a folder with that go.mod. */
export function buildArguments(program: GoProgram, output: string): string[] {
  const variables = Object.entries(program.variables).map(([name, value]) => `-X ${name}=${value}`);
  const target = "package" in program.main ? program.main.package : ".";
  // -v names each package as it is compiled, which is the only progress there is.
  return ["build", "-v", "-mod=mod", "-ldflags", ["-s -w", ...variables].join(" "), "-o", output, target];
}
