import {
  curve,
  hasSchedule,
  meshParts,
  type Latency,
  type RunRecord,
  type Scenario,
  type Usages,
} from "../../../components/benchmark/metrics/record";
import { benchmarkPlan, type PlannedRun } from "../../../components/benchmark/plan/plan";
import { resolveBenchmark } from "../../../components/benchmark/plan/settings";
import type { Measured } from "../../../components/benchmark/report/report";
import { Random } from "../../../components/shared/random";
import { benchmark } from "../../../components/settings/sections/benchmark";
import type { z } from "zod";

/** Milliseconds that each scenario adds to every latency. */
const added: Readonly<Record<Scenario, number>> = { none: 0, control: 0, sidecar: 2, ambient: 0.5, waypoint: 1.5 };

/** Two data planes and a control, at one rate. */
export const standardSettings: z.input<typeof benchmark> = {
  ...{ scenarios: ["none", "sidecar", "ambient"], control: true, qps: [1000], tcpStreams: [1] },
};

/** A benchmark with known effects, whose blocks differ more from each other than the scenarios do. */
export function measured(settings: z.input<typeof benchmark>, seed = "known"): Measured {
  const plan = benchmarkPlan(resolveBenchmark(benchmark.parse(settings)));
  const random = new Random(seed);
  const blockEffects = Array.from({ length: plan.blocks + 1 }, () => 5 * random.uniform());
  return {
    plan,
    meshVersion: "1.31.1",
    scenarios: plan.scenarios.map((scenario) => ({ scenario, state: "measured", truths: ["checked"] })),
    environment: {
      kubernetes: "v1.36.3",
      istio: "1.31.1",
      clientNode: node("worker-1"),
      serverNode: node("worker-2"),
      images: ["fortio/fortio:1.66.0@sha256:1"],
    },
    idle: Object.fromEntries(plan.scenarios.map((scenario) => [scenario, usages(scenario, 0.01)])),
    records: plan.runs.map((run, index) => recordOf(run, index, blockEffects[run.block] ?? 0, random)),
  };
}

function node(name: string) {
  return {
    ...{ name, cores: 4, memoryBytes: 8 * 2 ** 30, architecture: "amd64", osImage: "Talos (v1.13.9)" },
    ...{ kernel: "6.12", containerRuntime: "containerd://2.1", mtu: 1450 },
  };
}

/** @param cores of each proxy */
function usages(scenario: Scenario, cores: number): Usages {
  const usage = { cores, memory: 60 * 2 ** 20, containers: 1 };
  const istiod = { ...usage, cores: 0.05, memory: 200 * 2 ** 20 };
  return {
    ...{ client: usage, server: usage },
    ...Object.fromEntries(meshParts[scenario].map((part) => [part, part === "istiod" ? istiod : usage])),
  };
}

function recordOf(run: PlannedRun, index: number, blockEffect: number, random: Random): RunRecord {
  const { arm, scenario, block, id } = run;
  const place = {
    ...{ id, block, arm: arm.id, scenario, took: 75, problems: [] },
    startedAt: new Date(Date.UTC(2026, 0, 1) + index * 80_000).toISOString(),
  };
  if (arm.kind === "stream") {
    const share = scenario === "none" || scenario === "control" ? 1 : 0.6;
    const bitsPerSecond = 1e10 * share * (1 + 0.01 * random.normal());
    return { ...place, usage: {}, outcome: { kind: "stream", bitsPerSecond, retransmits: 1 } };
  }
  const base = 10 + blockEffect + added[scenario] + 0.05 * random.normal();
  const qps = arm.kind === "http" && arm.qps > 0 ? arm.qps : 5000;
  // 0.2 vCPU per 1,000 requests a second in both sidecars together, on top of the idle 0.01 each.
  const usage = usages(scenario, 0.01 + (0.1 * qps) / 1000);
  return {
    ...place,
    usage,
    outcome: {
      kind: "requests",
      ...{ actualQps: qps, requests: qps * 60, failed: 0, codes: { "200": qps * 60 } },
      raw: latency(base / 2),
      ...(hasSchedule(arm) && { corrected: latency(base) }),
    },
  };
}

function latency(p99: number): Latency {
  const percentiles = Object.fromEntries(curve.map((percent) => [String(percent), (p99 * percent) / 99]));
  return { count: 100_000, mean: p99 / 2, max: p99 * 1.1, percentiles };
}

type RunOf = Measured["records"][number];

/** The same benchmark with changed runs. */
export function withChangedRuns(known: Measured, change: (record: RunOf) => Partial<RunOf>): Measured {
  return { ...known, records: known.records.map((record) => ({ ...record, ...change(record) })) };
}
