import { performance } from "node:perf_hooks";
import { ExecError } from "../../shared/kubernetes/errors";
import type { Sleep } from "../../shared/kubernetes/wait";
import { grouped } from "../../shared/grouped";
import type { Series } from "../probe";
import type { Observation } from "../result";
import type { Address, Addresses } from "./addresses";
import type { Client } from "./clients";
import type { VerificationCluster } from "./cluster";
import type { Records } from "./records";
import {
  type ClientObservation,
  curlCommand,
  curlConfig,
  type Order,
  type PreparedRequest,
  readOutput,
  type Sent,
} from "./requests";
import type { Tokens } from "./tokens";

export interface SenderContext {
  readonly cluster: Pick<VerificationCluster, "exec">;
  readonly addresses: Pick<Addresses, "of">;
  readonly tokens: Pick<Tokens, "of">;
  readonly records: Pick<Records, "of">;
  readonly sleep: Sleep;
  readonly signal?: AbortSignal;
  /** Of the run: part of every probe header. */
  readonly run: string;
  readonly requestsPerSecond: number;
}

/** Requests of one command: its output, and what it may take, stay small. */
const batchSize = 100;
/** Commands at the same time. */
const commands = 6;
/** Times that a batch is sent whose connection broke. */
const tries = 3;

interface Batch {
  readonly client: Client;
  readonly concurrency: number;
  readonly requests: (PreparedRequest & { readonly order: Order })[];
}

/** Sends requests, not faster than the settings allow, and finds out what came of each. */
export class Sender {
  /** Requests that were sent. */
  sent = 0;
  private nextFree = 0;

  constructor(private readonly context: SenderContext) {}

  addressOf(request: Series["request"]): Promise<Address> {
    return this.context.addresses.of(request);
  }

  /** What came of every request of these series. @throws what `addresses` and `tokens` throw */
  async send(orders: readonly Order[]): Promise<ReadonlyMap<Order, readonly Observation[]>> {
    const since = performance.now();
    const waiting = await this.batches(orders);
    const sent: Sent[] = [];
    const work = async () => {
      for (let batch = waiting.shift(); batch; batch = waiting.shift()) sent.push(...(await this.run(batch)));
    };
    await Promise.all(Array.from({ length: commands }, work));
    const records = await this.context.records.of(sent, since);
    const byOrder = new Map<Order, Observation[]>(orders.map((order) => [order, []]));
    for (const { id, order, observation } of sent) {
      byOrder.get(order)?.push({ ...observation, records: records.get(id) ?? [] });
    }
    return byOrder;
  }

  /** Requests of one client at the same concurrency go together; those of a series with its own concurrency do not. */
  private async batches(orders: readonly Order[]): Promise<Batch[]> {
    const keyOf = ({ client, series, number, concurrency }: Order) =>
      `${client.namespace}/${client.pod}/${client.container} ${concurrency} ${series.concurrency === undefined ? "" : number}`;
    const batches: Batch[] = [];
    for (const [{ client, concurrency }, together] of grouped(orders, keyOf)) {
      const requests = (await Promise.all(together.map((order) => this.prepare(order)))).flat();
      for (let start = 0; start < requests.length; start += batchSize) {
        batches.push({ client, concurrency, requests: requests.slice(start, start + batchSize) });
      }
    }
    return batches;
  }

  private async prepare(order: Order): Promise<Batch["requests"]> {
    const { addresses, tokens, run } = this.context;
    const { request } = order.series;
    const address = await addresses.of(request);
    const token = request.token && (await tokens.of(request.token));
    return Array.from({ length: order.count }, () => {
      const id = `${run}-${order.number}-${this.sent++}`;
      return { id, request, address, order, ...(token !== undefined && { token }) };
    });
  }

  private async run({ client, concurrency, requests }: Batch): Promise<Sent[]> {
    await this.pause(requests.length);
    const observed = await this.observe(client, concurrency, requests);
    return requests.flatMap(({ id, order }) => {
      const observation = observed.get(id);
      return observation ? [{ id, order, observation }] : [];
    });
  }

  private async observe(
    client: Client,
    concurrency: number,
    requests: Batch["requests"],
  ): Promise<ReadonlyMap<string, ClientObservation>> {
    const { cluster, signal, sleep } = this.context;
    const { argv, stdin } = curlCommand(curlConfig(requests, concurrency));
    const longest = Math.max(...requests.map(({ request }) => request.timeoutSeconds ?? 10));
    const seconds = 30 + longest * Math.ceil(requests.length / concurrency);
    for (let failures = 1; ; failures++) {
      try {
        const { stdout, stderr, exitCode } = await cluster.exec(client, argv, { stdin, signal, seconds });
        if (exitCode === 0) return readOutput(stdout.toString("utf8"), requests);
        throw new ExecError(`curl in ${client.namespace}/${client.pod} failed: ${stderr.trim()}`);
      } catch (error) {
        if (!(error instanceof ExecError) || failures === tries) throw error;
        await sleep(1000);
      }
    }
  }

  /** Waits until so many requests keep the rate. */
  private async pause(count: number): Promise<void> {
    const now = performance.now();
    const start = Math.max(now, this.nextFree);
    this.nextFree = start + (1000 * count) / this.context.requestsPerSecond;
    if (start > now) await this.context.sleep(start - now);
  }
}
