/** `critical`: traffic or security is affected now. `warning`: it will be, or a setting has no effect. */
type Severity = "critical" | "warning";

/** An alerting rule in Prometheus' format. */
export interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  /** How long the condition must hold, so that a restart raises no alert. */
  readonly for: string;
  readonly labels: { readonly severity: Severity; readonly gateway?: string };
  readonly annotations: { readonly summary: string; readonly description: string; readonly runbook: string };
}

export interface AlertGroup {
  readonly name: string;
  readonly rules: readonly AlertRule[];
}

/** The facts about the mesh that its alerts depend on. */
export interface ObservedMesh {
  /** Names of the gateways; their pods have the label `istio: <name>`. */
  readonly gateways: readonly string[];
  /** Whether it has ztunnel. */
  readonly ambient: boolean;
  /** Whether it refuses plain text everywhere. */
  readonly strictMtls: boolean;
}

interface AlertText {
  readonly expr: string;
  readonly for: string;
  readonly severity: Severity;
  /** The gateway that it is about; the label distinguishes alerts with the same name. */
  readonly gateway?: string;
  readonly summary: string;
  readonly description: string;
}

function alert(name: string, { expr, for: holds, severity, gateway, summary, description }: AlertText): AlertRule {
  return {
    alert: name,
    expr: expr.replace(/\s+/g, " ").trim(),
    for: holds,
    labels: { severity, ...(gateway && { gateway }) },
    annotations: { summary, description, runbook: `docs/runbook.md#${name.toLowerCase()}` },
  };
}

/** Pods that Prometheus scrapes; the job adds each pod's labels. */
function reached(labels: string): string {
  return `up{job="kubernetes-pods", ${labels}} == 1`;
}

/** Whether a DaemonSet has fewer running pods than there are nodes, or none at all. */
function fewerThanNodes(labels: string): string {
  return `count(up{job="kubernetes-nodes"}) - (count(${reached(labels)}) or vector(0)) > 0`;
}

/**
 * How much a counter has grown in 10 minutes. A counter that appears with its first event has no earlier sample, and
 * `increase` would miss that event. In its first 11 minutes Prometheus cannot decide this, and raises no alert.
 */
function grown(counter: string, by: string): string {
  const sum = (suffix = "") => `sum by (${by}) (${counter}${suffix})`;
  return `${sum()} - (${sum(" offset 10m")} or ${sum()} * 0) > 0
    and on () (time() - max(process_start_time_seconds{job="prometheus"}) > 660)`;
}

/** As reported by callers, which includes the answers of their proxies for services that do not exist. */
const seenByCallers = 'reporter=~"source|waypoint"';
const service = "destination_service_namespace, destination_service_name";

function controlPlane(): AlertGroup {
  return {
    name: "istio-control-plane",
    rules: [
      alert("IstiodDown", {
        expr: `absent(${reached('app="istiod"')})`,
        for: "3m",
        severity: "critical",
        summary: "No istiod answers",
        description:
          "Running proxies go on with what they have; no pod gets a sidecar, no certificate is renewed, no change arrives.",
      }),
      alert("IstioConfigurationRejected", {
        expr: grown("pilot_total_xds_rejects", "type"),
        for: "1m",
        severity: "warning",
        summary: "Proxies reject configuration of type {{ $labels.type }}",
        description: "{{ $value }} rejections within 10 minutes. Those proxies keep their last good configuration.",
      }),
      alert("IstioConfigurationSlow", {
        expr: `histogram_quantile(0.99, sum by (le) (rate(pilot_proxy_convergence_time_bucket[5m]))) > 30`,
        for: "10m",
        severity: "warning",
        summary: "Changes take {{ $value | humanizeDuration }} to reach the proxies",
        description:
          "99 of 100 pushes arrive within that time; istiod may lack CPU, or proxies get more than they need.",
      }),
      alert("IstioInjectionFails", {
        expr: grown("sidecar_injection_failure_total", "namespace, pod"),
        for: "1m",
        severity: "critical",
        summary: "The injector fails",
        description: "{{ $value }} pods within 10 minutes got no sidecar and were not made.",
      }),
      alert("IstioValidationFails", {
        expr: grown("galley_validation_http_error", "reason"),
        for: "1m",
        severity: "warning",
        summary: "istiod's validating webhook fails",
        description: "{{ $value }} objects within 10 minutes were refused without being looked at.",
      }),
    ],
  };
}

