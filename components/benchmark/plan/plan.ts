import { createHash } from "node:crypto";
import { type Arm, hasSchedule, type Placement, type RequestArm, type Scenario } from "../metrics/record";
import { isMetricOf, lostOf, type Metric, metrics } from "../metrics/registry";
import { Random } from "../statistics/random";
import { blocksToTell } from "../statistics/significance";
import type { ResolvedBenchmark } from "./settings";

/** One measurement: an arm in a scenario, as a part of a block. */
export interface PlannedRun {
  /** Unique in the plan, and the key of the journal. */
  readonly id: string;
  /** From 1. */
  readonly block: number;
  readonly arm: Arm;
  readonly scenario: Scenario;
}

export interface BenchmarkPlan {
  readonly target: ResolvedBenchmark["target"];
  readonly images: ResolvedBenchmark["images"];
  readonly scenarios: readonly Scenario[];
  readonly arms: readonly Arm[];
  readonly blocks: number;
  readonly seed: number;
  readonly idleSeconds: number;
  /** In the order in which they are made. */
  readonly runs: readonly PlannedRun[];
}

/**
 * Randomised complete blocks: every block holds every arm in every scenario once. Within an arm the scenarios follow
 * each other at once, in a random order, so that what is compared is measured under the same conditions.
 */
export function benchmarkPlan(settings: ResolvedBenchmark): BenchmarkPlan {
  const { target, images, blocks, seed, idleSeconds, control } = settings;
  const scenarios: Scenario[] = control ? [...settings.scenarios, "control"] : [...settings.scenarios];
  const arms = armsOf(settings);
  const random = new Random(seed);
  const runs = Array.from({ length: blocks }, (_, index) => index + 1).flatMap((block) =>
    random
      .shuffled(arms)
      .flatMap((arm) =>
        random
          .shuffled(scenarios)
          .map((scenario) => ({ id: `block ${block}, ${arm.id}, ${scenario}`, block, arm, scenario })),
      ),
  );
  return { target, images, scenarios, arms, blocks, seed, idleSeconds, runs };
}

function armsOf(settings: ResolvedBenchmark): Arm[] {
  const placements: readonly Placement[] = settings.sameNode ? ["other-node", "same-node"] : ["other-node"];
  return placements.flatMap((placement): Arm[] => [
    ...requestArms(settings, placement),
    ...(settings.transactions ? transactionArms(settings, placement) : []),
    ...settings.tcpStreams.flatMap((streams) =>
      (["upload", "download"] as const).map((direction) => ({
        kind: "stream" as const,
        id: named(`tcp-${streams}-${direction}`, placement),
        streams,
        direction,
        placement,
        seconds: settings.tcpSeconds,
        // iperf3 leaves out its first seconds by itself.
        warmUpSeconds: 3,
      })),
    ),
  ]);
}

function requestArms(settings: ResolvedBenchmark, placement: Placement): Arm[] {
  const { seconds, warmUpSeconds } = settings;
  const protocols = settings.grpc ? (["http", "grpc"] as const) : (["http"] as const);
  return protocols.flatMap((kind) =>
    // gRPC keeps its connection: that is what it is for.
    (kind === "grpc" ? [true] : settings.keepAlive).flatMap((keepAlive) =>
      settings.payloadSizes.flatMap((payloadSize) =>
        settings.connections.flatMap((connections) =>
          settings.qps.map((qps) => {
            const rate = qps === 0 ? "max" : String(qps);
            const id = named(`${kind}-c${connections}-q${rate}-${payloadSize}B${keepAlive ? "" : "-close"}`, placement);
            return { kind, id, connections, qps, payloadSize, keepAlive, placement, seconds, warmUpSeconds };
          }),
        ),
      ),
    ),
  );
}

function transactionArms({ tcpSeconds, warmUpSeconds }: ResolvedBenchmark, placement: Placement): Arm[] {
  return (["request-response", "connect"] as const).map((kind) => ({
    kind,
    id: named(kind, placement),
    placement,
    seconds: tcpSeconds,
    warmUpSeconds,
  }));
}

function named(id: string, placement: Placement): string {
  return placement === "same-node" ? `${id}-same-node` : id;
}

/**
 * What a measurement is known by: with the same identity it need not be made again. Budgets and baselines are no part
 * of it, as they judge what was measured and do not change it.
 */
