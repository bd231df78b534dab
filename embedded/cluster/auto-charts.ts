import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";

/** What `charts.source: auto` stands for in a stack. */
export type AutoCharts = "official" | "stand-ins";

interface Place {
  /** Absolute path of the folder with Pulumi.yaml. */
  readonly projectRoot: string;
  readonly stack: string;
}

/**
 * Which charts a stack gets: the official ones where `index`, the address of their repository's index, answers.
 *
 * Decided once, when the environment is first deployed, and kept until it is destroyed: a network that comes and goes
 * must not swap Istio for a stand-in between two runs. A preview decides the same way and keeps nothing.
 */
export function autoCharts({ projectRoot, stack }: Place, index: string, preview: boolean): AutoCharts {
  const file = decisionFile(projectRoot, stack);
  if (existsSync(file)) return readFileSync(file, "utf8").trim() === "official" ? "official" : "stand-ins";
  const decided = answers(index, projectRoot) ? "official" : "stand-ins";
  if (!preview) {
    mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(file, `${decided}\n`);
  }
  return decided;
}

/** The next deployment decides anew. */
export function forgetCharts(projectRoot: string, stack: string): void {
  rmSync(decisionFile(projectRoot, stack), { force: true });
}

function decisionFile(projectRoot: string, stack: string): string {
  return path.join(projectRoot, ".talos-mesh", stack, "charts");
}

/** Asked by a program of its own: it must be known before the first resource, and Node has no synchronous network. */
function answers(url: string, projectRoot: string): boolean {
  const probe = path.join(projectRoot, "embedded", "cluster", "bin", "probe.cjs");
  return spawnSync(process.execPath, [probe, url], { stdio: "ignore", timeout: 5000 }).status === 0;
}