function certificates(): AlertGroup {
  const days = (count: number) => count * 24 * 3600;
  // The root, and the chain that istiod signs with; 0 where it could not read them.
  const left = `min({__name__=~"citadel_server_(root_cert|cert_chain)_expiry_timestamp"} > 0) - time()`;
  return {
    name: "istio-certificates",
    rules: [
      alert("IstioAuthorityExpiresSoon", {
        expr: `${left} < ${days(30)} and ${left} >= ${days(7)}`,
        for: "1h",
        severity: "warning",
        summary: "The mesh's certificate authority expires in {{ $value | humanizeDuration }}",
        description: "Plan its rotation: afterwards no proxy trusts another.",
      }),
      alert("IstioAuthorityExpires", {
        expr: `${left} < ${days(7)}`,
        for: "5m",
        severity: "critical",
        summary: "The mesh's certificate authority expires in {{ $value | humanizeDuration }}",
        description: "Rotate it now: afterwards no proxy trusts another.",
      }),
      alert("IstioWorkloadCertificateExpires", {
        expr: `min by (namespace, pod) (istio_agent_cert_expiry_seconds{resource_name="default"}) < 3600`,
        for: "5m",
        severity: "critical",
        summary: "The certificate of {{ $labels.namespace }}/{{ $labels.pod }} expires within an hour",
        description: "It should have been renewed long ago: the proxy cannot reach istiod, or istiod does not sign.",
      }),
    ],
  };
}

function traffic({ gateways, strictMtls }: ObservedMesh): AlertGroup {
  const requests = (more: string) => `sum by (${service}) (rate(istio_requests_total{${more}}[5m]))`;
  const received = (counter: string) =>
    `sum by (destination_workload_namespace, destination_workload)
      (rate(${counter}{reporter="destination", connection_security_policy!="mutual_tls"}[5m]))`;
  return {
    name: "istio-traffic",
    rules: [
      ...gateways.map((name) =>
        alert("IstioGatewayDown", {
          gateway: name,
          expr: `absent(${reached(`istio="${name}"`)})`,
          for: "2m",
          severity: "critical",
          summary: `No pod of gateway ${name} answers`,
          description: "Nothing passes the mesh's edge there.",
        }),
      ),
      alert("IstioServiceErrors", {
        expr: `${requests(`${seenByCallers}, response_code=~"5.."`)} / ${requests(seenByCallers)} > 0.05
          and ${requests(seenByCallers)} > 0.1`,
        for: "5m",
        severity: "critical",
        summary: "{{ $value | humanizePercentage }} of the requests to {{ $labels.destination_service_name }} fail",
        description:
          "Answers of 5xx in namespace {{ $labels.destination_service_namespace }}, as callers see them, injected faults included.",
      }),
      ...(strictMtls
        ? [
            alert("IstioPlainText", {
              expr: `${received("istio_requests_total")} > 0 or ${received("istio_tcp_connections_opened_total")} > 0`,
              for: "5m",
              severity: "critical",
              summary: "{{ $labels.destination_workload }} takes requests without mutual TLS",
              description:
                "The mesh is set to STRICT; in {{ $labels.destination_workload_namespace }} it is not in force, or an exception is used.",
            }),
          ]
        : []),
    ],
  };
}

function nodes({ ambient }: ObservedMesh): AlertGroup {
  return {
    name: "istio-nodes",
    rules: [
      alert("IstioCniMissing", {
        expr: fewerThanNodes('k8s_app="istio-cni-node"'),
        for: "10m",
        severity: "critical",
        summary: "{{ $value }} nodes have no istio-cni that answers",
        description: "Pods of the mesh that start there get no network, or wait for ever.",
      }),
      ...(ambient
        ? [
            alert("IstioZtunnelMissing", {
              expr: fewerThanNodes('app="ztunnel"'),
              for: "5m",
              severity: "critical",
              summary: "{{ $value }} nodes have no ztunnel that answers",
              description: "Pods of the ambient mesh on these nodes neither reach others nor are reached.",
            }),
          ]
        : []),
    ],
  };
}

/** Alerts on the mesh, each with a section of docs/runbook.md that has the remedy. */
export function meshAlerts(mesh: ObservedMesh): readonly AlertGroup[] {
  return [controlPlane(), certificates(), traffic(mesh), nodes(mesh)];
}
