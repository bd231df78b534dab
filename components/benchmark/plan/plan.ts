import { benchmarkScenarios } from "../../model/data-planes";
import type { Settings } from "../../settings/schema";
import type { BenchmarkSettings } from "../../settings/sections/benchmark";
import { digestOf } from "../../shared/digest";
import { formatSeconds } from "../../shared/duration";
import type { Problem } from "../../shared/problem";
import { type Arm, hasSchedule, type RequestArm, type Scenario, scenarioNames } from "../metrics/record";
import { budgetedMetrics, judgedArms, metrics, type RunMetric } from "../metrics/registry";
import { Random } from "../../shared/random";
import { blocksToTell } from "../statistics/significance";
import { resolveBenchmark, type ResolvedBenchmark } from "./settings";

export interface PlannedRun {
  /** Unique in the plan, and the key of the journal. */
  readonly id: string;
  /** From 1. */
  readonly block: number;
  readonly arm: Arm;
  readonly scenario: Scenario;
}

export interface BenchmarkPlan extends Pick<
  ResolvedBenchmark,
  "target" | "images" | "blocks" | "seed" | "idleSeconds"
> {
  readonly scenarios: readonly Scenario[];
  readonly arms: readonly Arm[];
  readonly runs: readonly PlannedRun[];
}

/**
 * Randomised complete blocks: every block holds every arm in every scenario once. The scenarios of an arm run one after the
 * other, in a random order, so that what is compared is measured under the same conditions.
 */
export function benchmarkPlan(settings: ResolvedBenchmark): BenchmarkPlan {
  const { target, images, blocks, seed, idleSeconds, control } = settings;
  const scenarios: Scenario[] = control ? [...settings.scenarios, "control"] : [...settings.scenarios];
  const arms = [...armsOf(settings)];
  const random = new Random(seed);
  const runs: PlannedRun[] = [];
  for (let block = 1; block <= blocks; block++) {
    for (const arm of random.shuffled(arms)) {
      for (const scenario of random.shuffled(scenarios)) {
        runs.push({ id: `block ${block}, ${arm.id}, ${scenario}`, block, arm, scenario });
      }
    }
  }
  return { target, images, scenarios, arms, blocks, seed, idleSeconds, runs };
}

function* armsOf(settings: ResolvedBenchmark): Iterable<Arm> {
  const { seconds, warmUpSeconds, tcpSeconds } = settings;
  for (const placement of settings.sameNode ? (["other-node", "same-node"] as const) : (["other-node"] as const)) {
    const suffix = placement === "same-node" ? "-same-node" : "";
    for (const kind of settings.grpc ? (["http", "grpc"] as const) : (["http"] as const))
      // gRPC always keeps its connections.
      for (const keepAlive of kind === "grpc" ? [true] : settings.keepAlive)
        for (const payloadSize of settings.payloadSizes)
          for (const connections of settings.connections)
            for (const qps of settings.qps) {
              const parameters = `c${connections}-q${qps === 0 ? "max" : qps}-${payloadSize}B`;
              const id = `${kind}-${parameters}${keepAlive ? "" : "-close"}${suffix}`;
              yield { kind, id, connections, qps, payloadSize, keepAlive, placement, seconds, warmUpSeconds };
            }
    for (const kind of settings.transactions ? (["request-response", "connect"] as const) : []) {
      yield { kind, id: `${kind}${suffix}`, placement, seconds: tcpSeconds, warmUpSeconds };
    }
    for (const streams of settings.tcpStreams) {
      for (const direction of ["upload", "download"] as const) {
        const id = `tcp-${streams}-${direction}${suffix}`;
        // iperf3 leaves out its first seconds by itself (-O 3).
        yield { kind: "stream", id, streams, direction, placement, seconds: tcpSeconds, warmUpSeconds: 3 };
      }
    }
  }
}

/**
 * A digest of everything that decides what is measured: with the same identity, finished runs are used again. Budgets and
 * baseline are no part of it, because they only evaluate what was measured.
 */
export function planIdentity({ runs, ...rest }: BenchmarkPlan, istio: string, runId = ""): string {
  return digestOf({ ...rest, order: runs.map(({ id }) => id), istio, runId }, 16);
}

/** @param overhead seconds that a run takes in addition, to start processes and read counters; expected until one is seen */
export function estimatedSeconds(runs: readonly PlannedRun[], overhead = 3): number {
  return runs.reduce((sum, { arm }) => sum + plannedSeconds(arm) + overhead, 0);
}

export function plannedSeconds(arm: Arm): number {
  return arm.seconds + arm.warmUpSeconds;
}

/** Timeout of a run, in seconds. */
export function longestSeconds(arm: Arm): number {
  return 2 * plannedSeconds(arm) + 60;
}

