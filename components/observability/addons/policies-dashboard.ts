/** Tag of the Grafana annotations that a benchmark creates at the start and the end of a run. */
export const benchmarkTag = "talos-mesh-benchmark";

interface Query {
  readonly expr: string;
  /** Name of a line: `{{label}}` is a label's value. */
  readonly legend: string;
}

interface Panel {
  readonly title: string;
  /** What it shows, and what is normal. */
  readonly description: string;
  /** Grafana's name of the unit: reqps, percentunit, s, bytes, short. @default short */
  readonly unit?: string;
  readonly stacked?: boolean;
  readonly queries: readonly Query[];
}

interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

const datasource = { type: "prometheus", uid: "prometheus" };

/** Grafana's grid is 24 wide: two panels in a line. */
const width = 12;
const height = 8;

/** Rows of panels with their positions on the grid, from top to bottom. */
function layOut(rows: readonly Row[]): readonly object[] {
  const placed: object[] = [];
  let y = 0;
  for (const { title, panels } of rows) {
    placed.push({ id: placed.length + 1, type: "row", title, gridPos: { x: 0, y, w: 2 * width, h: 1 }, panels: [] });
    y += 1;
    for (const [index, panel] of panels.entries()) {
      const gridPos = { x: (index % 2) * width, y: y + Math.floor(index / 2) * height, w: width, h: height };
      placed.push({ id: placed.length + 1, gridPos, ...timeSeries(panel) });
    }
    y += Math.ceil(panels.length / 2) * height;
  }
  return placed;
}

function timeSeries({ title, description, unit = "short", stacked = false, queries }: Panel): object {
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
    targets: queries.map(({ expr, legend }, index) => ({
      refId: String.fromCharCode("A".charCodeAt(0) + index),
      datasource,
      expr,
      legendFormat: legend,
    })),
  };
}

