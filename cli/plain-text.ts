import { prometheusService } from "../components/observability/addons/prometheus";

/** A client and a server that communicated without mTLS, as the server's proxy counted it. */
export interface PlainTextPair {
  /** `namespace/workload`; `unknown/unknown` for a client outside the mesh, which proves no identity. */
  readonly from: string;
  readonly to: string;
  /** HTTP requests and TCP connections. */
  readonly count: number;
}

export interface PlainTextReport {
  /** The most frequent first. */
  readonly pairs: readonly PlainTextPair[];
  /** HTTP requests and TCP connections of the whole mesh, with and without mTLS. */
  readonly total: number;
}

/** A sample of Prometheus's instant query: labels, and `[time, value]`. */
interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

const labels = [
  "source_workload_namespace",
  "source_workload",
  "destination_workload_namespace",
  "destination_workload",
  "connection_security_policy",
];

/**
 * Plain-text traffic in the mesh, from the stack's Prometheus through the API server's proxy. Sidecars and waypoints
 * count requests and connections, ztunnel counts connections. Traffic that a STRICT workload refused is not counted.
 *
 * @param read gets a path of the API server
 * @param window a Prometheus duration: `1d`
 * @throws Error where Prometheus answers with anything but samples
 */
export async function plainText(
  read: (path: string) => Promise<unknown>,
  { namespace, window }: { readonly namespace: string; readonly window: string },
): Promise<PlainTextReport> {
  const { name: service, port } = prometheusService;
  const proxy = `/api/v1/namespaces/${namespace}/services/http:${service}:${port}/proxy`;
  const answers = await Promise.all(
    ["istio_requests_total", "istio_tcp_connections_opened_total"].map((metric) => {
      const query = `sum by (${labels.join(", ")}) (increase(${metric}{reporter="destination"}[${window}]))`;
      return read(`${proxy}/api/v1/query?query=${encodeURIComponent(query)}`);
    }),
  );
  return report(answers.flatMap(samples));
}

function samples(answer: unknown): readonly Sample[] {
  const { data } = (answer ?? {}) as { readonly data?: { readonly result?: readonly Sample[] } };
  if (!Array.isArray(data?.result)) {
    throw new Error(`Prometheus did not answer with samples: ${JSON.stringify(answer)}`);
  }
  return data.result as readonly Sample[];
}

function report(found: readonly Sample[]): PlainTextReport {
  const pairs = new Map<string, PlainTextPair>();
  let total = 0;
  for (const { metric, value } of found) {
    const name = (side: string) => `${metric[`${side}_workload_namespace`]}/${metric[`${side}_workload`]}`;
    const [from, to, count] = [name("source"), name("destination"), Number(value[1])];
    total += count;
    // Without mTLS, Envoy reports `none` and ztunnel `unknown`.
    if (metric.connection_security_policy === "mutual_tls" || count === 0) continue;
    const key = `${from} ${to}`;
    pairs.set(key, { from, to, count: (pairs.get(key)?.count ?? 0) + count });
  }
  return {
    pairs: [...pairs.values()].sort((a, b) => b.count - a.count || (a.from + a.to < b.from + b.to ? -1 : 1)),
    total,
  };
}
