import { Writable } from "node:stream";
import type { KubeConfig, V1Status } from "@kubernetes/client-node" with { "resolution-mode": "import" };

export interface ExecResult {
  readonly stdout: Buffer;
  readonly stderr: string;
  readonly exitCode: number;
}

/** The connection to a command in a pod broke, or could not be made: nothing is known of the command. */
export class ExecError extends Error {
  override readonly name = "ExecError";
}

export interface ExecLimits {
  readonly signal?: AbortSignal;
  /** After which nothing is expected any more: a node that dies closes no connection. @default 60 */
  readonly seconds?: number;
}

/** What is used of a WebSocket, whose types are not published with the client. */
interface Connection {
  close(): void;
  ping?(): void;
  onclose: (() => void) | null;
}

export interface Target {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
}

/** Milliseconds between signs of life: a load balancer in between cuts what is silent for a minute. */
const heartbeat = 20_000;

/**
 * Runs a command in a container to its end. When `signal` is aborted, or the time is over, the connection is closed; the
 * command itself may go on, and ends with its pod.
 *
 * @throws ExecError
 */
export async function execIn(
  config: KubeConfig,
  { namespace, pod, container }: Target,
  argv: readonly string[],
  { signal, seconds = 60 }: ExecLimits = {},
): Promise<ExecResult> {
  signal?.throwIfAborted();
  const { Exec } = await import("@kubernetes/client-node");
  const [stdout, stderr] = [new Collector(), new Collector()];
  const program = argv[0] ?? "";
  const over = new AbortController();
  const timer = setTimeout(() => over.abort(), 1000 * seconds);
  const leave = () => over.abort();
  signal?.addEventListener("abort", leave);
  const ended = new Promise<ExecResult>((resolve, reject) => {
    // The other side may take half a minute to agree to the end of a connection, or never answer.
    over.signal.addEventListener("abort", () =>
      reject(
        signal?.aborted === true
          ? (signal.reason as Error)
          : new ExecError(`${program} in ${pod} has not ended within ${seconds} s`),
      ),
    );
    if (signal?.aborted === true) leave();
    const finish = (status: V1Status) => {
      const exitCode = exitCodeOf(status);
      const said = stderr.content().toString("utf8");
      // A program that is not there says nothing itself.
      resolve({ stdout: stdout.content(), stderr: said || (exitCode === 0 ? "" : (status.message ?? "")), exitCode });
    };
    new Exec(config)
      .exec(namespace, pod, container, [...argv], stdout, stderr, null, false, finish)
      .then((socket: unknown) => {
        const connection = socket as Connection;
        const alive = setInterval(() => connection.ping?.(), heartbeat).unref();
        const close = () => connection.close();
        over.signal.addEventListener("abort", close);
        if (over.signal.aborted) close();
        connection.onclose = () => {
          clearInterval(alive);
          // After `finish` this changes nothing.
          reject(new ExecError(`the connection to ${pod} was closed while ${program} ran`));
        };
      })
      .catch((error: unknown) => reject(new ExecError(`cannot run ${program} in ${pod}: ${reasonOf(error)}`)));
  });
  try {
    return await ended;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", leave);
  }
}

class Collector extends Writable {
  private readonly parts: Buffer[] = [];

  override _write(part: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.parts.push(part);
    done();
  }

  content(): Buffer {
    return Buffer.concat(this.parts);
  }
}

function exitCodeOf({ status, details }: V1Status): number {
  if (status === "Success") return 0;
  return Number(details?.causes?.find(({ reason }) => reason === "ExitCode")?.message ?? -1);
}

/** What a WebSocket reports is no Error. */
function reasonOf(error: unknown): string {
  return String((error as { message?: unknown } | null)?.message ?? error);
}
