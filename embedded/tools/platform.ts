/** Operating system and processor under the names Go and the vendors' downloads use. */
export interface Platform {
  readonly os: "linux" | "darwin";
  readonly arch: "amd64" | "arm64";
}

/** @throws Error on a platform the control plane cannot run on. */
export function hostPlatform(os: string = process.platform, arch: string = process.arch): Platform {
  const goArch = arch === "x64" ? "amd64" : arch;
  if ((os === "linux" || os === "darwin") && (goArch === "amd64" || goArch === "arm64")) return { os, arch: goArch };
  throw new Error(
    `the embedded control plane runs on Linux and macOS (amd64, arm64); this is ${os} ${arch}. ` +
      "On Windows run it inside WSL, or use a cluster of kind docker, talos or existing.",
  );
}
