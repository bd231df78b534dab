import { inProduction, release, type ResourceGuardrail } from "../guardrail";
import { type GuardedRelease, releaseIn, stringIn, valueAt } from "../resources";
import { asTree } from "../../../components/shared/merge";

const prometheus = (persistent: boolean) =>
  release("prometheus", "observability", { server: { retention: "30d", persistentVolume: { enabled: persistent } } });

type Check = (release: GuardedRelease) => readonly (string | false)[];

/** What is wrong with a chart's values, by the chart's name. */
const charts: ReadonlyMap<string, Check> = new Map<string, Check>([
  [
    "prometheus",
    ({ values }) => [
      valueAt(values, "server.persistentVolume.enabled") !== true &&
        "keeps metrics with its pod; set talos-mesh:observability.prometheus.storage",
      stringIn(values, "server.retention") === undefined &&
        "has no retention of its own; set talos-mesh:observability.prometheus.retention",
    ],
  ],
  [
    "loki",
    ({ values }) => [
      valueAt(values, "singleBinary.persistence.enabled") !== true &&
        "keeps logs with its pod; set talos-mesh:observability.loki.storage",
      (valueAt(values, "loki.compactor.retention_enabled") !== true ||
        stringIn(values, "loki.limits_config.retention_period") === undefined) &&
        "never deletes logs; set talos-mesh:observability.loki.retention",
    ],
  ],
  [
    "grafana",
    ({ values }) => [
      valueAt(values, "persistence.enabled") !== true &&
        "keeps its users and dashboards with its pod; set talos-mesh:observability.grafana.storage",
    ],
  ],
  [
    "jaeger",
    ({ values }) => [
      Object.values(asTree(valueAt(values, "userconfig.extensions.jaeger_storage.backends"))).some(
        (backend) => asTree(backend).memory !== undefined,
      ) && "keeps traces in memory; set talos-mesh:observability.tracing.storage",
    ],
  ],
  ["zipkin", () => ["keeps traces in memory; set talos-mesh:observability.tracing.provider: jaeger, and storage"]],
]);

export const observabilityPersistent: ResourceGuardrail = {
  id: "observability-persistent",
  title: "What watches production keeps what it has seen",
  why: "After an incident the restarted pod has forgotten it, or its disk is full because nothing was ever deleted.",
  severity: inProduction,
  sees: "Values of the releases of Prometheus, Loki, Grafana, Jaeger and Zipkin; not systems that others run.",
  scope: "resource",
  *check(resource) {
    const found = releaseIn(resource);
    if (!found) return;
    for (const message of charts.get(found.chart)?.(found) ?? []) if (message !== false) yield message;
  },
  passing: { resources: [prometheus(true)] },
  failing: { resources: [prometheus(false)] },
};
