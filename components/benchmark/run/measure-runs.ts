import { gunzipSync } from "node:zlib";
import { formatSeconds } from "../../shared/duration";
import { ExecError, isUnreachable } from "../../shared/kubernetes/errors";
import type { ExecResult } from "../../shared/kubernetes/pod-streams";
import { latenciesOf, latencyOfFortio, latencyOfMicros } from "../measure/latency";
import { OutputError, parseFortio, parseIperf3, ReportedError } from "../measure/load-generators";
import { type Endpoints, ownContainers, usageBetween } from "../measure/usage";
import { type Circumstances, disturbances, problemsOf, type Restart } from "../measure/validity";
import { type Arm, armTitle, hasSchedule, type RunRecord, type Scenario, usesZtunnel } from "../metrics/record";
import { namespaceOf } from "../objects";
import { estimatedSeconds, longestSeconds, type PlannedRun, plannedSeconds } from "../plan/plan";
import { formatNumber } from "../statistics/intervals";
import type { BenchCluster, BenchPod } from "./cluster";
import { type ClientCommand, dropLog, fetchLog, measurementOf, warmUpOf } from "./commands";
import { kubeletPeriod, type Kubelets, type NodePair, processorTime, stolenShare } from "./environment";
import type { Journal } from "./journal";
import type { Lease } from "../../shared/kubernetes/lease";
import { NotMeasurable } from "./request";
import { type CheckContext, podSigns, podsProblem, readyPods } from "./scenario-check";
import { own } from "../../shared/own";

export interface RunContext extends CheckContext {
  readonly nodes: NodePair;
  readonly kubelets: Kubelets;
  readonly lease: Pick<Lease, "hold">;
  readonly signal?: AbortSignal;
}

/** Seconds of pauses between tries after which a run fails whose connection always breaks. */
const unreachableTimeout = 300;

export async function measureAll(context: RunContext, runs: readonly PlannedRun[], journal: Journal): Promise<void> {
  const { log, signal } = context;
  log(`${runs.length} runs, about ${formatSeconds(estimatedSeconds(runs))}`);
  let overhead = 0;
  const measure = async (run: PlannedRun) => {
    signal?.throwIfAborted();
    const record = await measureWithRetries(context, run);
    journal.add(record);
    overhead += record.took;
    return record;
  };
  for (const [index, run] of runs.entries()) {
    const title = `[${index + 1}/${runs.length}] block ${run.block}, ${run.scenario}, ${armTitle(run.arm)}`;
    let record = await measure(run);
    if (journal.unfinished([run]).length > 0) {
      log(`${title}: ${resultOf(record)}; once more`);
      record = await measure(run);
    }
    overhead -= plannedSeconds(run.arm);
    const left = estimatedSeconds(runs.slice(index + 1), Math.max(0, overhead / (index + 1)));
    log(`${title}: ${resultOf(record)}${left > 0 ? `; ${formatSeconds(left)} left` : ""}`);
  }
}

/** Repeats a run whose connection broke. @throws NotMeasurable after at least 3 tries and `unreachableTimeout` of pauses */
async function measureWithRetries(context: RunContext, run: PlannedRun): Promise<RunRecord> {
  const { lease, log, sleep } = context;
  let waited = 0;
  let reported = "";
  for (let tries = 1; ; tries++) {
    try {
      await lease.hold(longestSeconds(run.arm) + (tries > 1 ? unreachableTimeout : 0));
      if (tries > 1) await readyPods(context, run.scenario);
      return await measureOnce(context, run);
    } catch (error) {
      if (!isUnreachable(error)) throw error;
      const { message } = error as Error;
      if (tries > 2 && waited >= unreachableTimeout) {
        const next = "The same command continues after the last finished run";
        throw new NotMeasurable(`${message}; tried ${tries} times, with ${formatSeconds(waited)} in between. ${next}`);
      }
      // The load of the broken run may go on in its pod until its time is over, and would be measured with the next one.
      const wait = Math.max(5, plannedSeconds(run.arm));
      if (message !== reported) log(`${message}; once more in ${formatSeconds(wait)}, when its load has ended`);
      reported = message;
      await sleep(1000 * wait);
      waited += wait;
    }
  }
}

