import { grouped } from "../../shared/grouped";
import type { LiveObject } from "../../shared/kubernetes/object";
import type { Sleep } from "../../shared/kubernetes/wait";
import { evaluateSeries } from "../evaluation/evaluate";
import { evaluateProbe } from "../evaluation/verdicts";
import { isStatistical, measurementsAtMost } from "../evaluation/statistics";
import type { PlannedProbe } from "../plan";
import type { Series } from "../probe";
import type { Observation, ProbeResult, SeriesResult } from "../result";
import { AddressError, Addresses } from "./addresses";
import { clientKey } from "./client-objects";
import type { Client, ClientState } from "./clients";
import type { VerificationCluster } from "./cluster";
import { withNetworkPolicies } from "./hints";
import { Records } from "./records";
import type { Order } from "./requests";
import { concurrencyOf as usualConcurrency, requestsOf, type RunPlan } from "./run-plan";
import { Sender } from "./sender";
import { TokenError, type Tokens } from "./tokens";

export interface MeasureContext {
  readonly cluster: VerificationCluster;
  readonly plan: RunPlan;
  readonly tokens: Tokens;
  readonly run: string;
  readonly clients: ReadonlyMap<string, ClientState>;
  /** Why there is no witness, by namespace. */
  readonly witnesses: ReadonlyMap<string, string>;
  /** Of the cluster. */
  readonly networkPolicies: readonly LiveObject[];
  readonly log: (line: string) => void;
  /** Gets what limits the evidence, once for each time. */
  readonly note: (line: string) => void;
  readonly sleep: Sleep;
  /** Milliseconds. */
  readonly now: () => number;
  readonly signal?: AbortSignal;
  /** Renews what keeps others away, for so many seconds. */
  readonly hold: (seconds: number) => Promise<void>;
}

/** Milliseconds between two measurements of what does not hold yet. */
const pollInterval = 2000;
/** Seconds that a probe which runs alone has at least, where the deadline has passed before it. */
const shortestDeadline = 15;
/** Milliseconds between two measurements of shares at least. */
const shortestPause = 5000;

/** One series of a run. */
interface Job {
  readonly probe: PlannedProbe;
  readonly series: Series;
  readonly number: number;
  readonly count: number;
  attempts: number;
  /** Whether `maxRequests` left no room to measure it again. */
  isBounded?: boolean;
  result?: SeriesResult;
  /** Whether there is no client, or no pod of ours to send to. */
  isLost?: boolean;
  /** Whether a limit of connections or requests was in the way, which requests one at a time do not reach. */
  overflowed?: boolean;
}

/** Measures every probe of a plan: together what may be, then each of the others alone. */
export class Measurement {
  private readonly sender: Sender;
  private readonly start: number;
  private readonly numbers: ReadonlyMap<Series, number>;
  private readonly measurable: number;
  private done = 0;
  /** Requests of series that are not measured yet: repetitions of others leave room for them. */
  private reserved: number;

  constructor(private readonly context: MeasureContext) {
    const { cluster, plan } = context;
    this.start = context.now();
    this.measurable = plan.probes.filter(({ notMeasurable }) => notMeasurable === undefined).length;
    this.reserved = requestsOf(plan.probes);
    this.numbers = new Map(plan.probes.flatMap(({ series }) => series).map((series, index) => [series, index]));
    const records = new Records(context);
    this.sender = new Sender({ ...context, ...plan, addresses: new Addresses(cluster, plan), records });
  }

  get requests(): number {
    return this.sender.sent;
  }

  async together(probes: readonly PlannedProbe[]): Promise<ProbeResult[]> {
    const start = this.context.now();
    const jobs = this.jobsOf(probes);
    await this.measure(jobs, this.start + 1000 * this.context.plan.deadlineSeconds, false);
    return probes.map((probe) => this.conclude(probe, jobs, start));
  }

