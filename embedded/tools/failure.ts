import { vendors, type Tool } from "./catalog";
import { cachedTool } from "./cache";
import type { Platform } from "./platform";

/** One way that was tried, and why it did not lead to the tool. */
export interface Attempt {
  readonly way: "PATH" | "cache" | "download" | "npm package" | "Go build";
  readonly reason: string;
}

/** Tools that could not be obtained. The message lists every way that was tried, and the ways to go on. */
export class ToolsUnavailable extends Error {
  constructor(
    readonly missing: ReadonlyMap<Tool, readonly Attempt[]>,
    cache: string,
    platform: Platform,
  ) {
    super(describe(missing, cache, platform));
  }
}

function describe(missing: ReadonlyMap<Tool, readonly Attempt[]>, cache: string, platform: Platform): string {
  const lines = [`${[...missing.keys()].map(({ name }) => name).join(", ")} could not be obtained.`];
  for (const [tool, attempts] of missing) {
    lines.push("", `${tool.name} ${tool.version}:`);
    lines.push(
      ...attempts.map(({ way, reason }) => `  ${way.padEnd(12)} ${reason.replaceAll("\n", "\n" + " ".repeat(15))}`),
    );
  }
  lines.push("", "Any of these helps:");
  lines.push("  - install Go and let this program build them (https://go.dev/doc/install; about 10 minutes, once)");
  for (const tool of missing.keys()) {
    lines.push(
      `  - put ${tool.name} (${tool.accepts}) on PATH, or as ${cachedTool(cache, tool.name, tool.version, platform)}`,
    );
  }
  for (const mirror of mirrorsFor([...missing.keys()], platform)) {
    lines.push(`  - set ${mirror} with the same paths`);
  }
  return lines.join("\n");
}

function mirrorsFor(tools: readonly Tool[], platform: Platform): string[] {
  const wanted = tools.flatMap((tool) => {
    const download = tool.download(platform);
    return typeof download === "string" ? [] : [download.file.vendor, download.checksums.vendor];
  });
  return [...new Set(wanted)].map((vendor) => `${vendors[vendor].variable} to a mirror of ${vendors[vendor].url}`);
}
