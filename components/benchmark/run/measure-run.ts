import { gunzipSync } from "node:zlib";
import { latenciesOf } from "../measure/access-log";
import { parseFortio } from "../measure/fortio";
import { type Circumstances, disturbances, problemsOf } from "../measure/gates";
import { parseIperf3 } from "../measure/iperf3";
import { OutputError } from "../measure/output-error";
import { latencyOfFortio, latencyOfHistogram, type RunRecord, type Usages } from "../measure/record";
import { type ContainerSample, rolesIn, usageBetween } from "../measure/usage";
import { namespaceOf } from "../objects";
import { type Arm, hasSchedule } from "../plan/arm";
import type { BenchmarkPlan, PlannedRun, Scenario } from "../plan/plan";
import type { BenchCluster, BenchPod } from "./cluster";
import { type ClientCommand, dropLog, fetchLog, measurementOf, warmUpOf } from "./commands";
import { processorTime, stolenShare } from "./node-state";

/** Containers of ours, in clients and servers. */
const ownContainers: ReadonlySet<string> = new Set(["fortio", "iperf3", "details"]);

export interface RunContext {
  readonly cluster: BenchCluster;
  readonly plan: BenchmarkPlan;
  readonly clientNodeCores: number;
  /** Nodes whose counters are read. */
  readonly nodes: readonly string[];
  /** Waits for some milliseconds; rejects when the signal is aborted. */
  readonly rest: (ms: number) => Promise<unknown>;
  readonly signal?: AbortSignal;
}

/** Seconds within which a kubelet reads its counters anew (housekeeping: 10 s, and up to 15 s where little happens). */
const kubeletPeriod = 15;

/** Counters of all nodes that matter; nothing where a kubelet gives none, as cost is then not measured. */
export async function counters({ cluster, nodes }: Pick<RunContext, "cluster" | "nodes">): Promise<ContainerSample[]> {
  const all = await Promise.all(nodes.map((node) => cluster.usage(node).catch(() => [])));
  return all.flat();
}

export function usageIn(
  scenario: Scenario,
  before: readonly ContainerSample[],
  after: readonly ContainerSample[],
): Usages {
  return usageBetween(before, after, rolesIn(namespaceOf(scenario), ownContainers));
}

/**
 * Makes one run: warm-up, measurement, counters before and after.
 *
 * @throws what `exec` throws: then nothing is known of the run, and it is none. A load generator that failed is a run
 * that does not count.
 */
export async function measureRun(context: RunContext, run: PlannedRun): Promise<RunRecord> {
  const { cluster, plan, clientNodeCores } = context;
  const { id, block, arm, scenario } = run;
  const namespace = namespaceOf(scenario);
  const startedAt = new Date();
  const pods = await cluster.pods(namespace);
  const client = pods.find(({ app }) => app === (arm.placement === "same-node" ? "client-near" : "client"));
  if (!client) throw new Error(`namespace ${namespace} has no client any more`);
  const inClient = async (command: ClientCommand) =>
    cluster.exec(client.name, namespace, command.container, command.argv, context.signal);

  if (hasSchedule(arm)) await inClient(dropLog);
  const warmUp = warmUpOf(arm, plan);
  const loadedSince = warmUp ? startOf((await inClient(warmUp)).stdout) : Infinity;
  const timeBefore = await timesOf(cluster, namespace, pods);
  const early = (await counters(context)).filter(({ at }) => at >= loadedSince);
  const began = Math.min(loadedSince, Date.now());
  const [{ stdout, stderr }, late] = await Promise.all([
    inClient(measurementOf(arm, plan)),
    countersUnderLoad(context, arm).then((samples) => samples.filter(({ at }) => at >= began)),
  ]);
  // Of two counters of one container the last in the list is taken: the earlier one.
  const usage = usageIn(scenario, [...late, ...early], await counters(context));
  const timeAfter = await timesOf(cluster, namespace, pods);
  const stolen = {
    client: stolenShare(timeBefore.client, timeAfter.client),
    server: stolenShare(timeBefore.server, timeAfter.server),
  };
  const log = hasSchedule(arm) ? gunzip((await inClient(fetchLog)).stdout) : undefined;

  const place = { id, block, arm: arm.id, scenario, startedAt: startedAt.toISOString(), usage, stolen };
  const took = () => (Date.now() - startedAt.getTime()) / 1000;
  const restarted = restartsBetween(pods, await cluster.pods(namespace));
  try {
    const { outcome, ...seen } = outcomeOf(run, stdout.toString("utf8"), log);
    const circumstances = { client: usage.client, clientNodeCores, restarted, stolen, ...seen };
    const disturbed = disturbances(outcome, circumstances).length > 0;
    const problems = problemsOf(arm, outcome, circumstances);
    return { ...place, took: took(), outcome, problems, ...(disturbed && { disturbed }) };
  } catch (error) {
    if (!(error instanceof OutputError)) throw error;
    const said = stderr.trim().split("\n").at(-1) ?? "";
    const problem = said === "" ? error.message : `${error.message} (${said})`;
    return { ...place, took: took(), problems: [problem], disturbed: true };
  }
}