  async alone(probe: PlannedProbe): Promise<ProbeResult> {
    const start = this.context.now();
    const jobs = this.jobsOf([probe]);
    const deadline = Math.max(this.start + 1000 * this.context.plan.deadlineSeconds, start + 1000 * shortestDeadline);
    await this.measure(jobs, deadline, true);
    return this.conclude(probe, jobs, start);
  }

  private jobsOf(probes: readonly PlannedProbe[]): Job[] {
    return probes.flatMap((probe) =>
      probe.series.map((series) => {
        return { probe, series, count: series.count, number: this.numbers.get(series) ?? 0, attempts: 0 };
      }),
    );
  }

  /** @param sequential whether one series at a time is measured */
  private async measure(jobs: readonly Job[], deadline: number, sequential: boolean): Promise<void> {
    const shares = jobs.filter(({ series }) => isStatistical(series.expect));
    const others = jobs.filter((job) => !shares.includes(job));
    // What is the same every time shows first that the configuration has reached the proxies.
    await this.poll(others, deadline, sequential);
    await this.repeat(shares, deadline, sequential);
  }

  private async poll(jobs: readonly Job[], deadline: number, sequential: boolean): Promise<void> {
    for (let pending = jobs; pending.length > 0;) {
      await this.attempt(pending, sequential);
      pending = pending.filter(isOpen);
      if (pending.length === 0 || this.context.now() >= deadline || this.isExhausted(pending)) return;
      this.context.log(`waiting: ${describe(pending)}`);
      await this.context.sleep(pollInterval);
    }
  }

  private async repeat(jobs: readonly Job[], deadline: number, sequential: boolean): Promise<void> {
    for (let pending = jobs, left = measurementsAtMost; pending.length > 0;) {
      await this.attempt(pending, sequential);
      left -= 1;
      pending = pending.filter(isOpen);
      if (pending.length === 0 || left === 0 || this.isExhausted(pending)) return;
      this.context.log(`measuring again: ${describe(pending)}`);
      await this.context.sleep(Math.max(shortestPause, (deadline - this.context.now()) / left));
    }
  }

  private isExhausted(jobs: readonly Job[]): boolean {
    const { log, plan } = this.context;
    const next = jobs.reduce((sum, { count }) => sum + count, 0);
    if (this.sender.sent + this.reserved + next <= plan.maxRequests) return false;
    log(`not measured again, as verification.maxRequests is ${plan.maxRequests}: ${describe(jobs)}`);
    for (const job of jobs) job.isBounded = true;
    return true;
  }

  private async attempt(jobs: readonly Job[], sequential: boolean): Promise<void> {
    const { plan, hold, signal } = this.context;
    const requests = jobs.reduce((sum, { count }) => sum + count, 0);
    signal?.throwIfAborted();
    for (const job of jobs) {
      if (job.attempts === 0) this.reserved -= job.count;
      job.attempts += 1;
    }
    await hold(120 + plan.deadlineSeconds + requests);
    // An overflow is that of requests at the same time, also of other clients at a shared proxy.
    const single = jobs.filter((job) => sequential || job.overflowed === true);
    // One request at a time is what one client sends in one batch.
    const keyOf = (job: Job) => (concurrencyOf(job) === 1 ? clientKey(job.series.client) : String(job.number));
    for (const [, together] of grouped(single, keyOf)) await this.send(together);
    await this.send(jobs.filter((job) => !single.includes(job)));
  }

  private async send(jobs: readonly Job[]): Promise<void> {
    const ready: { readonly job: Job; readonly order: Order }[] = [];
    for (const job of jobs) {
      const found = this.clientOf(job);
      // It does not come back in this run, so that nothing waits for it.
      job.isLost = typeof found === "string";
      const client = typeof found === "string" ? found : ((await this.unsendable(job)) ?? found);
      if (typeof client === "string") job.result = this.unmeasured(job, client);
      else ready.push({ job, order: { ...job, client, concurrency: concurrencyOf(job) } });
    }
    if (ready.length === 0) return;
    const observations = await this.sender.send(ready.map(({ order }) => order));
    for (const { job, order } of ready) {
      const seen = observations.get(order) ?? [];
      job.overflowed ||= seen.some(({ records }) => records.some(({ flags }) => flags.includes("UO")));
      const failure = seen.length === 0 ? this.sender.failureOf(order.client) : undefined;
      job.result =
        failure === undefined
          ? evaluateSeries(job.probe, await this.withCertificates(job.series), seen, this.context.plan.statistics)
          : this.unmeasured(job, `client ${order.client.key} sends no requests any more: ${failure}`);
    }
  }

