import { grafanaLogin, grafanaService } from "../../observability/addons/grafana";
import { benchmarkTag } from "../../observability/addons/policies-dashboard";
import type { ApiServer } from "../../shared/kubernetes/api-server";
import { podsBehind } from "../../shared/kubernetes/pods";
import { requestPod } from "../../shared/kubernetes/pod-http";

export interface Annotation {
  readonly at: Date;
  readonly text: string;
}

/** Annotates events. One that Grafana does not accept is logged as a warning, and sent again with the next one. */
export function annotator(send: (annotation: Annotation) => Promise<void>, log: (line: string) => void) {
  const unsent: Annotation[] = [];
  return async (event: string): Promise<void> => {
    unsent.push({ at: new Date(), text: event });
    try {
      for (let next = unsent[0]; next; next = unsent[0]) {
        await send(next);
        unsent.shift();
      }
    } catch (error) {
      log(`Warning: Grafana does not show "${event}" (${(error as Error).message}); nothing else depends on it`);
    }
  };
}

/**
 * Adds an annotation to the stack's Grafana, as its administrator, through a tunnel to its pod: the API server's proxy for
 * Services removes the header with the login.
 *
 * Source: https://grafana.com/docs/grafana/latest/developers/http_api/annotations/
 */
export async function annotate(
  server: ApiServer,
  namespace: string,
  annotation: Annotation,
  timeoutMs = 10_000,
): Promise<void> {
  const signal = AbortSignal.timeout(timeoutMs);
  const login = await administrator(server, namespace, signal);
  const { name: service, port } = grafanaService;
  const found = await podsBehind(server, { namespace, service, port }, signal);
  if (!found) throw new Error(`there is no Service ${namespace}/${service}`);
  const { target } = found;
  if (!target) throw new Error("no pod of Grafana is ready");
  const body = { time: annotation.at.getTime(), tags: [benchmarkTag], text: annotation.text };
  const sent = { method: "POST", path: "/api/annotations", auth: login, body };
  const { status, content } = await requestPod(server, { namespace, ...target }, sent, signal);
  if (status !== 200) throw new Error(`Grafana answers ${status}: ${content.slice(0, 200)}`);
}

async function administrator(server: ApiServer, namespace: string, signal: AbortSignal): Promise<string> {
  const reference = { apiVersion: "v1", kind: "Secret", namespace, name: grafanaLogin.secret };
  const { data } = ((await server.get(reference, signal)) ?? {}) as { data?: Readonly<Record<string, string>> };
  const [user, password] = [data?.[grafanaLogin.userKey], data?.[grafanaLogin.passwordKey]];
  if (!user || !password) throw new Error(`there is no login in Secret ${namespace}/${grafanaLogin.secret}`);
  return [user, password].map((part) => Buffer.from(part, "base64").toString("utf8")).join(":");
}
