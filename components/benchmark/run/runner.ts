import path from "node:path";
import type { BenchmarkSettings } from "../../settings/sections/benchmark";
import { readIfExists } from "../../shared/files";
import { UserError } from "../../shared/problem";
import { type BenchmarkPlan, benchmarkPlan, blocksNote, planIdentity, planProblems } from "../plan/plan";
import { resolveBenchmark } from "../plan/settings";
import { type Baseline, parseBaseline } from "../report/baseline";
import { boundsOf, budgetLines, budgetMessage, failures, judgeBudgets } from "../report/budgets";
import { csvOf, markdownOf } from "../report/outputs";
import { htmlOf } from "../report/page";
import { type Report, reportOf } from "../report/report";
import { annotator } from "./grafana";
import { changesBetween, Journal, type KeptSetup } from "./journal";
import { Lease } from "../../shared/kubernetes/lease";
import { chooseNodes, countedNodes, Kubelets, type NodePair, nodeTitle } from "./environment";
import { type BenchmarkRequest, type BenchmarkResult, NotMeasurable } from "./request";
import { measureAll } from "./measure-runs";
import { type CheckContext, podTimeout } from "./scenario-check";
import { cleanUp, requestCleanUp, setUp } from "./set-up";

type Log = CheckContext["log"];

interface RunnerContext extends Omit<CheckContext, "plan"> {
  readonly projectRoot: string;
  readonly signal?: AbortSignal;
  /** Whether to measure short and little, to see that everything works. */
  readonly quick?: boolean;
  readonly previous?: BenchmarkResult;
}

/**
 * Makes the planned runs that are not in the journal yet, writes the reports, and judges the budgets. After an error that
 * broke a run, another call continues after the last finished one.
 */
export async function runBenchmark(request: BenchmarkRequest, context: RunnerContext): Promise<BenchmarkResult> {
  const { settings, mesh, stack } = request;
  const { projectRoot, log } = context;
  const { budgets } = settings;
  const plan = benchmarkPlan(resolveBenchmark(settings, { quick: context.quick }));
  const problems = planProblems(plan);
  if (problems.length > 0) {
    const short = context.quick === true ? " (--quick is too short for it)" : "";
    throw new NotMeasurable(problems.map((problem) => `talos-mesh:benchmark: ${problem}${short}`).join("\n"));
  }
  const identity = planIdentity(plan, mesh.version, settings.runId);
  const folder = path.join(projectRoot, ".talos-mesh", stack, "benchmark", identity);
  const baseline = readBaseline(settings.baseline, projectRoot);
  const journal = new Journal(folder, log);
  const nodes = await chooseNodes(context.cluster);
  if (!nodes) {
    log("Nothing to measure: all nodes are simulated, no container runs on them and there is no traffic.");
    return { identity, state: "nothing to measure", sentences: [], budgets };
  }
  clearRunsOfOtherNodes(journal, nodes, log);
  // A comparison with a baseline needs all figures; an earlier result has only the bounds of budgets.
  if (journal.setup === undefined && settings.baseline === undefined && context.previous?.identity === identity) {
    const judged = judgePrevious(context, plan, nodes, settings);
    if (judged) return judged;
  }
  // Unfinished runs include those of scenarios that could not be measured, and now may be.
  if (journal.setup === undefined || journal.unfinished(plan.runs).length > 0) {
    await measure(context, request, plan, nodes, journal);
  }
  const setup = journal.setup;
  if (!setup) throw new Error(`there is no set-up in ${folder}`);
  const runs = { plan, meshVersion: mesh.version, runId: settings.runId, records: journal.records };
  const report = reportOf({ ...runs, ...setup }, { budgets, baseline });
  writeReports(report, journal, log);
  failOnBudgets(report);
  const { sentences, scenarios } = report;
  const forLaterBudgets = { nodes: nodes.map(nodeTitle), bounds: boundsOf(report) };
  return {
    identity,
    state: "measured",
    sentences,
    budgets,
    report: path.relative(projectRoot, folder),
    ...(scenarios.every(({ state }) => state === "measured") && { known: forLaterBudgets }),
  };
}

/** Runs on other machines, or on the same ones with another kernel, are another experiment. */
function clearRunsOfOtherNodes(journal: Journal, nodes: NodePair, log: Log): void {
  const before = journal.setup?.nodes;
  if (before?.join() === nodes.map(nodeTitle).join()) return;
  // Without a set-up, runs may be left of another release or of a kill, whose nodes are not known.
  if (before) log(`Measuring again: the earlier runs were on ${before.join(" and ")}`);
  journal.clear();
}

