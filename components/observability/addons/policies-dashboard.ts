/** Tag of the Grafana annotations that a benchmark creates at the start and the end of a run. */
export const benchmarkTag = "talos-mesh-benchmark";

const selected = 'destination_service_namespace=~"$namespace", destination_service_name=~"$service"';
/** As reported by callers' proxies; a waypoint reports for callers that have none. */
const byCallers = `reporter=~"source|waypoint", ${selected}`;
/** As reported by the receiving end. */
const byReceivers = `reporter=~"destination|waypoint", ${selected}`;

/** Requests a second, summed by labels. */
function requests(by: string, labels: string): string {
  return `sum by (${by}) (rate(istio_requests_total{${labels}}[$__rate_interval]))`;
}

const perService = (labels: string) => requests("destination_service_name", labels);
const perFlags = (flags: string) =>
  requests("destination_service_name, response_flags", `${byCallers}, response_flags=~".*(${flags}).*"`);

function latency(quantile: number): string {
  const buckets = `istio_request_duration_milliseconds_bucket{${byCallers}}[$__rate_interval]`;
  return `histogram_quantile(${quantile}, sum by (le, destination_service_name) (rate(${buckets}))) / 1000`;
}

const ofProxies = '{container="istio-proxy", namespace=~"$namespace"}';

/** Traffic to hosts that are not registered. */
function blocked(metric: string): string {
  const labels = 'reporter="source", destination_service_name="BlackHoleCluster"';
  return `sum by (source_workload) (rate(${metric}{${labels}}[$__rate_interval]))`;
}

/** A query and the name of its lines: `{{label}}` is a label's value. */
type Query = readonly [expr: string, legend: string];

const datasource = { type: "prometheus", uid: "prometheus" };

/** @param unit Grafana's name of the unit */
function panel(
  title: string,
  description: string,
  unit: "reqps" | "percentunit" | "s" | "bytes" | "short",
  queries: readonly Query[],
  stacked = false,
): object {
  return {
    type: "timeseries",
    title,
    description,
    datasource,
    fieldConfig: {
      defaults: {
        unit,
        min: 0,
        ...(unit === "percentunit" && { max: 1 }),
        custom: { fillOpacity: stacked ? 40 : 10, ...(stacked && { stacking: { mode: "normal" } }) },
      },
      overrides: [],
    },
    options: { legend: { displayMode: "table", placement: "right", calcs: ["lastNotNull"] } },
    targets: queries.map(([expr, legendFormat], index) => ({
      refId: String.fromCharCode("A".charCodeAt(0) + index),
      datasource,
      expr,
      legendFormat,
    })),
  };
}