  /** Or why there is none, or no pod of ours to send requests to. */
  private clientOf({ series: { request, client: wanted } }: Job): Client | string {
    const { clients, witnesses } = this.context;
    const client = clients.get(clientKey(wanted));
    if (!client || "unavailable" in client) {
      return `there is no client ${clientKey(wanted)}: ${client?.unavailable ?? "it was not created"}`;
    }
    const witness = request.to.kind === "witness" ? witnesses.get(request.to.namespace) : undefined;
    return witness === undefined ? client : `there is nothing to send requests to: ${witness}`;
  }

  /** Why its requests cannot be sent, for the moment. */
  private async unsendable({ series: { request } }: Job): Promise<string | undefined> {
    try {
      await this.sender.addressOf(request);
      if (request.token) await this.context.tokens.of(request.token);
      return undefined;
    } catch (error) {
      if (!(error instanceof AddressError || error instanceof TokenError)) throw error;
      return error.message;
    }
  }

  /** With what the Secrets have now that its outcome names: certificates are renewed. */
  private async withCertificates(series: Series): Promise<Series> {
    const { expect } = series;
    if (expect.kind !== "every" || !expect.outcome.certificate) return series;
    const { certificate } = expect.outcome;
    const read = certificate.secrets.map((key) => {
      const [namespace = "", name = ""] = key.split("/");
      return this.context.cluster.certificate(namespace, name);
    });
    const known = (await Promise.all(read)).flatMap((pem) => pem ?? []);
    return { ...series, expect: { ...expect, outcome: { ...expect.outcome, certificate: { ...certificate, known } } } };
  }

  private unmeasured({ probe, series }: Job, reason: string): SeriesResult {
    const result = evaluateSeries(probe, series, [], this.context.plan.statistics);
    const observation: Observation = { status: 0, exitCode: 0, connected: false, seconds: 0, headers: {}, records: [] };
    return { ...result, verdict: "control failed", failure: { request: result.request, observation, reason } };
  }

  private conclude(probe: PlannedProbe, jobs: readonly Job[], start: number): ProbeResult {
    const { plan, networkPolicies } = this.context;
    const results = jobs
      .filter((job) => job.probe === probe)
      .flatMap(({ result: measured, series, isBounded }): SeriesResult[] => {
        const result = measured && withNetworkPolicies(measured, series, plan, networkPolicies);
        if (!result?.failure || !isBounded) return result ? [result] : [];
        const reason = `${result.failure.reason}; it was not measured again, as verification.maxRequests is ${plan.maxRequests}`;
        return [{ ...result, failure: { ...result.failure, reason } }];
      });
    const result = evaluateProbe(probe, results, (this.context.now() - start) / 1000);
    this.done += 1;
    const why = result.verdict === "holds" ? "" : `: ${result.reason ?? ""}`;
    this.context.log(`[${this.done}/${this.measurable}] ${result.verdict}: ${probe.name}${why}`);
    return result;
  }
}

function isOpen({ result, isLost }: Job): boolean {
  return result?.verdict !== "holds" && isLost !== true;
}

function concurrencyOf({ series, overflowed }: Job): number {
  return series.concurrency === undefined && overflowed ? 1 : usualConcurrency(series);
}

function describe(jobs: readonly Job[]): string {
  const [first] = jobs;
  const others = jobs.length > 1 ? ` and ${jobs.length - 1} more` : "";
  return first ? `${first.probe.name} (${first.series.title})${others}: ${first.result?.measured ?? ""}` : "";
}
