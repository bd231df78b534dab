import { once } from "node:events";
import { type Duplex, PassThrough, Writable } from "node:stream";
import type { V1Status } from "@kubernetes/client-node" with { "resolution-mode": "import" };
import type { ApiServer } from "./api-server";
import { ExecError } from "./errors";

export interface ExecResult {
  readonly stdout: Buffer;
  readonly stderr: string;
  readonly exitCode: number;
}

export interface ExecOptions {
  /** Standard input. It is not ended, as not every API server can: the command reads as many bytes as it needs. */
  readonly stdin?: string;
  readonly signal?: AbortSignal;
  /** After which no result is expected any more: a node that dies closes no connection. @default 60 */
  readonly seconds?: number;
}

/** What is used of the client's WebSocket, which has no published types. */
interface WebSocket {
  close(): void;
  ping?(): void;
  onclose: (() => void) | null;
  onerror: (() => void) | null;
}

/** Milliseconds between two pings: load balancers cut connections that are silent for a minute. */
const pingInterval = 20_000;

/**
 * Runs a command in a container to its end. When `signal` is aborted or the time is over, the connection is closed; the
 * command itself may go on, and ends with its pod.
 */
export async function execInPod(
  server: Pick<ApiServer, "kubeConfig">,
  { namespace, pod, container }: Readonly<Record<"namespace" | "pod" | "container", string>>,
  argv: readonly string[],
  { stdin, signal, seconds = 60 }: ExecOptions = {},
): Promise<ExecResult> {
  signal?.throwIfAborted();
  const { Exec } = await import("@kubernetes/client-node");
  const [stdout, stderr] = [new Collector(), new Collector()];
  const input = stdin === undefined ? null : new PassThrough();
  input?.write(stdin);
  const program = argv[0] ?? "";
  const deadline = AbortSignal.timeout(1000 * seconds);
  const end = signal ? AbortSignal.any([signal, deadline]) : deadline;
  const finished = new Promise<V1Status>((resolve, reject) => {
    new Exec(server.kubeConfig)
      .exec(namespace, pod, container, [...argv], stdout, stderr, input, false, resolve)
      .then((opened: unknown) => {
        const socket = opened as WebSocket;
        const ping = setInterval(() => socket.ping?.(), pingInterval).unref();
        const close = () => socket.close();
        if (end.aborted) close();
        else end.addEventListener("abort", close, { once: true });
        socket.onclose = () => {
          clearInterval(ping);
          // After the result this changes nothing.
          reject(new ExecError(`the connection to ${pod} was closed while ${program} ran`));
        };
      })
      .catch((error: unknown) => reject(new ExecError(`cannot run ${program} in ${pod}: ${messageOf(error)}`)));
  });
  try {
    // Without waiting for the other side, which may take half a minute to agree to the end of a connection.
    const status = await Promise.race([finished, aborted(end)]);
    const exitCode = exitCodeOf(status);
    // A program that does not exist prints nothing itself.
    const printed = stderr.content().toString("utf8") || (exitCode === 0 ? "" : (status.message ?? ""));
    return { stdout: stdout.content(), stderr: printed, exitCode };
  } catch (error) {
    signal?.throwIfAborted();
    throw deadline.aborted ? new ExecError(`${program} in ${pod} has not ended within ${seconds} s`) : error;
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

export interface PodPort {
  readonly namespace: string;
  readonly pod: string;
  readonly port: number;
}

/**
 * Carries a stream to a port of a pod and back. When the pod's side ends, the stream is ended; when the connection breaks,
 * it is destroyed; when the stream is closed, so is the connection.
 *
 * @param onComplaint gets what the node reports, for instance that nothing listens on the port
 */
export async function openTunnel(
  server: Pick<ApiServer, "kubeConfig">,
  { namespace, pod, port }: PodPort,
  stream: Duplex,
  { signal, onComplaint }: { readonly signal?: AbortSignal; readonly onComplaint?: (line: string) => void } = {},
): Promise<void> {
  const { PortForward } = await import("@kubernetes/client-node");
  const complaints = new Writable({
    write: (chunk: Buffer, _, done) => {
      // Each stream begins with an empty message.
      if (chunk.length > 0) onComplaint?.(chunk.toString().trim());
      done();
    },
  });
  const forward = new PortForward(server.kubeConfig);
  const opening = forward.portForward(namespace, pod, [port], stream, complaints, stream) as Promise<unknown>;
  const socket = (await (signal ? Promise.race([opening, aborted(signal)]) : opening).catch((error: unknown) => {
    if (signal?.aborted === true) void opening.then((late) => (late as WebSocket).close()).catch(() => undefined);
    throw new Error(messageOf(error), { cause: error });
  })) as WebSocket;
  socket.onclose = () => stream.end();
  socket.onerror = () => stream.destroy();
  stream.once("close", () => socket.close());
}

async function aborted(signal: AbortSignal): Promise<never> {
  if (!signal.aborted) await once(signal, "abort");
  throw signal.reason as Error;
}

/** A WebSocket fails with an event, which is no Error but has a message. */
function messageOf(error: unknown): string {
  const { message } = (error ?? {}) as { message?: string };
  return message ?? "no connection";
}