function resultOf({ outcome, problems }: RunRecord): string {
  if (problems.length > 0) return `does not count, ${problems.join("; ")}`;
  if (outcome?.kind === "stream") return `${formatNumber(outcome.bitsPerSecond / 1e9)} Gbit/s`;
  if (outcome?.corrected) return `p99 ${formatNumber(outcome.corrected.percentiles["99"] ?? NaN)} ms`;
  return `${formatNumber(outcome?.actualQps ?? NaN)} requests a second`;
}

export function endpointsOf(scenario: Scenario, placement: Arm["placement"], [far, server]: NodePair): Endpoints {
  const namespace = namespaceOf(scenario);
  if (placement === "same-node") return { namespace, client: "client-near", nodes: [server.name] };
  return { namespace, client: "client", nodes: [far.name, server.name] };
}

/** Warm-up, measurement, counters before and after. After an error of `exec` the run is unknown, and is made again. */
export async function measureOnce(context: RunContext, run: PlannedRun): Promise<RunRecord> {
  const { cluster, plan, kubelets } = context;
  const { id, block, arm, scenario } = run;
  const endpoints = endpointsOf(scenario, arm.placement, context.nodes);
  const [clientNode] = arm.placement === "same-node" ? [context.nodes[1]] : context.nodes;
  const startedAt = new Date();
  const pods = await podsOf(cluster, scenario, endpoints);
  // An evicted pod still exists, next to the new one.
  const ready = pods.filter((pod) => pod.ready);
  const client = ready.find(({ app }) => app === endpoints.client);
  if (!client) throw new ExecError(`namespace ${endpoints.namespace} has no ready client`);
  const limits = { signal: context.signal, seconds: longestSeconds(arm) };
  const inClient = async (command: ClientCommand) =>
    cluster.exec(client.name, endpoints.namespace, command.container, command.argv, limits);

  if (hasSchedule(arm)) await inClient(dropLog);
  const warmUp = warmUpOf(arm, plan);
  const warmUpStart = warmUp ? startOf((await inClient(warmUp)).stdout) : Infinity;
  const timeBefore = await nodeTimesOf(cluster, endpoints.namespace, ready, arm);
  const delay = secondsToFirstReading(arm);
  const early = delay === undefined ? await kubelets.read() : [];
  const [printed, late] = await Promise.all([
    inClient(measurementOf(arm, plan)),
    delay === undefined ? early : context.sleep(1000 * delay).then(() => kubelets.read()),
  ]);
  // Counters of before the load are partly of a node without load.
  const loadStart = delay === undefined ? warmUpStart : startOf(printed.stdout);
  const underLoad = late.filter(({ at }) => at >= loadStart);
  const usage = usageBetween(underLoad, await kubelets.read(), endpoints);
  const timeAfter = await nodeTimesOf(cluster, endpoints.namespace, ready, arm);
  const stolen = {
    client: stolenShare(timeBefore.client, timeAfter.client),
    server: stolenShare(timeBefore.server, timeAfter.server),
  };
  const accessLog = hasSchedule(arm) ? (await inClient(fetchLog)).stdout : undefined;
  const podsAfter = await podsOf(cluster, scenario, endpoints);
  const restarted = restartsBetween(pods, podsAfter);
  const changed = podsProblem(scenario, podSigns(podsAfter));

  const { outcome, failure, wasCutOff, ...seen } = readingOf(arm, printed, accessLog);
  const circumstances = { client: usage.client, clientNodeCores: clientNode.cores, restarted, stolen, ...seen };
  const disturbed = wasCutOff === true || disturbances(outcome, circumstances).length > 0;
  return {
    id,
    block,
    arm: arm.id,
    scenario,
    startedAt: startedAt.toISOString(),
    usage,
    stolen,
    took: (Date.now() - startedAt.getTime()) / 1000,
    ...(outcome && { outcome }),
    problems: [failure, changed, ...problemsOf(arm, outcome, circumstances)].filter((each) => each !== undefined),
    ...(disturbed && { disturbed }),
  };
}

/** Pods whose restart spoils a run: those of the scenario, and the ztunnels that its traffic passes. */
async function podsOf(cluster: BenchCluster, scenario: Scenario, { namespace, nodes }: Endpoints): Promise<BenchPod[]> {
  const ztunnels = usesZtunnel(scenario) ? await cluster.ztunnels(nodes) : [];
  return [...(await cluster.pods(namespace)), ...ztunnels];
}

