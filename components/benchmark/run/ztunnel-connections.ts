/** Connections that ztunnels have opened, as client or as server, since they started. */
export interface Connections {
  /** With mTLS. */
  readonly mutual: number;
  readonly plain: number;
}

/** Those within a namespace, waypoint included. https://istio.io/latest/docs/reference/config/metrics/ */
export function connectionsIn(metrics: string, namespace: string): Connections {
  const within = ["source", "destination"].map((side) => `${side}_workload_namespace="${namespace}"`);
  const count = { mutual: 0, plain: 0 };
  for (const [, labels = "", value] of metrics.matchAll(/^istio_tcp_connections_opened_total\{(.*)\} (\S+)/gm)) {
    if (!within.every((label) => labels.includes(label))) continue;
    count[labels.includes('connection_security_policy="mutual_tls"') ? "mutual" : "plain"] += Number(value);
  }
  return count;
}
