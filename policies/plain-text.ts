import { prometheusService } from "../components/observability/addons/prometheus";

/** Who asks whom without mTLS, as the proxies of those who are asked have counted it. */
export interface PlainTextPair {
  /** `namespace/workload`; `unknown/unknown` where the caller is not in the mesh, and so tells no name. */
  readonly from: string;
  readonly to: string;
  /** HTTP requests and TCP connections. */
  readonly count: number;
}

export interface PlainTextReport {
  /** The most frequent first. */
  readonly pairs: readonly PlainTextPair[];
  /** HTTP requests and TCP connections of the whole mesh, mTLS or not. */
  readonly total: number;
}

/** A series of Prometheus' answer: labels, and `[time, value]`. */
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
 * Asks the stack's Prometheus, through the API server, who spoke plain text. Sidecars and waypoints count requests and
 * connections, ztunnel connections. What a STRICT workload refused is in none of these figures.
 *
 * @param read answers for a path of the API server
 * @param window as Prometheus writes spans of time: `1d`
 * @throws Error where Prometheus gives another answer than samples
 */
export async function plainText(
  read: (path: string) => Promise<unknown>,
  { namespace, window }: { readonly namespace: string; readonly window: string },
): Promise<PlainTextReport> {
  const { name: service, port } = prometheusService;
  const sums = ["istio_requests_total", "istio_tcp_connections_opened_total"].map(
    (metric) => `sum by (${labels.join(", ")}) (increase(${metric}{reporter="destination"}[${window}]))`,
  );
  const answers = await Promise.all(
    sums.map((query) =>
      read(
        `/api/v1/namespaces/${namespace}/services/http:${service}:${port}/proxy/api/v1/query?query=${encodeURIComponent(query)}`,
      ),
    ),
  );
  return summed(answers.flatMap(samples));
}

function samples(answer: unknown): readonly Sample[] {
  const { data } = (answer ?? {}) as { readonly data?: { readonly result?: readonly Sample[] } };
  if (!Array.isArray(data?.result))
    throw new Error(`Prometheus did not answer with samples: ${JSON.stringify(answer)}`);
  return data.result as readonly Sample[];
}

function summed(found: readonly Sample[]): PlainTextReport {
  const pairs = new Map<string, PlainTextPair>();
  let total = 0;
  for (const { metric, value } of found) {
    const name = (side: string) => `${metric[`${side}_workload_namespace`]}/${metric[`${side}_workload`]}`;
    const [from, to, count] = [name("source"), name("destination"), Number(value[1])];
    total += count;
    // Envoy says `none`, ztunnel `unknown`.
    if (metric.connection_security_policy === "mutual_tls" || count === 0) continue;
    const key = `${from} ${to}`;
    pairs.set(key, { from, to, count: (pairs.get(key)?.count ?? 0) + count });
  }
  return {
    pairs: [...pairs.values()].sort((a, b) => b.count - a.count || (a.from + a.to < b.from + b.to ? -1 : 1)),
    total,
  };
}
