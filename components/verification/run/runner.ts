import { randomBytes } from "node:crypto";
import path from "node:path";
import { performance } from "node:perf_hooks";
import { formatSeconds } from "../../shared/duration";
import { Lease } from "../../shared/kubernetes/lease";
import { isSimulatedNode } from "../../shared/kubernetes/object";
import type { Sleep } from "../../shared/kubernetes/wait";
import { UserError } from "../../shared/problem";
import { evaluateProbe, exitCode, suiteVerdict } from "../evaluation/verdicts";
import type { PlannedProbe } from "../plan";
import type { ProbeResult, VerificationResult } from "../result";
import { reportName, writeReports } from "../report/outputs";
import { sentencesOf } from "../report/wording";
import { cleanUp, removeObjects } from "./clean-up";
import { type Clients, createClients } from "./clients";
import type { VerificationCluster } from "./cluster";
import { hiddenRecords } from "./hints";
import { Measurement } from "./measurement";
import type { VerificationInput, VerificationRequest, VerificationSummary } from "./request";
import { unlessScaledToZero } from "./placement";
import { estimatedSeconds, requestsOf, type RunPlan } from "./run-plan";
import { Tokens } from "./tokens";

export interface RunnerContext {
  readonly cluster: VerificationCluster;
  readonly projectRoot: string;
  readonly log: (line: string) => void;
  readonly sleep: Sleep;
  /** Milliseconds. @default those of this process */
  readonly now?: () => number;
  readonly signal?: AbortSignal;
  /** Names of probes to run, or parts of names. @default all */
  readonly only?: readonly string[];
  /** Called after each run: whether to measure again, with the same clients. @default once */
  readonly again?: (result: VerificationResult) => Promise<boolean>;
}

/** A policy does not hold. */
export class VerificationFailed extends UserError {
  override readonly name = "VerificationFailed";
}

/**
 * Sends the requests of every probe, judges what comes of them and writes the reports.
 *
 * @throws VerificationFailed where a policy does not hold, unless that is a warning only
 */
export async function runVerification(
  request: VerificationRequest,
  input: VerificationInput,
  context: RunnerContext,
): Promise<VerificationSummary> {
  const { plan } = input;
  const { log } = context;
  const chosen = chosenProbes(plan.probes, context.only);
  const nodes = await context.cluster.nodes();
  const isSimulated = nodes.every(isSimulatedNode);
  if (nodes.length === 0) throw new VerificationFailed("the cluster has no nodes, so no probe can run; add one");
  const probes = isSimulated ? chosen.map(notOnSimulatedNodes) : chosen;
  const seconds = estimatedSeconds(probes, plan);
  log(`${probes.length} probes with ${requestsOf(probes)} requests: about ${formatSeconds(seconds)}`);
  const folder = path.join(context.projectRoot, ".talos-mesh", request.stack, "verification");
  const report = path.relative(context.projectRoot, folder);
  let summary: VerificationSummary = { sentences: [], report };
  const conclude = (result: VerificationResult) => {
    writeReports(result, folder);
    summary = { sentences: sentencesOf(result), report };
    for (const sentence of summary.sentences) log(sentence);
    const longest = [...result.phases].sort((a, b) => b.seconds - a.seconds).slice(0, 5);
    if (longest.length > 0) log(`Time: ${longest.map(({ name, seconds }) => `${name} ${seconds} s`).join(", ")}`);
    log(`Report: ${report}/${reportName(result)}.html`);
  };
  const result = await measure({ request, input, context, probes, seconds }, conclude);
  const failed = result.probes.filter(({ verdict }) => verdict === "fails" || verdict === "control failed");
  const message = failureMessage(failed, `${report}/${reportName(result)}.html`);
  if (exitCode(result.verdict, request) !== 0) throw new VerificationFailed(message);
  if (failed.length > 0) log(`Warning: ${message}`);
  return summary;
}

interface Run {
  readonly request: VerificationRequest;
  readonly input: VerificationInput;
  readonly context: RunnerContext;
  readonly probes: readonly PlannedProbe[];
  /** As estimated. */
  readonly seconds: number;
}

