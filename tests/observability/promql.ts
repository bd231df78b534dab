/** Words of PromQL that the expressions use; everything else outside of brackets is a metric. */
export const words: ReadonlySet<string> = new Set([
  "absent",
  "and",
  "by",
  "count",
  "group_left",
  "histogram_quantile",
  "max",
  "min",
  "on",
  "or",
  "rate",
  "sum",
  "time",
  "vector",
]);

/**
 * Metrics that there are, from the sources of what exposes them:
 * - Istio's proxies and waypoints: istio.io/latest/docs/reference/config/metrics;
 * - istiod: istio/istio, pkg/xds/monitoring.go, pilot/pkg/xds/monitoring.go, security/pkg/server/ca/monitoring.go,
 *   pkg/kube/inject/monitoring.go, pkg/webhooks/validation/server/monitoring.go;
 * - the agent in a sidecar: security/pkg/nodeagent/cache/monitoring.go, with the prefix of pilot/cmd/pilot-agent;
 * - Prometheus itself, and the kubelet's cAdvisor.
 */
export const metrics: ReadonlySet<string> = new Set([
  "istio_requests_total",
  "istio_request_duration_milliseconds_bucket",
  "istio_tcp_connections_opened_total",
  "pilot_total_xds_rejects",
  "pilot_proxy_convergence_time_bucket",
  "sidecar_injection_failure_total",
  "galley_validation_http_error",
  "citadel_server_root_cert_expiry_timestamp",
  "citadel_server_cert_chain_expiry_timestamp",
  "istio_agent_cert_expiry_seconds",
  "up",
  "process_start_time_seconds",
  "container_cpu_usage_seconds_total",
  "container_memory_working_set_bytes",
]);
