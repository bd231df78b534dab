import { own } from "../components/shared/own";
import { instantQuery } from "./prometheus";

export type PlainTextReport = Awaited<ReturnType<typeof plainText>>;

const workload = (side: string) => [`${side}_workload_namespace`, `${side}_workload`];
const labels = [...workload("source"), ...workload("destination"), "connection_security_policy"].join(", ");

/**
 * Plain-text traffic in the mesh, from the stack's Prometheus through the API server's proxy. Sidecars and waypoints
 * count requests and connections, ztunnel counts connections. Traffic that a STRICT workload refused is not counted.
 *
 * `pairs` are the clients and servers that communicated without mTLS, as the server's proxy counted it; the most frequent
 * first. Names are `namespace/workload`, and `unknown/unknown` for a client outside the mesh, which proves no identity.
 * `total` counts all HTTP requests and TCP connections, with and without mTLS.
 *
 * @param read gets a path of the API server
 * @param window a Prometheus duration: `1d`
 */
export async function plainText(
  read: (path: string) => Promise<unknown>,
  { namespace, window }: { readonly namespace: string; readonly window: string },
) {
  const answers = await Promise.all(
    ["istio_requests_total", "istio_tcp_connections_opened_total"].map((metric) => {
      const query = `sum by (${labels}) (increase(${metric}{reporter="destination"}[${window}]))`;
      return instantQuery(read, namespace, query);
    }),
  );
  const pairs = new Map<string, { readonly from: string; readonly to: string; readonly count: number }>();
  let total = 0;
  for (const { metric, value } of answers.flat()) {
    const name = (side: string) =>
      workload(side)
        .map((label) => own(metric, label))
        .join("/");
    const [from, to, count] = [name("source"), name("destination"), Number(value[1])];
    total += count;
    // Without mTLS, Envoy reports `none` and ztunnel `unknown`.
    if (metric.connection_security_policy === "mutual_tls" || count === 0) continue;
    const key = `${from} ${to}`;
    pairs.set(key, { from, to, count: (pairs.get(key)?.count ?? 0) + count });
  }
  const byCount = [...pairs].sort(([a, { count: ofA }], [b, { count: ofB }]) => ofB - ofA || (a < b ? -1 : 1));
  return { pairs: byCount.map(([, pair]) => pair), total };
}