/** Counters of a load that has gone on long enough for them to be its own, where the warm-up is too short for that. */
async function countersUnderLoad(context: RunContext, arm: Arm): Promise<ContainerSample[]> {
  if (!hasSchedule(arm) || arm.warmUpSeconds >= kubeletPeriod || arm.seconds < 2 * kubeletPeriod) return [];
  await context.rest(1000 * kubeletPeriod);
  return counters(context);
}

/**
 * When a warm-up began, in milliseconds since 1970 by its node's clock. Counters that a kubelet read before it are
 * partly of a node without load.
 */
function startOf(printed: Buffer): number {
  try {
    return parseFortio(printed.toString("utf8")).startMicros / 1000;
  } catch (error) {
    if (error instanceof OutputError) return Infinity;
    throw error;
  }
}

async function timesOf(cluster: BenchCluster, namespace: string, pods: readonly BenchPod[]) {
  const timeAt = (side: string) => {
    const pod = pods.find(({ app }) => app === side);
    return pod && processorTime((argv) => cluster.exec(pod.name, namespace, "iperf3", argv));
  };
  const [client, server] = await Promise.all([timeAt("client"), timeAt("server")]);
  return { client, server };
}

/** What a load generator printed, as the outcome of its run. */
export function outcomeOf(
  { arm }: Pick<PlannedRun, "arm">,
  printed: string,
  log: Buffer | undefined,
): { readonly outcome: NonNullable<RunRecord["outcome"]> } & Pick<
  Circumstances,
  "logged" | "connections" | "answerBytes"
> {
  if (arm.kind === "stream") {
    const { bitsPerSecond, retransmits, meanRtt } = parseIperf3(printed);
    return { outcome: { kind: "stream", bitsPerSecond, retransmits, meanRtt } };
  }
  const result = parseFortio(printed);
  const { actualQps, requests, failed, codes, startMicros, connections, answerBytes } = result;
  const common = { kind: "requests" as const, actualQps, requests, failed, codes };
  const seen = { connections, answerBytes };
  if (log === undefined || !hasSchedule(arm)) return { outcome: { ...common, raw: latencyOfFortio(result) }, ...seen };
  const { qps, seconds } = arm;
  const { raw, corrected, requests: logged } = latenciesOf(log, { qps, seconds, connections, startMicros });
  if (raw.count === 0) return { outcome: { ...common, raw: latencyOfFortio(result) }, logged, ...seen };
  const latencies = { raw: latencyOfHistogram(raw), corrected: latencyOfHistogram(corrected) };
  return { outcome: { ...common, ...latencies }, logged, ...seen };
}

/** @throws OutputError where it is cut off */
function gunzip(content: Buffer): Buffer {
  try {
    return content.length === 0 ? content : gunzipSync(content);
  } catch (error) {
    throw new OutputError(`the access log could not be unpacked: ${(error as Error).message}`);
  }
}

function restartsBetween(before: readonly BenchPod[], after: readonly BenchPod[]): string[] {
  return after.flatMap(({ name, restarts }) => {
    const earlier = before.find((pod) => pod.name === name);
    if (!earlier) return [`${name} (a new pod)`];
    const more = Object.entries(restarts).filter(([container, count]) => count > (earlier.restarts[container] ?? 0));
    return more.map(([container]) => `${name}/${container}`);
  });
}