/** Rows of panels, from top to bottom. */
const rows: Readonly<Record<string, readonly object[]>> = {
  "Who calls whom": [
    panel(
      "Requests by source and destination",
      "A line that no rule allows should not be here with answers other than 403.",
      "reqps",
      [
        [
          requests("source_workload, destination_service_name", byCallers),
          "{{source_workload}} to {{destination_service_name}}",
        ],
      ],
    ),
    panel(
      "Split between versions",
      "Share of each version among a service's requests: compare it with the route's weights.",
      "percentunit",
      [
        [
          `${requests("destination_service_name, destination_version", byReceivers)} / on (destination_service_name) ` +
            `group_left () ${perService(byReceivers)}`,
          "{{destination_service_name}} {{destination_version}}",
        ],
      ],
      true,
    ),
  ],
  "What policies do": [
    panel(
      "Denied (403, 401)",
      "What authorization policies (403) and JWT rules (401, 403) turned away, by who asked.",
      "reqps",
      [
        [
          requests(
            "source_workload, destination_service_name, response_code",
            `${byReceivers}, response_code=~"401|403"`,
          ),
          "{{source_workload}} to {{destination_service_name}}: {{response_code}}",
        ],
      ],
    ),
    panel("Share under mutual TLS", "1 in a mesh set to STRICT.", "percentunit", [
      [
        `${perService(`${byReceivers}, connection_security_policy="mutual_tls"`)} / ${perService(byReceivers)}`,
        "{{destination_service_name}}",
      ],
    ]),
    panel("Injected faults", "Delays (DI) and aborts (FI) that routes put in.", "reqps", [
      [perFlags("DI|FI"), "{{destination_service_name}}: {{response_flags}}"],
    ]),
    panel(
      "Refused by limits",
      "Circuit breakers (UO), ejected or missing endpoints (UH), rate limits (RL), retries used up (URX).",
      "reqps",
      [[perFlags("UO|UH|RL|URX"), "{{destination_service_name}}: {{response_flags}}"]],
    ),
    panel(
      "Stopped on the way out",
      "Calls to hosts that nothing registers, where the mesh's outbound policy is REGISTRY_ONLY.",
      "reqps",
      [
        [blocked("istio_requests_total"), "{{source_workload}}: HTTP"],
        [blocked("istio_tcp_connections_opened_total"), "{{source_workload}}: TCP"],
      ],
    ),
    panel("Answers of 5xx", "Share of failed requests as callers see them.", "percentunit", [
      [
        `${perService(`${byCallers}, response_code=~"5.."`)} / ${perService(byCallers)}`,
        "{{destination_service_name}}",
      ],
    ]),
  ],
  "What it costs": [
    panel(
      "Latency, half and 99 of 100 requests",
      "As callers' proxies measure it. The benchmark's own report has intervals; this has the course of it.",
      "s",
      [
        [latency(0.5), "{{destination_service_name}} p50"],
        [latency(0.99), "{{destination_service_name}} p99"],
      ],
    ),
    panel("Requests a second", "The load under which the other figures of this row arise.", "reqps", [
      [perService(byCallers), "{{destination_service_name}}"],
    ]),
    panel("CPU of proxies", "Cores. ztunnel's is found in its own namespace.", "short", [
      [
        `sum by (namespace, pod) (rate(container_cpu_usage_seconds_total${ofProxies}[$__rate_interval]))`,
        "{{namespace}}/{{pod}}",
      ],
    ]),
    panel("Memory of proxies", "Working set. It grows with what istiod sends; see proxy scoping.", "bytes", [
      [`sum by (namespace, pod) (container_memory_working_set_bytes${ofProxies})`, "{{namespace}}/{{pod}}"],
    ]),
  ],
};

/** Rows and panels with their positions on Grafana's grid, which is 24 wide: two panels in a line. */
function layOut(): object[] {
  const [width, height] = [12, 8];
  const placed: object[] = [];
  let y = 0;
  for (const [title, panels] of Object.entries(rows)) {
    placed.push({ id: placed.length + 1, type: "row", title, gridPos: { x: 0, y, w: 2 * width, h: 1 }, panels: [] });
    y += 1;
    for (const [index, each] of panels.entries()) {
      const gridPos = { x: (index % 2) * width, y: y + Math.floor(index / 2) * height, w: width, h: height };
      placed.push({ id: placed.length + 1, gridPos, ...each });
    }
    y += Math.ceil(panels.length / 2) * height;
  }
  return placed;
}

/** A selection of label values above the dashboard; by default all values. */
function selection(name: string, label: string, query: string): object {
  return {
    name,
    label,
    type: "query",
    datasource,
    query: { query, refId: name },
    refresh: 2,
    multi: true,
    includeAll: true,
    allValue: ".*",
    current: { text: "All", value: "$__all" },
  };
}

/** This project's own dashboard: the effect of policies, and what the mesh costs while a benchmark runs. */
export const policiesDashboard = {
  uid: "talos-mesh-policies",
  title: "talos-mesh: policies and cost",
  tags: ["talos-mesh", "istio"],
  schemaVersion: 39,
  version: 1,
  editable: false,
  refresh: "30s",
  time: { from: "now-1h", to: "now" },
  templating: {
    list: [
      selection("namespace", "Namespace", "label_values(istio_requests_total, destination_service_namespace)"),
      selection(
        "service",
        "Service",
        'label_values(istio_requests_total{destination_service_namespace=~"$namespace"}, destination_service_name)',
      ),
    ],
  },
  annotations: {
    list: [
      {
        name: "Benchmark runs",
        datasource: { type: "grafana", uid: "-- Grafana --" },
        enable: true,
        iconColor: "orange",
        target: { type: "tags", tags: [benchmarkTag], matchAny: true, limit: 100 },
      },
    ],
  },
  panels: layOut(),
};