async function measure(run: Run, conclude: (result: VerificationResult) => void): Promise<VerificationResult> {
  const { input, context, probes, seconds } = run;
  const { cluster, log, sleep, signal, now = () => performance.now() } = context;
  if (probes.every(({ notMeasurable }) => notMeasurable !== undefined)) {
    const results = probes.map((probe) => evaluateProbe(probe, [], 0));
    const nothing = { id: "none", startedAt: new Date(), requests: 0, phases: new Phases(now), health: [], notes: [] };
    const result = resultOf(run, { ...nothing, results });
    conclude(result);
    return result;
  }
  const lease = new Lease({ leases: cluster.leases, log, sleep }, "verification");
  const hold = (seconds: number) => lease.hold(seconds);
  await hold(600 + seconds);
  let clients: Clients | undefined;
  const phases = new Phases(now);
  try {
    const stuck = await phases.measure("clean-up of an earlier run", () => cleanUp({ cluster, sleep, log }));
    for (;;) {
      const [id, startedAt] = [randomBytes(4).toString("hex"), new Date()];
      const notes = new Set<string>();
      const note = (line: string) => void (notes.has(line) || (notes.add(line), log(line)));
      // Before the clients, whose pods are never ready.
      const [selecting, networkPolicies, telemetries, health] = await phases.measure("state of the cluster", () =>
        Promise.all([
          selectingIn(cluster, input.plan),
          ...([cluster.networkPolicies(), cluster.telemetries()] as const),
          cluster.health(input.plan.health, signal),
        ]),
      );
      // It takes as long as it takes; what it rejects with is thrown where its findings are needed.
      const analysis = cluster.analysis(telemetries, signal);
      analysis.catch(() => undefined);
      for (const line of hiddenRecords(telemetries, input.plan)) note(line);
      const known = probes.map((probe) => unlessScaledToZero(probe, input.plan, selecting));
      const measurable = known.filter(({ notMeasurable }) => notMeasurable === undefined);
      const lifetime = context.again ? longestWatch : 900 + 4 * seconds;
      const inCluster = { selecting, networkPolicies, stuck };
      const clientContext = { cluster, plan: input.plan, run: id, seconds: lifetime, ...inCluster, sleep, log, note };
      const series = measurable.flatMap((probe) => probe.series);
      clients ??= await phases.measure("clients", () => createClients(clientContext, series));
      const tokens = new Tokens(new Map(Object.entries(input.keys)));
      const plan = { ...input.plan, probes: known };
      const shared = {
        cluster,
        plan,
        tokens,
        run: id,
        ...clients,
        networkPolicies,
        log,
        note,
        sleep,
        now,
        signal,
        hold,
      };
      const measurement = new Measurement(shared);
      const together = measurable.filter((probe) => probe.alone !== true);
      const results = known.flatMap((probe) => (measurable.includes(probe) ? [] : [evaluateProbe(probe, [], 0)]));
      results.push(...(await phases.measure("probes together", () => measurement.together(together))));
      for (const probe of measurable.filter((each) => each.alone === true)) {
        results.push(await phases.measure(probe.name, () => measurement.alone(probe)));
      }
      const { requests } = measurement;
      const findings = [...health, ...(await phases.measure("istioctl analyze, after the probes", () => analysis))];
      const found = { id, startedAt, requests, phases, results, health: findings, notes: [...notes] };
      const result = resultOf(run, found);
      conclude(result);
      if (!(await context.again?.(result))) return result;
      phases.clear();
    }
  } finally {
    // Another run that has taken the Lease needs the same names. The next run waits until they are deleted.
    if (!lease.lost) {
      await removeObjects(cluster).catch(({ message }: Error) => {
        log(`the clients of probes could not be deleted (${message}); the next run deletes them`);
      });
    }
    await lease.release();
  }
}

/** What selects pods by their labels, by namespace of workloads. */
async function selectingIn(cluster: VerificationCluster, { workloads }: RunPlan) {
  const namespaces = [...new Set(workloads.map(({ namespace }) => namespace))];
  const found = namespaces.map(async (namespace) => [namespace, await cluster.selecting(namespace)] as const);
  return new Map(await Promise.all(found));
}

/** Seconds for which clients live that are measured with again and again. */
const longestWatch = 12 * 3600;

/** How long each part of a run took, in order. */
class Phases {
  private readonly seconds = new Map<string, number>();

  constructor(private readonly now: () => number) {}

  async measure<T>(name: string, work: () => Promise<T>): Promise<T> {
    const start = this.now();
    try {
      return await work();
    } finally {
      this.seconds.set(name, (this.seconds.get(name) ?? 0) + (this.now() - start) / 1000);
    }
  }

  get all(): VerificationResult["phases"] {
    return [...this.seconds].map(([name, seconds]) => ({ name, seconds: Math.round(10 * seconds) / 10 }));
  }

  clear(): void {
    this.seconds.clear();
  }
}

function resultOf(
  { request, input, probes }: Run,
  found: {
    readonly id: string;
    readonly startedAt: Date;
    readonly requests: number;
    readonly phases: Phases;
    readonly results: readonly ProbeResult[];
    readonly health: VerificationResult["health"];
    readonly notes: readonly string[];
  },
): VerificationResult {
  const byName = new Map(found.results.map((result) => [result.name, result]));
  return {
    schemaVersion: 1,
    stack: request.stack,
    run: found.id,
    startedAt: found.startedAt.toISOString(),
    seconds: Math.round((Date.now() - found.startedAt.getTime()) / 1000),
    mesh: request.mesh,
    verdict: suiteVerdict(found.results),
    statistics: input.plan.statistics,
    requests: found.requests,
    ...(probes.length < input.plan.probes.length && { partOf: input.plan.probes.length }),
    // In the order of the plan.
    probes: probes.flatMap(({ name }) => byName.get(name) ?? []),
    health: found.health,
    notes: found.notes,
    phases: found.phases.all,
  };
}

export function chosenProbes(probes: readonly PlannedProbe[], only: readonly string[] = []): readonly PlannedProbe[] {
  if (only.length === 0) return probes;
  const isMeant = ({ name, kind }: PlannedProbe) =>
    only.some((text) => name === text || kind === text || name.toLowerCase().includes(text.toLowerCase()));
  const chosen = probes.filter(isMeant);
  if (chosen.length > 0) return chosen;
  throw new UserError(`no probe has a name with ${only.join(" or ")}; --list prints them all`);
}

function notOnSimulatedNodes(probe: PlannedProbe): PlannedProbe {
  const notMeasurable = probe.notMeasurable ?? "nodes are simulated: no container runs, and there is no traffic";
  return { ...probe, series: [], notMeasurable };
}

/** Which ones was logged before it. */
function failureMessage({ length }: readonly ProbeResult[], page: string): string {
  const count = length === 1 ? "1 policy is not verified" : `${length} policies are not verified`;
  return `${count}\nnext: see ${page}; \`npm run verify\` measures again, \`--only NAME\` a part`;
}
