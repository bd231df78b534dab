import { copyFileSync, existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import path from "node:path";
import { parseBaseline } from "../../components/benchmark/report/baseline";
import { readIfExists } from "../../components/shared/files";
import { messageOf } from "../../components/shared/problem";
import { hasSection, logged } from "./pulumi";
import { runScript, summarize } from "./script";

/**
 * Measures a deployed stack that has talos-mesh:benchmark, compares it with a baseline where there is one, and makes it the
 * next baseline where the budgets are met. What the deployment itself has just measured is not measured again.
 *
 * @param baseline a report.json, kept between runs
 */
export async function measure(folder: string, stack: string, baseline: string): Promise<string> {
  if (!hasSection({ folder, stack }, "benchmark")) return `${stack} has no talos-mesh:benchmark; nothing was measured`;
  const problem = baselineProblem(baseline);
  if (problem !== undefined) console.log(problem);
  const args = ["run", "--silent", "bench", "--", "--stack", stack];
  const reports = path.join(folder, ".talos-mesh", stack, "benchmark");
  try {
    await logged("npm", problem === undefined ? [...args, "--baseline", baseline] : args, folder);
  } finally {
    const page = readIfExists(path.join(path.dirname(newestReport(reports) ?? ""), "report.md"));
    if (page !== undefined) summarize(page);
  }
  const report = newestReport(reports);
  if (report === undefined) return `${stack}: there was nothing to measure`;
  mkdirSync(path.dirname(baseline), { recursive: true });
  copyFileSync(report, baseline);
  return `${stack}: every budget is met; this report is the baseline of the next one`;
}

/** Why there is no comparison: no baseline, or one of a release that writes reports of another form. */
function baselineProblem(file: string): string | undefined {
  const text = readIfExists(file);
  if (text === undefined) return "There is no baseline yet.";
  try {
    parseBaseline(text);
    return undefined;
  } catch (error) {
    return `The baseline cannot be compared with: ${messageOf(error)}`;
  }
}

function newestReport(folder: string): string | undefined {
  if (!existsSync(folder)) return undefined;
  const reports = readdirSync(folder)
    .map((identity) => path.join(folder, identity, "report.json"))
    .filter((file) => existsSync(file));
  return reports.sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs)[0];
}

/** Usage: benchmark.ts STACK BASELINE. Exit code 1 where a budget is exceeded or the cluster cannot be measured. */
void runScript(module, ([stack, baseline]) => {
  if (stack === undefined || baseline === undefined) throw new Error("usage: benchmark.ts STACK BASELINE");
  return measure(path.resolve("."), stack, path.resolve(baseline));
});
