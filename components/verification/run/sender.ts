import { ExecError } from "../../shared/kubernetes/errors";
import type { Sleep } from "../../shared/kubernetes/wait";
import { grouped } from "../../shared/grouped";
import { UserError } from "../../shared/problem";
import { CommandError, runCommand } from "../../shared/run-command";
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
  limitOf,
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
  readonly records: Pick<Records, "during">;
  readonly sleep: Sleep;
  /** Milliseconds. */
  readonly now: () => number;
  readonly signal?: AbortSignal;
  /** Of the run: part of every probe header. */
  readonly run: string;
  readonly requestsPerSecond: number;
  readonly maxRequests: number;
}

/** Requests of one command at most, unless more are to be sent at the same time: its output stays small. */
const batchSize = 200;
/** Clients that send at the same time. */
const sendingClients = 16;
/** Times that a batch is sent whose connection broke. */
const tries = 3;

interface Batch {
  readonly client: Client;
  readonly concurrency: number;
  readonly requests: readonly UnsentRequest[];
}

type UnsentRequest = Omit<PreparedRequest, "id"> & { readonly order: Order };

/** Sends requests, not faster than the settings allow, and finds out what came of each. */
export class Sender {
  /** Requests that were sent, also those of commands that failed. */
  sent = 0;
  private nextFree = 0;
  private readonly broken = new Map<string, string>();
  private made?: Promise<string>;

  constructor(private readonly context: SenderContext) {}

  addressOf(request: Series["request"]): Promise<Address> {
    return this.context.addresses.of(request);
  }

  /** Why the last batch of a client could not be sent: its pod may be gone. */
  failureOf(client: Client): string | undefined {
    return this.broken.get(clientId(client));
  }

  /** What came of every request of these series. @throws what `addresses` and `tokens` throw */
  async send(orders: readonly Order[]): Promise<ReadonlyMap<Order, readonly Observation[]>> {
    const batches = await this.batches(orders);
    // Those of one client one after another: only so is its concurrency what it is meant to be.
    const waiting = grouped(batches, ({ client }) => clientId(client)).map(([, all]) => all);
    const { sent, records } = await this.context.records.during(orders, async () => {
      const all: Sent[] = [];
      const work = async () => {
        for (let next = waiting.shift(); next; next = waiting.shift()) {
          for (const batch of next) all.push(...(await this.run(batch)));
        }
      };
      await Promise.all(Array.from({ length: sendingClients }, work));
      return all;
    });
    const byOrder = new Map<Order, Observation[]>(orders.map((order) => [order, []]));
    for (const { id, order, observation } of sent) {
      byOrder.get(order)?.push({ ...observation, records: records.get(id) ?? [] });
    }
    return byOrder;
  }

  /** Requests of one client at the same concurrency go together, but those of a series that has its own above 1. */
  private async batches(orders: readonly Order[]): Promise<Batch[]> {
    const keyOf = ({ client, series, number, concurrency }: Order) =>
      [clientId(client), concurrency, (series.concurrency ?? 1) > 1 ? number : ""].join(" ");
    const batches: Batch[] = [];
    for (const [{ client, concurrency }, together] of grouped(orders, keyOf)) {
      const requests = (await Promise.all(together.map((order) => this.prepare(order)))).flat();
      const size = Math.max(batchSize, 10 * concurrency);
      for (let start = 0; start < requests.length; start += size) {
        batches.push({ client, concurrency, requests: requests.slice(start, start + size) });
      }
    }
    return batches;
  }

  private async prepare(order: Order): Promise<UnsentRequest[]> {
    const { addresses, tokens } = this.context;
    const { request } = order.series;
    const address = await addresses.of(request);
    const token = request.token && (await tokens.of(request.token));
    const prepared = { request, address, order, ...(token !== undefined && { token }) };
    return Array.from({ length: order.count }, () => prepared);
  }

  private async run({ client, concurrency, requests }: Batch): Promise<Sent[]> {
    const { maxRequests, run, sleep } = this.context;
    let failure = "";
    for (let left = tries; left > 0 && this.sent + requests.length <= maxRequests; left--) {
      if (failure !== "") await sleep(1000);
      await this.pause(requests.length);
      // Proxies may have recorded those of a command that failed.
      const numbered = requests.map((one) => ({ ...one, id: `${run}-${one.order.number}-${this.sent++}` }));
      try {
        const observed = await this.observe(client, concurrency, numbered);
        this.broken.delete(clientId(client));
        return numbered.flatMap(({ id, order }) => {
          const observation = observed.get(id);
          return observation ? [{ id, order, observation }] : [];
        });
      } catch (error) {
        if (!(error instanceof ExecError)) throw error;
        failure = error.message;
      }
    }
    // A real pod that is replaced takes its client with it: the others measure.
    this.broken.set(clientId(client), failure || `verification.maxRequests is ${maxRequests}`);
    return [];
  }

  private get certificate(): Promise<string> {
    return (this.made ??= selfSignedCertificate());
  }

  /** @throws ExecError where the command could not be run to its end */
  private async observe(
    client: Client,
    concurrency: number,
    requests: readonly PreparedRequest[],
  ): Promise<ReadonlyMap<string, ClientObservation>> {
    const { cluster, signal } = this.context;
    const needsCertificate = requests.some(({ request }) => request.clientCertificate !== undefined);
    const certificate = needsCertificate ? await this.certificate : "";
    const { argv, stdin } = curlCommand(curlConfig(requests, concurrency), certificate);
    const longest = Math.max(...requests.map(({ request }) => limitOf(request)));
    const seconds = 30 + longest * Math.ceil(requests.length / concurrency);
    const { stdout, stderr, exitCode } = await cluster.exec(client, argv, { stdin, signal, seconds });
    if (exitCode === 0) return readOutput(stdout.toString("utf8"), requests);
    throw new ExecError(`curl in ${client.namespace}/${client.pod} failed: ${stderr.trim()}`);
  }

  /** Waits until so many requests keep the rate. */
  private async pause(count: number): Promise<void> {
    const now = this.context.now();
    const start = Math.max(now, this.nextFree);
    this.nextFree = start + (1000 * count) / this.context.requestsPerSecond;
    if (start > now) await this.context.sleep(start - now);
  }
}

function clientId({ namespace, pod, container }: Client): string {
  return `${namespace}/${pod}/${container}`;
}

/** A key and a certificate that no authority has signed, in PEM: what a server must refuse of its clients. */
async function selfSignedCertificate(): Promise<string> {
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "-"];
  const args = ["req", "-x509", ...key, "-days", "2", "-subj", "/CN=talos-mesh-verification", "-out", "-"];
  try {
    return (await runCommand("openssl", args, { timeoutMs: 30_000 })).stdout;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const why = error.missing ? "openssl is not on PATH" : error.message;
    throw new UserError(`no client certificate can be made: ${why}; install openssl`, { cause: error });
  }
}
