import { setTimeout as delay } from "node:timers/promises";
import { scenarioNames } from "../../components/benchmark/metrics/record";
import { KubernetesCluster } from "../../components/benchmark/run/cluster";
import { benchmarkRequest } from "../../components/benchmark/run/request";
import { runBenchmark } from "../../components/benchmark/run/runner";
import { benchmark, type BenchmarkSettings } from "../../components/settings/sections/benchmark";
import { ApiError, ApiServer, UnknownKindError } from "../../components/shared/kubernetes/api-server";
import { isUnreachable } from "../../components/shared/kubernetes/errors";
import { UserError } from "../../components/shared/problem";
import { declare, filePath, UsageError } from "../command";
import { clusterAccess } from "../engine/pulumi-cli";
import { interrupted, onInterrupt } from "../interrupt";
import { Terminal } from "../report/terminal";
import { openStack, projectRoot, stackOptions } from "../stack-option";

export const command = declare({
  name: "bench",
  summary: "measure what the mesh of a deployed stack costs",
  options: {
    ...stackOptions,
    scenarios: {
      value: "list",
      text: `scenarios, separated by commas: ${scenarioNames.join(", ")}; the scenario "none" is always included`,
      parse: scenariosOf,
    },
    quick: { text: "7 short blocks: a first look; tail percentiles and CPU need the full time" },
    baseline: {
      value: "file",
      text: "a report.json to compare with (default: the one in the stack file)",
      parse: filePath,
    },
    kubeconfig: { value: "file", text: "kubeconfig of the cluster (default: the stack's own)", parse: filePath },
  },
  details: `Measures what talos-mesh:benchmark of the stack file describes. Finished runs are kept in
.talos-mesh/STACK/benchmark; the same command continues after the last one.`,
  exitCodes: { 0: "measured, and every budget is met", 1: "a budget is exceeded, or the cluster cannot be measured" },
  async run({ scenarios, quick, baseline, kubeconfig, ...given }) {
    const opened = openStack(given);
    const { stack, settings } = opened;
    const request = benchmarkRequest(stack, {
      ...settings,
      benchmark: {
        ...(settings.benchmark ?? benchmark.parse({})),
        ...(scenarios && { scenarios }),
        ...(baseline !== undefined && { baseline }),
      },
    });
    const access = kubeconfig ? { kubeconfig } : await clusterAccess(opened, "bench reads the cluster's kubeconfig");
    const terminal = new Terminal();
    const unchecked = scenarios ? budgetsLeftOut(request.settings) : [];
    if (unchecked.length > 0) terminal.line(`--scenarios leaves these budgets unchecked: ${unchecked.join(", ")}`);
    const { signal, release } = onInterrupt(() =>
      terminal.errorLine("Stopping: the benchmark's objects are removed from the cluster. Ctrl-C again ends at once."),
    );
    try {
      await runBenchmark(request, {
        cluster: new KubernetesCluster(await ApiServer.open(access)),
        projectRoot,
        quick,
        signal,
        log: (line) => terminal.line(line),
        sleep: (ms) => delay(ms, undefined, { signal }),
      });
      return 0;
    } catch (error) {
      if (signal.aborted) {
        terminal.errorLine("Stopped. Finished runs are kept; the same command continues after them.");
        return interrupted;
      }
      if (!(isUnreachable(error) || error instanceof ApiError || error instanceof UnknownKindError)) throw error;
      throw new UserError((error as Error).message, { cause: error });
    } finally {
      release();
    }
  },
});

function scenariosOf(list: string): BenchmarkSettings["scenarios"] {
  const names = list.split(",").map((name) => name.trim());
  const unknown = names.filter((name) => !(scenarioNames as readonly string[]).includes(name));
  if (unknown.length > 0) throw new UsageError(`unknown ${unknown.join(", ")}; known: ${scenarioNames.join(", ")}`);
  return scenarioNames.filter((name) => name === "none" || names.includes(name));
}

export function budgetsLeftOut(settings: Pick<BenchmarkSettings, "budgets" | "scenarios">): string[] {
  const { budgets, scenarios = [] } = settings;
  const left = scenarioNames.filter((name) => !scenarios.includes(name));
  return Object.keys(budgets).filter((budget) => left.some((name) => budget.startsWith(`${name}.`)));
}
