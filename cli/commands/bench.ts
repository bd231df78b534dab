import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { OutputError } from "../../components/benchmark/measure/output-error";
import { KubernetesCluster } from "../../components/benchmark/run/cluster";
import { benchmarkRequest } from "../../components/benchmark/run/request";
import { BudgetError, runBenchmark } from "../../components/benchmark/run/runner";
import { NotMeasurable } from "../../components/benchmark/run/set-up";
import { isUnreachable } from "../../components/shared/kubernetes/errors";
import { benchmark, type BenchmarkSettings, scenarioNames } from "../../components/settings/sections/benchmark";
import { ApiError, ApiServer, UnknownKindError } from "../../components/shared/kubernetes/api-server";
import { clusterAccess } from "../engine/cluster-access";
import { interrupted, onInterrupt } from "../engine/interrupt";
import { UserError } from "../../embedded/program/errors";
import { fromUser, stackFileOf } from "../../embedded/program/stack-option";
import { stackSettings } from "../../embedded/program/stack-settings";
import { Terminal } from "../report/terminal";
import { required, stackOptions, withOptions } from "../options";

const projectRoot = path.resolve(__dirname, "../..");

const usage = `usage: npm run bench -- --stack STACK [--config FILE] [--scenarios LIST] [--quick] [--kubeconfig FILE]

  --stack STACK      a deployed stack; what is measured stands under its talos-mesh:benchmark
  --config FILE      its stack file  (default: Pulumi.STACK.yaml of this project)
  --scenarios LIST   some of ${scenarioNames.join(",")}; none is always measured
  --quick            7 short blocks: to see that all works; far percentiles and CPU need the whole time
  --kubeconfig FILE  what reaches the cluster  (default: the stack's own)

Finished runs are kept in .talos-mesh/STACK/benchmark; the same command goes on behind the last one.`;

interface Options {
  readonly stack: string;
  readonly config?: string;
  readonly scenarios?: BenchmarkSettings["scenarios"];
  readonly quick: boolean;
  readonly kubeconfig?: string;
}

/**
 * `npm run bench`: measures what the mesh of a deployed stack costs, and writes the reports.
 *
 * @returns 0; 1 where a budget is not kept or the cluster cannot be measured; 2 where the options are wrong; 130 when
 *   interrupted
 * @throws UserError, SettingsError
 */
export function main(argv: readonly string[]): Promise<number> {
  return withOptions(usage, () => parse(argv), run);
}

/** @throws TypeError where the options are wrong */
export function parse(argv: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      ...stackOptions,
      scenarios: { type: "string" },
      quick: { type: "boolean", default: false },
      kubeconfig: { type: "string" },
    },
  });
  if (values.help) return undefined;
  const { stack, scenarios } = values;
  return { ...values, stack: required("--stack", stack), scenarios: scenarios ? scenariosOf(scenarios) : undefined };
}

function scenariosOf(list: string): BenchmarkSettings["scenarios"] {
  const names = list.split(",").map((name) => name.trim());
  const unknown = names.filter((name) => !(scenarioNames as readonly string[]).includes(name));
  if (unknown.length > 0) {
    throw new TypeError(`--scenarios: unknown ${unknown.join(", ")}; known: ${scenarioNames.join(", ")}`);
  }
  return scenarioNames.filter((name) => name === "none" || names.includes(name));
}

/** Budgets of scenarios that are not measured. */
export function budgetsLeftOut({
  budgets,
  scenarios = [],
}: Pick<BenchmarkSettings, "budgets" | "scenarios">): string[] {
  const left = scenarioNames.filter((name) => !scenarios.includes(name));
  return Object.keys(budgets).filter((budget) => left.some((name) => budget.startsWith(`${name}.`)));
}

async function run(options: Options): Promise<number> {
  const { stack, quick } = options;
  const settings = stackSettings(projectRoot, stackFileOf(projectRoot, options, "bench"));
  const request = benchmarkRequest(stack, {
    ...settings,
    benchmark: {
      ...(settings.benchmark ?? benchmark.parse({})),
      ...(options.scenarios && { scenarios: options.scenarios }),
    },
  });
  const access = options.kubeconfig
    ? { kubeconfig: fromUser(options.kubeconfig, "bench") }
    : await clusterAccess({ projectRoot, stack }, settings, "bench reads the cluster's kubeconfig");
  const terminal = new Terminal();
  const unjudged = options.scenarios ? budgetsLeftOut(request.settings) : [];
  if (unjudged.length > 0) terminal.line(`--scenarios leaves these budgets unjudged: ${unjudged.join(", ")}`);
  const stop = onInterrupt(() =>
    terminal.errorLine("Stopping: what was made in the cluster is removed. Ctrl-C again leaves at once."),
  );
  try {
    const { signal } = stop;
    await runBenchmark(request, {
      cluster: new KubernetesCluster(await ApiServer.open(access)),
      ...{ projectRoot, quick, signal },
      say: (line) => terminal.line(line),
      rest: (ms) => delay(ms, undefined, { signal }),
    });
    return 0;
  } catch (error) {
    if (stop.signal.aborted) {
      terminal.errorLine("Stopped. What is finished is kept; the same command goes on behind it.");
      return interrupted;
    }
    const known = [BudgetError, NotMeasurable, OutputError, ApiError, UnknownKindError];
    if (!(isUnreachable(error) || known.some((kind) => error instanceof kind))) throw error;
    throw new UserError((error as Error).message, { cause: error });
  } finally {
    stop.release();
  }
}
