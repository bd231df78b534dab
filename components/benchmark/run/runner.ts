import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import type { BenchmarkSettings } from "../../settings/sections/benchmark";
import type { Scenario } from "../metrics/record";
import { type BenchmarkPlan, benchmarkPlan, blocksNote, planIdentity } from "../plan/plan";
import { planProblems } from "../plan/problems";
import { resolveBenchmark } from "../plan/settings";
import { type Baseline, parseBaseline } from "../report/baseline";
import { boundsOf, budgetLines, budgetMessage, judgeBudgets } from "../report/budgets";
import { csvOf, htmlOf, markdownOf } from "../report/outputs";
import { failures, type Measured, type Report, reportOf } from "../report/report";
import { Annotations } from "./annotations";
import { changesBetween } from "./changes";
import { patience } from "./check";
import type { BenchCluster, BenchNode } from "./cluster";
import { Journal, type KeptSetup } from "./journal";
import { Kubelets } from "./kubelets";
import { Lease } from "./lease";
import { makeRuns } from "./make-runs";
import type { RunContext } from "./measure-run";
import type { BenchmarkRequest, BenchmarkResult } from "./request";
import { chooseNodes, cleanUp, countedNodes, NotMeasurable, setUp, type SetUpContext } from "./set-up";

export interface RunnerContext {
  readonly cluster: BenchCluster;
  /** Absolute path of the project. */
  readonly projectRoot: string;
  readonly say: (line: string) => void;
  /** Waits for some milliseconds; rejects when the signal is aborted. */
  readonly rest: (ms: number) => Promise<unknown>;
  readonly signal?: AbortSignal;
  readonly quick?: boolean;
  /** What an earlier deployment measured. */
  readonly previous?: BenchmarkResult;
}

/** A budget is exceeded, or could not be judged. */
export class BudgetError extends Error {
  override readonly name = "BudgetError";
}

/**
 * Measures what is still to be measured of a plan, writes the reports, and judges the budgets.
 *
 * @throws BudgetError after the reports are written; NotMeasurable where the cluster cannot be measured for a reason
 *   that a person can remove; what breaks a run, after which a further call goes on behind the last finished one
 */
export async function runBenchmark(request: BenchmarkRequest, context: RunnerContext): Promise<BenchmarkResult> {
  const { settings, mesh, stack, pull, grafana } = request;
  const plan = benchmarkPlan(resolveBenchmark(settings, { quick: context.quick }));
  const problems = planProblems(plan);
  if (problems.length > 0) {
    const short = context.quick === true ? " (--quick is too short for it)" : "";
    throw new NotMeasurable(problems.map((problem) => `talos-mesh:benchmark: ${problem}${short}`).join("\n"));
  }
  const identity = planIdentity(plan, mesh, settings.runId);
  const folder = path.join(context.projectRoot, ".talos-mesh", stack, "benchmark", identity);
  const baseline = readBaseline(settings.baseline, context.projectRoot);
  const journal = new Journal(folder, context.say);
  const nodes = await nodesOrNothing(context);
  if (nodes === undefined) return { identity, state: "nothing to measure", sentences: [], budgets: settings.budgets };

  forgetElsewhere(journal, nodes, context);
  if (journal.setup() === undefined && settings.baseline === undefined) {
    const judged = judgedAgain(context.previous, { identity, nodes, settings, scenarios: plan.scenarios }, context.say);
    if (judged) return judged;
  }
  // Also for a scenario that was not there: it may be by now.
  if (journal.setup() === undefined || journal.undone(plan.runs).length > 0) {
    const told = { ...context, plan, meshVersion: mesh.version, revision: mesh.revision, pull };
    await measure(told, nodes, journal, new Annotations(context, stack, grafana?.namespace));
  }
  const measured: Measured = {
    ...{ plan, meshVersion: mesh.version, runId: settings.runId, records: journal.records() },
    ...(journal.setup() ?? missingSetup()),
  };
  const report = reportOf(measured, { budgets: settings.budgets, baseline });
  writeReports(report, journal, context.say);
  refuseFailures(report);
  const { sentences, scenarios } = report;
  const place = path.relative(context.projectRoot, folder);
  const known = { nodes: nodes.map(nodeTitle), bounds: boundsOf(report) };
  return {
    ...{ identity, state: "measured", sentences, budgets: settings.budgets, report: place },
    ...(scenarios.every(({ state }) => state === "measured") && { known }),
  };
}

async function nodesOrNothing({ cluster, say }: RunnerContext): Promise<readonly [BenchNode, BenchNode] | undefined> {
  const nodes = await cluster.nodes();
  if (nodes.length === 0 || nodes.some(({ simulated }) => !simulated)) return chooseNodes(cluster);
  say("Nothing to measure: all nodes are simulated, no container runs on them and no traffic flows.");
  return undefined;
}

/** Runs on other machines, or on the same ones with another kernel, are another experiment. */
function forgetElsewhere(journal: Journal, nodes: readonly BenchNode[], { say }: RunnerContext): void {
  const before = journal.setup();
  if (!before) return journal.clear();
  if (before.nodes.join() === nodes.map(nodeTitle).join()) return;
  say(`Measuring anew: the earlier runs were on ${before.nodes.join(" and ")}`);
  journal.clear();
}

