import { spawnSync } from "node:child_process";
import { readIfExists, writeFileAtomically } from "../../components/shared/files";
import { clusterFiles } from "./files";

/**
 * Resolves `charts.source: auto`: the official charts where `index`, the address of their repository's index, responds.
 *
 * Resolved once, at the first deployment, and kept until the stack is destroyed, so that an unreliable network does not
 * replace Istio by a stand-in between two runs. A preview keeps nothing.
 */
export function autoCharts(
  { projectRoot, stack }: { readonly projectRoot: string; readonly stack: string },
  index: string,
  preview: boolean,
): "official" | "stand-ins" {
  const { charts: file } = clusterFiles(projectRoot, stack);
  const kept = readIfExists(file)?.trim();
  if (kept !== undefined) return kept === "official" ? kept : "stand-ins";
  const charts = responds(index) ? "official" : "stand-ins";
  if (!preview) writeFileAtomically(file, `${charts}\n`);
  return charts;
}

/** Exits with 0 when the address responds to a HEAD request within 3 seconds. */
const probe = `
fetch(process.argv[1], { method: "HEAD", signal: AbortSignal.timeout(3000) })
  .then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1));`;

/** In a process of its own: the program needs it before its first resource, and Node has no synchronous network. */
function responds(url: string): boolean {
  return spawnSync(process.execPath, ["-e", probe, url], { stdio: "ignore", timeout: 5000 }).status === 0;
}
