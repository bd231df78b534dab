import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { statisticsOf } from "../../../components/verification/evaluation/statistics";
import type { PlannedProbe } from "../../../components/verification/plan";
import type { ProbeClient, Series } from "../../../components/verification/probe";
import type { VerificationResult } from "../../../components/verification/result";
import type { VerificationRequest, VerificationSummary } from "../../../components/verification/run/request";
import type { RunPlan } from "../../../components/verification/run/run-plan";
import { type RunnerContext, runVerification } from "../../../components/verification/run/runner";
import { type FakeCluster, meshPod } from "./fake-cluster";

export const front: ProbeClient = { kind: "workload", namespace: "shop", name: "front" };
export const outside: ProbeClient = { kind: "outside" };

export function series(more: Partial<Series> & { readonly count?: number } = {}): PlannedProbe["series"][number] {
  return {
    ...{ title: "front GET /", role: "effect", client: front, count: 3 },
    request: { to: { kind: "service", namespace: "shop", name: "back", port: 80 } },
    expect: { kind: "every", outcome: { title: "200", answers: ["application"], status: [200] } },
    ...more,
  };
}

export function probe(
  name: string,
  all: readonly PlannedProbe["series"][number][],
  more: Partial<PlannedProbe> = {},
): PlannedProbe {
  return { ...{ name, kind: "routes", path: ["traffic"], expectation: "it is", objects: [], series: all }, ...more };
}

export function plan(probes: readonly PlannedProbe[], more: Partial<RunPlan> = {}): RunPlan {
  const expectations = probes.flatMap((each) => each.series.map(({ expect }) => expect));
  const labels = (name: string) => ({ app: name });
  const workload = (name: string) => ({
    name,
    namespace: "shop",
    labels: labels(name),
    serviceAccount: `${name}-account`,
  });
  return {
    ...{ probes, statistics: statisticsOf(expectations, 10), requests: 0, seconds: 0 },
    workloads: [workload("front"), workload("back")],
    namespaces: { shop: { dataPlane: "sidecar", injection: { "sidecar.istio.io/inject": "true" } } },
    gateways: [],
    strangers: { sidecar: { "istio-injection": "enabled" }, ambient: {}, outside: {} },
    ...{ clients: "auto", image: "curl:1", pull: { policy: "IfNotPresent", secrets: [] } },
    ...{ deadlineSeconds: 60, requestsPerSecond: 1000, maxRequests: 10_000, health: { workloads: [] } },
    ...more,
  };
}

export const backPod = meshPod("shop", "back-1", { labels: { app: "back", version: "v1" }, addresses: ["10.0.0.2"] });
export const clientPod = "shop/talos-mesh-probe-front";

/** What both sidecars record of a request that the application answered. */
export function answered(host = "10.0.0.2") {
  const outbound = { upstream_cluster: "outbound|80||back", upstream_host: `${host}:80`, details: "via_upstream" };
  return {
    [clientPod]: { ...outbound, attempts: 1, route: "default" },
    "shop/back-1": { ...outbound, upstream_cluster: "inbound|80||" },
  };
}

export interface Ran {
  readonly summary?: VerificationSummary;
  readonly error?: Error;
  readonly results: readonly VerificationResult[];
  readonly log: readonly string[];
  /** Milliseconds that the run has waited. */
  readonly slept: number;
}

/** Runs a plan on a cluster in memory, on a clock that only its pauses move. */
export async function run(
  cluster: FakeCluster,
  wanted: RunPlan,
  more: Partial<RunnerContext & VerificationRequest> = {},
): Promise<Ran> {
  const { onFailure = "fail", again, only, signal } = more;
  const folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-verification-"));
  const log: string[] = [];
  const results: VerificationResult[] = [];
  let clock = 0;
  const request: VerificationRequest = {
    ...{ stack: "test", onFailure, mesh: { version: "1.31.1", dataPlane: "sidecar" } },
    verified: { policies: "", mesh: "", applications: "", probes: "" },
  };
  const context: RunnerContext = {
    ...{ cluster, projectRoot: folder, only, signal, log: (line) => log.push(line) },
    sleep: (ms) => Promise.resolve((clock += ms)),
    now: () => clock,
    again: async (result) => {
      results.push(result);
      return (await again?.(result)) ?? false;
    },
  };
  try {
    const summary = await runVerification(request, { plan: wanted, keys: {} }, context);
    return { summary, results, log, slept: clock };
  } catch (error) {
    return { error: error as Error, results, log, slept: clock };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