/** The arm that the summary is about: HTTP between nodes, at the highest fixed rate. */
export function headlineArm({ arms }: Pick<BenchmarkPlan, "arms">): RequestArm | undefined {
  return arms
    .filter(hasSchedule)
    .filter(({ kind, placement, keepAlive }) => kind === "http" && placement === "other-node" && keepAlive)
    .sort((a, b) => b.qps - a.qps)[0];
}

const headline = "headline";
const ofControl = " of the control";

/**
 * Comparison families: the comparisons whose p-values are adjusted together. The plan decides on them before anything is
 * measured. What the summary compares for the headline arm is a family of its own, so that the many other comparisons do
 * not cost it statistical power. The others are one family per metric, because the table of a metric is read as a whole.
 * Those of the control, which checks the measurement, are families apart.
 */
export function comparisonFamilies<T extends Pick<PlannedRun, "arm" | "scenario"> & { readonly metric: RunMetric }>(
  plan: Pick<BenchmarkPlan, "arms">,
  comparisons: readonly T[],
): Map<string, T[]> {
  const headlineId = headlineArm(plan)?.id;
  const families = new Map<string, T[]>();
  for (const comparison of comparisons) {
    const { metric, arm, scenario } = comparison;
    const name = metric.summary && arm.id === headlineId ? headline : metric.name;
    const family = scenario === "control" ? `${name}${ofControl}` : name;
    families.set(family, [...(families.get(family) ?? []), comparison]);
  }
  return families;
}

export function blocksNote(plan: Pick<BenchmarkPlan, "arms" | "scenarios" | "blocks">): string | undefined {
  const compared = metrics.runs.filter(({ isRaw, lostOf }) => !isRaw && lostOf === undefined);
  const scenarios = plan.scenarios.filter((scenario) => scenario !== "none");
  const comparisons = compared.flatMap((metric) =>
    plan.arms.filter(metric.isOf).flatMap((arm) => scenarios.map((scenario) => ({ metric, arm, scenario }))),
  );
  const tooFew = [...comparisonFamilies(plan, comparisons)]
    .map(([name, { length }]) => ({ name: name.replace(ofControl, ""), needed: blocksToTell(length) }))
    .filter(({ needed }) => needed > plan.blocks);
  if (tooFew.length === 0) return undefined;
  const names = new Set(tooFew.map(({ name }) => name));
  const enoughForHeadline = headlineArm(plan) !== undefined && !names.has(headline);
  return (
    `talos-mesh:benchmark.blocks: with ${plan.blocks} blocks, no difference from scenario none can be significant for ` +
    `${[...names].join(", ")}; ${Math.max(...tooFew.map(({ needed }) => needed))} blocks are enough for all` +
    (enoughForHeadline ? `, and ${plan.blocks} for the headline` : "")
  );
}

function planOf(benchmark: BenchmarkSettings, mesh: Settings["mesh"]): BenchmarkPlan {
  return benchmarkPlan(resolveBenchmark({ ...benchmark, scenarios: [...benchmarkScenarios(benchmark, mesh)] }));
}

export function benchmarkProblems({ benchmark, mesh }: Partial<Pick<Settings, "benchmark" | "mesh">>): Problem[] {
  if (!benchmark || !mesh) return [];
  const plan = planOf(benchmark, mesh);
  return [
    ...planProblems(plan).map((message) => ({ path: ["benchmark"], message })),
    ...unmeasuredBudgets(plan, benchmark.budgets),
  ];
}

/** Arms that fortio would not run as planned: it makes at least two requests per connection, and else uses fewer connections. */
export function planProblems({ arms }: Pick<BenchmarkPlan, "arms">): string[] {
  return arms.filter(hasSchedule).flatMap(({ id, qps, seconds, connections }) => {
    const requests = Math.floor(qps * seconds);
    if (requests >= 2 * connections) return [];
    return [
      `${id} has ${requests} requests in ${seconds} s, fewer than two for each connection; ` +
        "raise qps or duration, or lower connections",
    ];
  });
}

function unmeasuredBudgets({ arms }: BenchmarkPlan, budgets: BenchmarkSettings["budgets"]): Problem[] {
  return budgetedMetrics().flatMap(({ name, metric, budget }) => {
    if (judgedArms(metric, arms).length > 0) return [];
    const keys = [name, ...scenarioNames.map((scenario) => `${scenario}.${name}`)].filter((key) =>
      Object.hasOwn(budgets, key),
    );
    const message = `found a budget for ${name}, which no arm of the plan measures; ${budget.advice}`;
    return keys.map((key) => ({ path: ["benchmark", "budgets", key], message }));
  });
}

export function benchmarkNotes({ benchmark, mesh }: Pick<Settings, "benchmark" | "mesh">): string[] {
  if (!benchmark) return [];
  const plan = planOf(benchmark, mesh);
  const note = blocksNote(plan);
  return [
    `The benchmark takes ${formatSeconds(estimatedSeconds(plan.runs))} or more: ${plan.runs.length} runs, ` +
      "made when its plan, the mesh's version or runId changes.",
    ...(note === undefined ? [] : [note]),
  ];
}
