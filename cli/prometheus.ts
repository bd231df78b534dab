import { prometheusService } from "../components/observability/addons/prometheus";

/** A sample of an instant query: labels, and `[time, value]`. */
export type Sample = Readonly<{ metric: Readonly<Record<string, string>>; value: readonly [number, string] }>;

/**
 * An instant query to the stack's Prometheus, through the API server's proxy.
 *
 * @param read gets a path of the API server
 * @param namespace of the observability addons
 */
export async function instantQuery(
  read: (path: string) => Promise<unknown>,
  namespace: string,
  query: string,
): Promise<readonly Sample[]> {
  const { name: service, port } = prometheusService;
  const proxy = `/api/v1/namespaces/${namespace}/services/http:${service}:${port}/proxy`;
  const answer = await read(`${proxy}/api/v1/query?query=${encodeURIComponent(query)}`);
  const { data } = (answer ?? {}) as { readonly data?: { readonly result?: readonly Sample[] } };
  if (Array.isArray(data?.result)) return data.result as readonly Sample[];
  throw new Error(`Prometheus did not answer with samples: ${JSON.stringify(answer)}`);
}
