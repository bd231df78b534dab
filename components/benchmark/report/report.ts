import type { BenchmarkSettings } from "../../settings/sections/benchmark";
import type { RunRecord, Scenario, Usages } from "../metrics/record";
import { type BenchmarkPlan, planIdentity } from "../plan/plan";
import { type ArticleRow, besideArticle } from "./article";
import { type Baseline, baselineSentences, type BesideBaseline, besideBaseline, schemaVersion } from "./baseline";
import { boundsOf, type BudgetVerdict, judgeBudgets } from "./budgets";
import { type Cost, costsOf, type Figure, figuresOf } from "./figures";
import { sentences } from "./summary";

/** What a scenario was found to be before anything was measured in it. */
export interface ScenarioState {
  readonly scenario: Scenario;
  readonly state: "measured" | "not measured";
  /** Why it is not measured. */
  readonly reason?: string;
  /** What was looked at to see that it is what its name says. */
  readonly truths: readonly string[];
  /** Where its proxies are, and what they may use. */
  readonly proxies?: readonly string[];
}

/** Where it was measured: everything somebody needs to judge whether figures can be compared. */
export interface Environment {
  readonly kubernetes: string;
  readonly istio: string;
  readonly clientNode: NodeFacts;
  readonly serverNode: NodeFacts;
  /** Images with their digests, as the nodes run them. */
  readonly images: readonly string[];
  /** What decides the cost of any proxy: logs, tracing, mTLS, how much there is to know. */
  readonly mesh?: readonly string[];
  /** Nodes whose kubelets gave no counters at the start, so that cost is not measured, with the reason. */
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
  /** Bytes, of a pod's interface. */
  readonly mtu?: number;
  /** Its model. */
  readonly processor?: string;
  readonly clockSource?: string;
  /** Of the processor's frequency; a guest has none. */
  readonly governor?: string;
  /** As Linux counts them: `0-1`. */
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

/** What report.json holds. Times are ISO 8601, latencies milliseconds. */
export interface Report {
  readonly schemaVersion: number;
  /** Of the plan, the mesh's version and the run's id. */
  readonly identity: string;
  /** Whether every planned run was made. */
  readonly complete: boolean;
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly plan: Omit<BenchmarkPlan, "runs"> & { readonly runs: number };
  readonly scenarios: readonly ScenarioState[];
  readonly environment: Environment;
  readonly idle: Measured["idle"];
  readonly sentences: readonly string[];
  readonly budgets: readonly BudgetVerdict[];
  readonly figures: readonly Figure[];
  readonly costs: readonly Cost[];
  readonly baseline?: BesideBaseline;
  readonly article: readonly ArticleRow[];
  /** Every run, the invalid ones with what is wrong with them. */
  readonly runs: readonly RunRecord[];
}

/** Makes the report of what was measured; pure, so that the same journal always gives the same report. */
export function reportOf(
  measured: Measured,
  judged: { readonly budgets: BenchmarkSettings["budgets"]; readonly baseline?: Baseline },
): Report {
  const { plan, records, meshVersion, runId, scenarios, environment, idle } = measured;
  const { runs, ...rest } = plan;
  const figures = figuresOf(plan, records);
  const costs = costsOf(plan, records, idle);
  const told = { ...rest, runs: runs.length };
  const baseline = judged.baseline && besideBaseline({ environment, plan: told, figures }, judged.baseline);
  const ends = records.map(({ startedAt, took }) => Date.parse(startedAt) + took * 1000);
  const done = new Set(records.map(({ id }) => id));
  const measuredScenarios = new Set(scenarios.filter(({ state }) => state === "measured").map((each) => each.scenario));
  return {
    schemaVersion,
    identity: planIdentity(plan, { version: meshVersion }, runId),
    complete: runs.every(({ id, scenario }) => done.has(id) || !measuredScenarios.has(scenario)),
    startedAt: records.map(({ startedAt }) => startedAt).sort()[0] ?? "",
    finishedAt: ends.length > 0 ? new Date(Math.max(...ends)).toISOString() : "",
    plan: told,
    ...{ scenarios, environment, idle },
    sentences: [
      ...sentences({ plan: told, scenarios, figures, costs, runs: records }),
      ...(baseline ? baselineSentences(baseline) : []),
    ],
    budgets: judgeBudgets(plan.scenarios, judged.budgets, boundsOf({ plan: told, figures, costs, runs: records })),
    figures,
    costs,
    ...(baseline && { baseline }),
    article: besideArticle(plan, figures),
    runs: records,
  };
}

/** Budgets whose excess is to fail the deployment; one that could not be judged was not kept either. */
export function failures({ budgets }: Pick<Report, "budgets">): BudgetVerdict[] {
  return budgets.filter(({ verdict, onExceed }) => verdict !== "within" && onExceed === "fail");
}