export function planIdentity(
  plan: BenchmarkPlan,
  mesh: { readonly version: string },
  runId: string | undefined,
): string {
  const { runs, ...rest } = plan;
  const order = runs.map(({ id }) => id);
  return createHash("sha256")
    .update(JSON.stringify({ ...rest, order, istio: mesh.version, runId: runId ?? "" }))
    .digest("hex")
    .slice(0, 16);
}

/** Seconds between two measurements until one has been seen: starting the processes, reading the counters. */
const expectedOverhead = 3;

/**
 * Seconds that these runs will take.
 *
 * @param overhead seconds that a run took beyond its planned ones, as far as known
 */
export function estimatedSeconds(runs: readonly PlannedRun[], overhead = expectedOverhead): number {
  return runs.reduce((sum, { arm }) => sum + plannedSeconds(arm) + overhead, 0);
}

export function plannedSeconds(arm: Arm): number {
  return arm.seconds + arm.warmUpSeconds;
}

/** Seconds that a run of it may take in all: beyond them nothing is expected of it any more. */
export function longestSeconds(arm: Arm): number {
  return 2 * plannedSeconds(arm) + 60;
}

/** Requests that a fixed rate asks for in all: fortio gives every connection the same number. */
export function plannedRequests(arm: Arm): number | undefined {
  if (!hasSchedule(arm)) return undefined;
  return Math.floor(Math.floor(arm.qps * arm.seconds) / arm.connections) * arm.connections;
}

type Planned = Pick<BenchmarkPlan, "arms" | "scenarios" | "blocks">;

/** The arm that one figure is given for: HTTP between nodes, at the highest fixed rate. */
export function headlineArm({ arms }: Pick<BenchmarkPlan, "arms">): RequestArm | undefined {
  return arms
    .filter(hasSchedule)
    .filter(({ kind, placement, keepAlive }) => kind === "http" && placement === "other-node" && keepAlive)
    .sort((a, b) => b.qps - a.qps)[0];
}

/** Names of families: a metric, or this; and what stands behind those of the control. */
const headline = "headline";

const ofControl = " of the control";

/** A comparison with `none`. */
interface Comparison {
  readonly metric: Metric;
  readonly arm: { readonly id: string };
  readonly scenario: Scenario;
}

/**
 * Comparisons that are adjusted together. The plan decides, before anything is measured: what the benchmark is made for
 * (p99 of the headline's arm, each scenario against none) is a family of its own, so that the dozens of others do not
 * cost it its power; of the others each metric is one, as whoever looks at its table looks at all of them. The control
 * is to find what is wrong with the measurement, and not to weaken what is measured: it stands apart.
 */
export function byFamily<T extends Comparison>(plan: Planned, comparisons: readonly T[]): Map<string, T[]> {
  const first = headlineArm(plan)?.id;
  const families = new Map<string, T[]>();
  for (const comparison of comparisons) {
    const { metric, arm, scenario } = comparison;
    const name = metric === "p99" && arm.id === first ? headline : metric;
    const family = scenario === "control" ? `${name}${ofControl}` : name;
    families.set(family, [...(families.get(family) ?? []), comparison]);
  }
  return families;
}

/** What is to be known before hours are spent: which differences so few blocks cannot tell from chance, whatever they are. */
export function blocksNote(plan: Planned): string | undefined {
  // Raw latencies are of no more arms than the others, and what is lost is compared with none already.
  const compared = (Object.keys(metrics) as Metric[]).filter((each) => !each.endsWith(" raw") && !lostOf[each]);
  const planned = compared.flatMap((metric) =>
    plan.arms
      .filter((arm) => isMetricOf(metric, arm))
      .flatMap((arm) =>
        plan.scenarios.filter((each) => each !== "none").map((scenario) => ({ metric, arm, scenario })),
      ),
  );
  const needed = [...byFamily(plan, planned)].map(([name, { length }]) => [name, blocksToTell(length)] as const);
  const blind = needed.filter(([, blocks]) => blocks > plan.blocks);
  if (blind.length === 0) return undefined;
  const most = Math.max(...blind.map(([, blocks]) => blocks));
  const names = new Set(blind.map(([name]) => name.replace(ofControl, "")));
  const headlineToo = headlineArm(plan) !== undefined && !names.has(headline);
  return (
    `talos-mesh:benchmark.blocks: ${plan.blocks} are too few to tell any difference to none from chance at ` +
    `${[...names].join(", ")}; ${most} are enough for all${headlineToo ? ", and for the headline these are" : ""}`
  );
}
