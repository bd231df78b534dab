import { request } from "node:http";
import { type Duplex, duplexPair } from "node:stream";
import { grafanaLogin, grafanaService } from "../../observability/addons/grafana";
import { benchmarkTag } from "../../observability/addons/policies-dashboard";
import type { ApiServer } from "../../shared/kubernetes/api-server";
import { podsBehind } from "../../shared/kubernetes/pods";
import { openTunnel } from "../../shared/kubernetes/port-forward";

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
  const { name: service, port } = grafanaService;
  const found = await podsBehind(server, { namespace, service, port }, signal);
  if (!found) throw new Error(`there is no Service ${namespace}/${service}`);
  if (!found.target) throw new Error("no pod of Grafana is ready");
  const [near, far] = duplexPair();
  const tunnel = await openTunnel(server, { namespace, ...found.target }, far, { signal }).catch((error: unknown) => {
    const why = signal.aborted ? "no answer in time" : (error as Error).message;
    throw new Error(`no tunnel to pod ${found.target?.pod ?? ""}: ${why}`, { cause: error });
  });
  try {
    const body = JSON.stringify({ time: at.getTime(), tags: [benchmarkTag], text });
    const { status, content } = await post(near, "/api/annotations", login, body, signal);
    if (status !== 200) throw new Error(`Grafana answers ${status}: ${content.slice(0, 200)}`);
  } finally {
    tunnel.close();
  }
}

async function administrator(server: ApiServer, namespace: string, signal: AbortSignal): Promise<string> {
  const reference = { apiVersion: "v1", kind: "Secret", namespace, name: grafanaLogin.secret };
  const { data } = ((await server.get(reference, signal)) ?? {}) as { data?: Readonly<Record<string, string>> };
  const [user, password] = [data?.[grafanaLogin.userKey], data?.[grafanaLogin.passwordKey]];
  if (!user || !password) throw new Error(`there is no login in Secret ${namespace}/${grafanaLogin.secret}`);
  return [user, password].map((text) => Buffer.from(text, "base64").toString("utf8")).join(":");
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