async function measure(
  context: RunnerContext,
  { mesh, pull, stack, grafana }: BenchmarkRequest,
  plan: BenchmarkPlan,
  nodes: NodePair,
  journal: Journal,
): Promise<void> {
  const { cluster, log, sleep, signal } = context;
  const { revision, version: meshVersion } = mesh;
  const note = blocksNote(plan);
  if (note !== undefined) log(note);
  const annotate = grafana && annotator((annotation) => cluster.annotate(grafana.namespace, annotation), log);
  const lease = new Lease({ leases: cluster.leases, log, sleep }, "benchmark");
  await lease.hold(longestSetUp(plan));
  try {
    // Pods that a killed run has left may still be under load.
    await cleanUp(cluster, sleep);
    const kubelets = new Kubelets(cluster, await countedNodes(cluster, nodes), log);
    const shared = { cluster, plan, kubelets, log, sleep };
    const setup = await setUp({ ...shared, meshVersion, revision, pull }, nodes);
    const measured = setup.scenarios.filter(({ state }) => state === "measured").map(({ scenario }) => scenario);
    if (measured.length === 0) {
      throw new NotMeasurable(setup.scenarios.map(({ scenario, reason }) => `${scenario}: ${reason ?? ""}`).join("\n"));
    }
    clearRunsOfOtherConditions(journal, { ...setup, nodes: nodes.map(nodeTitle), revision }, plan, log);
    await annotate?.(`Benchmark of ${stack} begins`);
    try {
      const runs = journal.unfinished(plan.runs).filter(({ scenario }) => measured.includes(scenario));
      await measureAll({ ...shared, nodes, lease, signal }, runs, journal);
    } finally {
      await annotate?.(`Benchmark of ${stack} ends`);
    }
  } finally {
    // Another benchmark that has taken the Lease needs the namespaces. The next run waits until they are deleted.
    if (!lease.lost)
      await requestCleanUp(cluster).catch(({ message }: Error) => {
        log(`the namespaces bench-* could not be deleted (${message}); the next run deletes them`);
      });
    await lease.release();
  }
}

/** Seconds for the deletion of namespaces, and for the pods of every scenario to become ready and be checked. */
function longestSetUp({ scenarios, idleSeconds }: BenchmarkPlan): number {
  return (podTimeout / 1000 + 60) * (scenarios.length + 1) + idleSeconds;
}

function clearRunsOfOtherConditions(journal: Journal, setup: KeptSetup, { runs }: BenchmarkPlan, log: Log): void {
  const finished = runs.length - journal.unfinished(runs).length;
  const before = journal.setup;
  const changes = before && finished > 0 ? changesBetween(before, setup) : [];
  if (changes.length > 0) {
    log(`Measuring again, because the ${finished} earlier runs had other conditions: ${changes.join("; ")}`);
    journal.clear();
  } else if (finished > 0) log(`${finished} of ${runs.length} runs are finished already; continuing after them`);
  journal.keepSetup(setup);
}

function readBaseline(file: string | undefined, projectRoot: string): Baseline | undefined {
  if (file === undefined) return undefined;
  const text = readIfExists(path.resolve(projectRoot, file));
  if (text !== undefined) return parseBaseline(text);
  throw new NotMeasurable(
    `talos-mesh:benchmark.baseline: there is no ${file}; keep the report.json of an earlier run there`,
  );
}

/** Judges other budgets on the result of an earlier deployment, where its runs are not on this disk (a fresh checkout). */
function judgePrevious(
  { previous, log }: RunnerContext,
  { scenarios }: BenchmarkPlan,
  nodes: NodePair,
  settings: BenchmarkSettings,
): BenchmarkResult | undefined {
  if (previous?.known?.nodes.join() !== nodes.map(nodeTitle).join()) return undefined;
  log(
    "Budgets were judged on results of an earlier deployment (its report is on the machine that ran it). " +
      "Change talos-mesh:benchmark.runId to measure again.",
  );
  const budgets = judgeBudgets(scenarios, settings.budgets, previous.known.bounds);
  for (const line of budgetLines(budgets)) log(line);
  failOnBudgets({ budgets });
  return { ...previous, report: undefined, budgets: settings.budgets };
}

function writeReports(report: Report, journal: Journal, log: Log): void {
  journal.write("report.json", `${JSON.stringify(report, undefined, 2)}\n`);
  journal.write("report.csv", csvOf(report));
  journal.write("report.md", markdownOf(report));
  const page = journal.write("report.html", htmlOf(report));
  for (const sentence of report.sentences) log(sentence);
  for (const line of budgetLines(report.budgets)) log(line);
  log(`Report: ${page}`);
}

function failOnBudgets(judged: Pick<Report, "budgets">): void {
  const failed = failures(judged);
  if (failed.length > 0) throw new UserError(budgetMessage(failed));
}
