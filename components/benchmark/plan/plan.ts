import { createHash } from "node:crypto";
import type { ScenarioName } from "../../settings/sections/benchmark";
import { Random } from "../statistics/random";
import { type Arm, hasSchedule, type Placement } from "./arm";
import type { ResolvedBenchmark } from "./resolve";

/** A namespace in which everything is measured; `control` is a second, identical `none`. */
export type Scenario = ScenarioName | "control";

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

/** What cannot be measured as it stands there, in words: fortio gives every connection two requests at least, and uses fewer. */
export function planProblems({ arms }: Pick<BenchmarkPlan, "arms">): string[] {
  return arms.filter(hasSchedule).flatMap(({ id, qps, seconds, connections }) => {
    const requests = Math.floor(qps * seconds);
    if (requests >= 2 * connections) return [];
    return [
      `${id} has ${requests} requests in ${seconds} s, which are no two for each of its connections; ` +
        "raise qps or duration, or lower connections",
    ];
  });
}