async function measure(
  told: Omit<SetUpContext, "kubelets"> & Pick<RunContext, "signal">,
  nodes: readonly [BenchNode, BenchNode],
  journal: Journal,
  annotations: Annotations,
): Promise<void> {
  const { cluster, plan, say, rest, signal, revision } = told;
  const note = blocksNote(plan);
  if (note !== undefined) say(note);
  const lease = new Lease({ leases: cluster.leases, say, rest });
  await lease.hold(longestSetUp(plan));
  try {
    // What a killed run has left may still be under load.
    await cleanUp(cluster, rest);
    const kubelets = new Kubelets(cluster, await countedNodes(cluster, nodes), say);
    const setup = await setUp({ ...told, kubelets }, nodes);
    if (setup.scenarios.every(({ state }) => state === "not measured")) {
      throw new NotMeasurable(setup.scenarios.map(({ scenario, reason }) => `${scenario}: ${reason ?? ""}`).join("\n"));
    }
    goOnOrAnew(journal, { ...setup, nodes: nodes.map(nodeTitle), revision }, plan, say);
    await annotations.begin();
    await makeRuns({ cluster, plan, nodes, kubelets, lease, say, rest, signal }, journal.remaining(plan.runs), journal);
  } finally {
    // Whoever has taken over needs them.
    if (!lease.lost) await remove(cluster, say);
    await annotations.end();
    await lease.release();
  }
}

/** Seconds: namespaces have to go, and the pods of every scenario to become ready and be looked at. */
function longestSetUp({ scenarios, idleSeconds }: BenchmarkPlan): number {
  return (patience / 1000 + 60) * (scenarios.length + 1) + idleSeconds;
}

/** Keeps what was found out, and forgets runs that were made under something else. */
function goOnOrAnew(journal: Journal, setup: KeptSetup, { runs }: BenchmarkPlan, say: (line: string) => void): void {
  const kept = runs.length - journal.undone(runs).length;
  const before = journal.setup();
  const changes = before && kept > 0 ? changesBetween(before, setup) : [];
  if (changes.length > 0) {
    say(`Measuring anew, as this is not what the ${kept} earlier runs were made under: ${changes.join("; ")}`);
    journal.clear();
  } else if (kept > 0) say(`${kept} of ${runs.length} runs are there already; going on behind them`);
  journal.keepSetup(setup);
}

/** Without waiting: a namespace takes its time to go, and the next run waits for it. */
async function remove(cluster: BenchCluster, say: (line: string) => void): Promise<void> {
  try {
    for (const name of await cluster.namespaces()) await cluster.removeNamespace(name);
  } catch (error) {
    say(`the namespaces bench-* could not be removed (${(error as Error).message}); the next run removes them`);
  }
}

function readBaseline(file: string | undefined, projectRoot: string): Baseline | undefined {
  if (file === undefined) return undefined;
  const absolute = path.resolve(projectRoot, file);
  if (!existsSync(absolute)) {
    throw new NotMeasurable(
      `talos-mesh:benchmark.baseline: there is no ${file}; keep the report.json of an earlier run there`,
    );
  }
  return parseBaseline(readFileSync(absolute, "utf8"));
}

function missingSetup(): never {
  throw new Error("the journal has no setup");
}

/** Other budgets for what an earlier deployment measured, of which only the result is left, as in a fresh checkout. */
function judgedAgain(
  previous: BenchmarkResult | undefined,
  asked: {
    readonly identity: string;
    readonly nodes: readonly BenchNode[];
    readonly settings: BenchmarkSettings;
    readonly scenarios: readonly Scenario[];
  },
  say: (line: string) => void,
): BenchmarkResult | undefined {
  const { identity, nodes, settings, scenarios } = asked;
  if (previous?.identity !== identity || previous.known === undefined) return undefined;
  if (previous.known.nodes.join() !== nodes.map(nodeTitle).join()) return undefined;
  say("Judged by what an earlier deployment measured; its report is where that one ran. Another runId measures anew.");
  const budgets = judgeBudgets(scenarios, settings.budgets, previous.known.bounds);
  for (const line of budgetLines(budgets)) say(line);
  refuseFailures({ budgets });
  return { ...previous, report: undefined, budgets: settings.budgets };
}

/** A machine that joins under an old name has another UID. */
function nodeTitle({ name, kernel, uid }: BenchNode): string {
  return `${name} ${kernel} ${uid}`;
}

function writeReports(report: Report, journal: Journal, say: (line: string) => void): void {
  journal.write("report.json", `${JSON.stringify(report, undefined, 2)}\n`);
  journal.write("report.csv", csvOf(report));
  journal.write("report.md", markdownOf(report));
  const page = journal.write("report.html", htmlOf(report));
  for (const sentence of report.sentences) say(sentence);
  for (const line of budgetLines(report.budgets)) say(line);
  say(`Report: ${page}`);
}

function refuseFailures(judged: Pick<Report, "budgets">): void {
  const failed = failures(judged);
  if (failed.length > 0) throw new BudgetError(budgetMessage(failed));
}
