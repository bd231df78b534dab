import { once } from "node:events";
import { request } from "node:http";
import { duplexPair, type Duplex } from "node:stream";
import { benchmarkTag } from "../../observability/dashboards/policies";
import { grafanaAdmin } from "../../observability/values/grafana";
import { addonPages } from "../../shared/addons";
import type { ApiServer } from "../../shared/api-server";
import { isReady } from "./live-objects";

/** A moment that Grafana's pages show. */
export interface Annotation {
  readonly at: Date;
  readonly text: string;
}

/** Milliseconds. */
const patience = 10_000;

/**
 * Has the stack's Grafana keep an annotation, as its administrator, through a tunnel to its pod: the API server's proxy
 * for Services takes away the header with the login.
 *
 * Source: https://grafana.com/docs/grafana/latest/developers/http_api/annotations/
 *
 * @param limit milliseconds that all of it may take
 * @throws Error that says why it did not
 */
export async function annotate(
  server: ApiServer,
  namespace: string,
  { at, text }: Annotation,
  limit = patience,
): Promise<void> {
  const signal = AbortSignal.timeout(limit);
  const login = await administrator(server, namespace, signal);
  const pod = await readyPod(server, namespace, signal);
  const { near, close } = await tunnel(server, namespace, pod, signal);
  try {
    const body = JSON.stringify({ time: at.getTime(), tags: [benchmarkTag], text });
    const { status, content } = await post(near, "/api/annotations", login, body, signal);
    if (status !== 200) throw new Error(`Grafana answers ${status}: ${content.slice(0, 200)}`);
  } finally {
    close();
  }
}

async function administrator(server: ApiServer, namespace: string, signal: AbortSignal): Promise<string> {
  const reference = { apiVersion: "v1", kind: "Secret", namespace, name: grafanaAdmin.secret };
  const { data } = ((await server.get(reference, signal)) ?? {}) as { data?: Readonly<Record<string, string>> };
  const [user, password] = [data?.[grafanaAdmin.userKey], data?.[grafanaAdmin.passwordKey]];
  if (!user || !password) throw new Error(`there is no login in Secret ${namespace}/${grafanaAdmin.secret}`);
  return [user, password].map((text) => Buffer.from(text, "base64").toString("utf8")).join(":");
}

async function readyPod(server: ApiServer, namespace: string, signal: AbortSignal): Promise<string> {
  const { service } = addonPages.grafana;
  const found = await server.get({ apiVersion: "v1", kind: "Service", namespace, name: service }, signal);
  if (!found) throw new Error(`there is no Service ${namespace}/${service}`);
  const labelSelector = Object.entries((found.spec?.selector ?? {}) as Record<string, string>)
    .map(([label, value]) => `${label}=${value}`)
    .join(",");
  const pods = await server.list({ apiVersion: "v1", kind: "Pod", namespace }, { labelSelector }, signal);
  const pod = pods.find((each) => each.metadata.deletionTimestamp === undefined && isReady(each));
  if (!pod) throw new Error("no pod of Grafana is ready");
  return pod.metadata.name;
}

interface Tunnel {
  readonly near: Duplex;
  readonly close: () => void;
}

/** A connection to Grafana's port in its pod. */
async function tunnel(server: ApiServer, namespace: string, pod: string, signal: AbortSignal): Promise<Tunnel> {
  const { PortForward } = await import("@kubernetes/client-node");
  const [near, far] = duplexPair();
  const opening = new PortForward(server.config)
    .portForward(namespace, pod, [addonPages.grafana.port], far, null, far)
    .then((opened: unknown) => {
      const socket = opened as { onclose: () => void; close(): void };
      socket.onclose = () => far.end();
      if (signal.aborted) socket.close();
      return socket;
    });
  try {
    const socket = await Promise.race([opening, ended(signal)]);
    return { near, close: () => socket.close() };
  } catch (error) {
    // A WebSocket fails with an event, which is no Error and has a message all the same.
    throw new Error(`no tunnel to pod ${pod}: ${(error as { message?: string }).message ?? "no connection"}`, {
      cause: error,
    });
  }
}

/** @throws Error when the time is over */
async function ended(signal: AbortSignal): Promise<never> {
  if (!signal.aborted) await once(signal, "abort");
  throw new Error("no answer in time");
}

function post(
  connection: Duplex,
  path: string,
  auth: string,
  body: string,
  signal: AbortSignal,
): Promise<{ status: number; content: string }> {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json", host: "localhost", connection: "close" };
    const sent = request(
      { method: "POST", path, auth, headers, signal, createConnection: () => connection },
      (answer) => {
        let content = "";
        answer.setEncoding("utf8").on("data", (part: string) => (content += part));
        answer.once("error", reject).once("end", () => resolve({ status: answer.statusCode ?? 0, content }));
      },
    );
    sent.once("error", (error) => reject(signal.aborted ? new Error("Grafana gave no answer in time") : error));
    sent.end(body);
  });
}
