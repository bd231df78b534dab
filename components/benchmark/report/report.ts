import type { BenchmarkSettings } from "../../settings/sections/benchmark";
import type { RunRecord, Scenario, Usages } from "../metrics/record";
import { type BenchmarkPlan, planIdentity } from "../plan/plan";
import published from "./article-figures.json";
import {
  type Baseline,
  type BaselineComparison,
  baselineSummary,
  compareWithBaseline,
  schemaVersion,
} from "./baseline";
import { boundsOf, type BudgetVerdict, judgeBudgets } from "./budgets";
import { costsOf, type Figure, figuresOf, findFigure, type Results } from "./figures";
import { summaryOf } from "./summary";

export interface ScenarioState {
  readonly scenario: Scenario;
  readonly state: "measured" | "not measured";
  readonly reason?: string;
  /** What was found, in words. */
  readonly truths: readonly string[];
  /** Where its proxies are, and their resources. */
  readonly proxies?: readonly string[];
}

/** Where it was measured: what decides whether figures of two reports can be compared. */
export interface Environment {
  readonly kubernetes: string;
  readonly istio: string;
  readonly clientNode: NodeFacts;
  readonly serverNode: NodeFacts;
  /** Images with their digests, as the nodes run them. */
  readonly images: readonly string[];
  /** The mesh's settings that affect what a proxy costs: logs, tracing, mTLS, size of the configuration. */
  readonly mesh?: readonly string[];
  /** Nodes whose kubelets gave no counters at the start, with the reason; their cost is not measured. */
  readonly withoutCounters?: readonly string[];
}

export interface NodeFacts {
  readonly name: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly architecture: string;
  readonly osImage: string;
  readonly kernel: string;
  readonly containerRuntime: string;
  /** Of a pod's interface, in bytes. */
  readonly mtu?: number;
  readonly processor?: string;
  readonly clockSource?: string;
  /** CPU frequency governor; absent in a virtual machine. */
  readonly governor?: string;
  /** As Linux lists them: `0-1`. */
  readonly numaNodes?: string;
}

export interface Measured {
  readonly plan: BenchmarkPlan;
  readonly meshVersion: string;
  readonly runId?: string;
  readonly scenarios: readonly ScenarioState[];
  readonly environment: Environment;
  /** Usage without load, by scenario. */
  readonly idle: Readonly<Partial<Record<Scenario, Usages>>>;
  readonly records: readonly RunRecord[];
}

/** The contents of report.json. Times are in ISO 8601, latencies in milliseconds. Valid and invalid runs are in `runs`. */
export interface Report extends Results, Pick<Measured, "scenarios" | "environment" | "idle"> {
  readonly schemaVersion: number;
  /** Of the plan, the mesh's version and the run's id. */
  readonly identity: string;
  readonly complete: boolean;
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly sentences: readonly string[];
  readonly budgets: readonly BudgetVerdict[];
  readonly baseline?: BaselineComparison;
  readonly article: ReturnType<typeof compareWithArticle>;
}

/** The same journal always gives the same report. */
export function reportOf(
  measured: Measured,
  judgement: { readonly budgets: BenchmarkSettings["budgets"]; readonly baseline?: Baseline },
): Report {
  const { records, meshVersion, runId, scenarios, environment, idle } = measured;
  const { runs, ...rest } = measured.plan;
  const plan = { ...rest, runs: runs.length };
  const figures = figuresOf(measured.plan, records);
  const costs = costsOf(measured.plan, records, idle);
  const results: Results = { plan, figures, costs, runs: records };
  const baseline = judgement.baseline && compareWithBaseline({ environment, plan, figures }, judgement.baseline);
  const ends = records.map(({ startedAt, took }) => Date.parse(startedAt) + took * 1000);
  const done = new Set(records.map(({ id }) => id));
  const measurable = new Set(scenarios.filter(({ state }) => state === "measured").map(({ scenario }) => scenario));
  return {
    schemaVersion,
    identity: planIdentity(measured.plan, meshVersion, runId),
    complete: runs.every(({ id, scenario }) => done.has(id) || !measurable.has(scenario)),
    startedAt: records.map(({ startedAt }) => startedAt).sort()[0] ?? "",
    finishedAt: ends.length > 0 ? new Date(Math.max(...ends)).toISOString() : "",
    plan,
    scenarios,
    environment,
    idle,
    sentences: [...summaryOf({ ...results, scenarios }), ...(baseline ? [baselineSummary(baseline)] : [])],
    budgets: judgeBudgets(plan.scenarios, judgement.budgets, boundsOf(results)),
    figures,
    costs,
    ...(baseline && { baseline }),
    article: compareWithArticle(plan, figures),
    runs: records,
  };
}

/**
 * Figures of the article "Istio from A to Y", with ours where the same was measured. The article measured each once, on other
 * machines: Talos 1.7.4, Kubernetes 1.29.1, flannel. `note` is what limits its figure.
 */
function compareWithArticle({ target }: Pick<BenchmarkPlan, "target">, figures: readonly Figure[]) {
  return published.flatMap(({ target: only = target, arm, metric, what, unit, figures: rows }) =>
    rows.map((row) => {
      const ours = only === target ? findFigure(figures, [arm, row.scenario], metric)?.estimate : undefined;
      return { what, unit, ...row, ...(ours && { ours }) };
    }),
  );
}
