import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { duplexPair } from "node:stream";
import { text } from "node:stream/consumers";
import type { ApiServer } from "./api-server";
import { openTunnel, type PodPort } from "./pod-streams";

export interface PodRequest {
  readonly path: string;
  /** @default "GET" */
  readonly method?: string;
  /** `user:password`. */
  readonly auth?: string;
  /** As JSON. */
  readonly body?: object;
}

/**
 * Sends a request through a tunnel to a pod, which sees it come from localhost: the API server's own proxy removes the header
 * with the login, and debug endpoints of istiod answer localhost only.
 */
export async function requestPod(
  server: ApiServer,
  target: PodPort,
  { path, method = "GET", auth, body }: PodRequest,
  signal: AbortSignal,
): Promise<{ readonly status: number; readonly content: string }> {
  const [near, far] = duplexPair();
  const late = "no answer in time";
  await openTunnel(server, target, far, { signal }).catch((error: unknown) => {
    const why = signal.aborted ? late : (error as Error).message;
    throw new Error(`no tunnel to pod ${target.pod}: ${why}`, { cause: error });
  });
  try {
    const type = body && { "content-type": "application/json" };
    const headers = { ...type, host: "localhost", connection: "close" };
    const sent = request({ method, path, auth, headers, signal, createConnection: () => near });
    sent.end(body && JSON.stringify(body));
    const [response] = (await once(sent, "response")) as [IncomingMessage];
    return { status: response.statusCode ?? 0, content: await text(response) };
  } catch (error) {
    throw signal.aborted ? new Error(`pod ${target.pod} gave ${late}`) : error;
  } finally {
    far.destroy();
  }
}
