import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { ProgramContext } from "../settings/context";
import type { ChartsSettings } from "../settings/sections/images";
import { officialCharts } from "../settings/versions";
import type { ChartSource } from "../shared/helm-release";

/** The stand-ins that come with the project; see lab/charts/README.md. */
const standIns: ChartSource = { kind: "folder", path: "./lab/charts", standIn: true };

const official: ChartSource = { kind: "repository", url: officialCharts };

/**
 * What `charts.source` stands for.
 *
 * `auto` is decided once, when the environment is first deployed, and kept until it is destroyed: a network that
 * comes and goes must not swap Istio for a stand-in between two runs. A preview decides the same way and keeps
 * nothing; rendering decides nothing and takes the official repository.
 */
export function chartSource(charts: ChartsSettings, context: ProgramContext, preview: boolean): ChartSource {
  const { source } = charts;
  if (source.startsWith("oci://")) return { kind: "oci", url: source };
  if (/^https?:/.test(source)) return { kind: "repository", url: source };
  if (source !== "auto") return { kind: "folder", path: source, standIn: false };
  if (context.render) return official;

  const file = decisionFile(context.projectRoot, context.stack);
  if (existsSync(file)) return JSON.parse(readFileSync(file, "utf8")) as ChartSource;
  const decided = reachable(`${officialCharts}/index.yaml`, context) ? official : standIns;
  if (!preview) {
    mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(file, `${JSON.stringify(decided)}\n`);
  }
  return decided;
}

/** Where the decision on `auto` is kept; deleting the embedded cluster deletes it. */
export function decisionFile(projectRoot: string, stack: string): string {
  return path.join(projectRoot, ".talos-mesh", stack, "charts.json");
}

function reachable(url: string, context: ProgramContext): boolean {
  const probe = path.join(context.projectRoot, "lab", "bin", "probe.cjs");
  return spawnSync(process.execPath, [probe, url], { stdio: "ignore", timeout: 5000 }).status === 0;
}
