import type { Duplex } from "node:stream";
import { Writable } from "node:stream";
import type { ApiServer } from "./api-server";

export interface PodPort {
  readonly namespace: string;
  readonly pod: string;
  /** A port of the pod's network. */
  readonly port: number;
}

export interface Tunnel {
  close(): void;
}

/** What is used of a WebSocket, whose types are not published with the client. */
interface WebSocket extends Tunnel {
  onclose: () => void;
  onerror: () => void;
}

/**
 * Carries a stream to a port of a pod and back. When the pod's side ends, the stream is ended; when the connection breaks,
 * it is destroyed; when the stream is closed, so is the tunnel.
 *
 * @param onComplaint gets what the node reports, for instance that nothing listens on the port
 * @throws Error saying why there is no tunnel; the signal's reason
 */
export async function openTunnel(
  server: Pick<ApiServer, "kubeConfig">,
  { namespace, pod, port }: PodPort,
  stream: Duplex,
  { signal, onComplaint }: { readonly signal?: AbortSignal; readonly onComplaint?: (line: string) => void } = {},
): Promise<Tunnel> {
  const { PortForward } = await import("@kubernetes/client-node");
  const complaints = new Writable({
    write: (chunk: Buffer, _, done) => {
      // Each stream begins with an empty message.
      if (chunk.length > 0) onComplaint?.(chunk.toString().trim());
      done();
    },
  });
  const opening = new PortForward(server.kubeConfig)
    .portForward(namespace, pod, [port], stream, complaints, stream)
    .then((opened: unknown) => opened as WebSocket);
  let socket: WebSocket;
  try {
    socket = await (signal ? Promise.race([opening, aborted(signal)]) : opening);
  } catch (error) {
    if (signal?.aborted === true) void opening.then((late) => late.close()).catch(() => undefined);
    // A WebSocket fails with an event, which is no Error and has a message all the same.
    throw new Error((error as { message?: string }).message ?? "no connection", { cause: error });
  }
  socket.onclose = () => stream.end();
  socket.onerror = () => stream.destroy();
  stream.once("close", () => socket.close());
  return socket;
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const stop = () => reject(signal.reason as Error);
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
}