/** A selection of label values above the dashboard; by default all values. */
function choice(name: string, label: string, query: string): object {
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

const chosen = 'destination_service_namespace=~"$namespace", destination_service_name=~"$service"';
/** As reported by callers' proxies; a waypoint reports for callers that have none. */
const byCallers = `reporter=~"source|waypoint", ${chosen}`;
/** As reported by the receiving end. */
const byReceivers = `reporter=~"destination|waypoint", ${chosen}`;

/** Requests a second, summed by labels. */
function requests(by: string, labels: string): string {
  return `sum by (${by}) (rate(istio_requests_total{${labels}}[$__rate_interval]))`;
}

function latency(quantile: number): string {
  const buckets = `istio_request_duration_milliseconds_bucket{${byCallers}}[$__rate_interval]`;
  return `histogram_quantile(${quantile}, sum by (le, destination_service_name) (rate(${buckets}))) / 1000`;
}

/** CPU or memory of the proxies, as the kubelet measures it. */
function ofProxies(metric: string, rated: boolean): string {
  const series = `${metric}{container="istio-proxy", namespace=~"$namespace"}`;
  return `sum by (namespace, pod) (${rated ? `rate(${series}[$__rate_interval])` : series})`;
}

const rows: readonly Row[] = [
  {
    title: "Who calls whom",
    panels: [
      {
        title: "Requests by source and destination",
        description: "A line that no rule allows should not be here with answers other than 403.",
        unit: "reqps",
        queries: [
          {
            expr: requests("source_workload, destination_service_name", byCallers),
            legend: "{{source_workload}} to {{destination_service_name}}",
          },
        ],
      },
      {
        title: "Split between versions",
        description: "Share of each version among a service's requests: compare it with the route's weights.",
        unit: "percentunit",
        stacked: true,
        queries: [
          {
            expr:
              `${requests("destination_service_name, destination_version", byReceivers)} / on (destination_service_name) ` +
              `group_left () ${requests("destination_service_name", byReceivers)}`,
            legend: "{{destination_service_name}} {{destination_version}}",
          },
        ],
      },
    ],
  },
  {
    title: "What policies do",
    panels: [
      {
        title: "Denied (403, 401)",
        description: "What authorization policies (403) and JWT rules (401, 403) turned away, by who asked.",
        unit: "reqps",
        queries: [
          {
            expr: requests(
              "source_workload, destination_service_name, response_code",
              `${byReceivers}, response_code=~"401|403"`,
            ),
            legend: "{{source_workload}} to {{destination_service_name}}: {{response_code}}",
          },
        ],
      },
      {
        title: "Share under mutual TLS",
        description: "1 in a mesh set to STRICT.",
        unit: "percentunit",
        queries: [
          {
            expr:
              `sum by (destination_service_name) (rate(istio_requests_total{${byReceivers}, connection_security_policy="mutual_tls"}[$__rate_interval])) / ` +
              requests("destination_service_name", byReceivers),
            legend: "{{destination_service_name}}",
          },
        ],
      },
      {
        title: "Injected faults",
        description: "Delays (DI) and aborts (FI) that routes put in.",
        unit: "reqps",
        queries: [
          {
            expr: requests("destination_service_name, response_flags", `${byCallers}, response_flags=~".*(DI|FI).*"`),
            legend: "{{destination_service_name}}: {{response_flags}}",
          },
        ],
      },
      {
        title: "Refused by limits",
        description:
          "Circuit breakers (UO), ejected or missing endpoints (UH), rate limits (RL), retries used up (URX).",
        unit: "reqps",
        queries: [
          {
            expr: requests(
              "destination_service_name, response_flags",
              `${byCallers}, response_flags=~".*(UO|UH|RL|URX).*"`,
            ),
            legend: "{{destination_service_name}}: {{response_flags}}",
          },
        ],
      },
      {
        title: "Stopped on the way out",
        description: "Calls to hosts that nothing registers, where the mesh's outbound policy is REGISTRY_ONLY.",
        unit: "reqps",
        queries: [
          {
            expr: `sum by (source_workload) (rate(istio_requests_total{reporter="source", destination_service_name="BlackHoleCluster"}[$__rate_interval]))`,
            legend: "{{source_workload}}: HTTP",
          },
          {
            expr: `sum by (source_workload) (rate(istio_tcp_connections_opened_total{reporter="source", destination_service_name="BlackHoleCluster"}[$__rate_interval]))`,
            legend: "{{source_workload}}: TCP",
          },
        ],
      },
      {
        title: "Answers of 5xx",
        description: "Share of failed requests as callers see them.",
        unit: "percentunit",
        queries: [
          {
            expr: `${requests("destination_service_name", `${byCallers}, response_code=~"5.."`)} / ${requests("destination_service_name", byCallers)}`,
            legend: "{{destination_service_name}}",
          },
        ],
      },
    ],
  },
  {
    title: "What it costs",
    panels: [
      {
        title: "Latency, half and 99 of 100 requests",
        description:
          "As callers' proxies measure it. The benchmark's own report has intervals; this has the course of it.",
        unit: "s",
        queries: [
          { expr: latency(0.5), legend: "{{destination_service_name}} p50" },
          { expr: latency(0.99), legend: "{{destination_service_name}} p99" },
        ],
      },
      {
        title: "Requests a second",
        description: "The load under which the other figures of this row arise.",
        unit: "reqps",
        queries: [{ expr: requests("destination_service_name", byCallers), legend: "{{destination_service_name}}" }],
      },
      {
        title: "CPU of proxies",
        description: "Cores. ztunnel's is found in its own namespace.",
        queries: [{ expr: ofProxies("container_cpu_usage_seconds_total", true), legend: "{{namespace}}/{{pod}}" }],
      },
      {
        title: "Memory of proxies",
        description: "Working set. It grows with what istiod sends; see proxy scoping.",
        unit: "bytes",
        queries: [{ expr: ofProxies("container_memory_working_set_bytes", false), legend: "{{namespace}}/{{pod}}" }],
      },
    ],
  },
];

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
      choice("namespace", "Namespace", "label_values(istio_requests_total, destination_service_namespace)"),
      choice(
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
  panels: layOut(rows),
};