/**
 * Seconds from the beginning of a measurement until the kubelets' counters include its load; earlier ones include the pause
 * after the warm-up. Undefined where the measurement is too short for that, so that the warm-up's counters are used, and for
 * iperf3, which does not report when it began.
 */
function secondsToFirstReading(arm: Arm): number | undefined {
  if (arm.kind === "stream" || arm.seconds < 2 * kubeletPeriod) return undefined;
  // The load generator takes its time to start.
  return Math.min(arm.seconds / 2, kubeletPeriod + 5);
}

/** When a load began, in milliseconds since 1970 by its node's clock. */
function startOf(printed: Buffer): number {
  try {
    return parseFortio(printed.toString("utf8")).startMicros / 1000;
  } catch (error) {
    if (error instanceof OutputError) return Infinity;
    throw error;
  }
}

/** Counters of the nodes' CPUs: /proc/stat in a container is that of its node. */
async function nodeTimesOf(cluster: BenchCluster, namespace: string, pods: readonly BenchPod[], { placement }: Arm) {
  const timeAt = async (side: string) => {
    const pod = pods.find(({ app }) => app === side);
    return pod && processorTime((argv) => cluster.exec(pod.name, namespace, "iperf3", argv));
  };
  const sides = placement === "same-node" ? ["server"] : ["client", "server"];
  const times = await Promise.all(sides.map(timeAt));
  return { client: times[0], server: times.at(-1) };
}

type Seen = Pick<Circumstances, "logged" | "connections" | "answerBytes" | "streams" | "reverse">;

/** The outcome, or why there is none; `wasCutOff` where the load generator was interrupted. */
function readingOf(
  arm: Arm,
  { stdout, stderr, exitCode }: ExecResult,
  accessLog: Buffer | undefined,
): Seen & Pick<RunRecord, "outcome"> & { readonly failure?: string; readonly wasCutOff?: boolean } {
  try {
    return outcomeOf(arm, stdout.toString("utf8"), accessLog && gunzip(accessLog));
  } catch (error) {
    if (!(error instanceof OutputError)) throw error;
    const lastLine = stderr.trim().split("\n").at(-1) ?? "";
    // fortio that cannot begin prints why to stderr and exits with 1; when it is killed, its exit code is another one.
    const isReported = error instanceof ReportedError || (stdout.length === 0 && exitCode === 1);
    return { failure: lastLine === "" ? error.message : `${error.message} (${lastLine})`, wasCutOff: !isReported };
  }
}

export function outcomeOf(
  arm: Arm,
  printed: string,
  accessLog: Buffer | undefined,
): Seen & { readonly outcome: NonNullable<RunRecord["outcome"]> } {
  if (arm.kind === "stream") {
    const { streams, reverse, ...figures } = parseIperf3(printed);
    return { outcome: { kind: "stream", ...figures }, streams, reverse };
  }
  const result = parseFortio(printed);
  const { actualQps, requests, failed, codes, startMicros, connections, answerBytes } = result;
  const common = { kind: "requests" as const, actualQps, requests, failed, codes };
  const found =
    accessLog && hasSchedule(arm) ? latenciesOf(accessLog, { ...arm, connections, startMicros }) : undefined;
  const latencies = found?.raw.length
    ? { raw: latencyOfMicros(found.raw), corrected: latencyOfMicros(found.corrected) }
    : { raw: latencyOfFortio(result) };
  return { outcome: { ...common, ...latencies }, logged: found?.requests, connections, answerBytes };
}

function gunzip(content: Buffer): Buffer {
  try {
    return content.length === 0 ? content : gunzipSync(content);
  } catch (error) {
    throw new OutputError(`the access log could not be unpacked: ${(error as Error).message}`);
  }
}

function restartsBetween(before: readonly BenchPod[], after: readonly BenchPod[]): Restart[] {
  return after.flatMap(({ name, app, restarts }): Restart[] => {
    const earlier = before.find((pod) => pod.name === name);
    const isOurs = ["client", "client-near", "server"].includes(app);
    if (!earlier) return [{ name: `${name} (a new pod)`, ofMesh: !isOurs }];
    const more = Object.entries(restarts).filter(
      ([container, count]) => count > (own(earlier.restarts, container) ?? 0),
    );
    return more.map(([container]) => ({ name: `${name}/${container}`, ofMesh: !ownContainers.has(container) }));
  });
}
