import { homedir } from "node:os";
import path from "node:path";
import semver from "semver";
import { version as sdkVersion } from "@pulumi/pulumi/version";
import { runCommand } from "../../embedded/tools/run-command";
import { toolCache } from "../../embedded/tools/cache";

/** A Pulumi CLI that can be used. */
export interface PulumiCli {
  /** Absolute path of the program. */
  readonly path: string;
  readonly version: string;
}

/** Why there is none, as a half-sentence. */
export interface NoPulumi {
  readonly problem: string;
}

/** Oldest CLI that has what the program and this engine use (`stack init --no-select`, `deletedWith`, `--config-file`). */
const minimum = "3.100.0";

/** Looks where the vendor's installers put the CLI: PATH, $PULUMI_HOME/bin, ~/.pulumi/bin, and our own download. */
export async function findPulumi(env: NodeJS.ProcessEnv): Promise<PulumiCli | NoPulumi> {
  const folders = [
    ...(env.PATH ?? "").split(path.delimiter),
    path.join(env.PULUMI_HOME ?? path.join(homedir(), ".pulumi"), "bin"),
    path.join(downloadFolder(env), "bin"),
  ].filter((folder) => path.isAbsolute(folder));
  let tooOld: string | undefined;
  for (const folder of new Set(folders)) {
    const file = path.join(folder, process.platform === "win32" ? "pulumi.exe" : "pulumi");
    const version = await versionOf(file, env);
    if (version === undefined) continue;
    if (semver.gte(version, minimum)) return { path: file, version };
    tooOld ??= `${file} is ${version}, older than ${minimum}`;
  }
  return { problem: tooOld ?? "no Pulumi CLI is installed" };
}

/**
 * Downloads the CLI by its vendor's installer into the cache, where the vendor answers at once.
 * Source: PulumiCommand.install of the Automation API.
 */
export async function installPulumi(
  env: NodeJS.ProcessEnv,
  onProgress?: (text: string) => void,
): Promise<PulumiCli | NoPulumi> {
  if (!(await vendorAnswers())) return { problem: "get.pulumi.com cannot be reached to download it" };
  const root = downloadFolder(env);
  onProgress?.(`downloading the Pulumi CLI ${sdkVersion} to ${root}`);
  try {
    const { PulumiCommand } = await import("@pulumi/pulumi/automation/index.js");
    await PulumiCommand.install({ root, version: semver.parse(sdkVersion) ?? undefined });
  } catch (error) {
    return { problem: `its download failed (${(error as Error).message.split("\n")[0] ?? ""})` };
  }
  const file = path.join(root, "bin", "pulumi");
  const version = await versionOf(file, env);
  return version === undefined ? { problem: `the downloaded ${file} does not run` } : { path: file, version };
}

let answered: Promise<boolean> | undefined;

/** Asked once a run; a network that swallows packets must not cost more than two seconds. */
function vendorAnswers(): Promise<boolean> {
  answered ??= fetch("https://get.pulumi.com/install.sh", { method: "HEAD", signal: AbortSignal.timeout(2000) }).then(
    ({ ok }) => ok,
    () => false,
  );
  return answered;
}

function downloadFolder(env: NodeJS.ProcessEnv): string {
  return path.join(toolCache(env), "..", "pulumi", sdkVersion);
}

async function versionOf(file: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  try {
    const text = await runCommand(file, ["version"], {
      env: { ...env, PULUMI_SKIP_UPDATE_CHECK: "true" },
      timeoutMs: 20_000,
    });
    return semver.clean(text) ?? undefined;
  } catch {
    return undefined;
  }
}
