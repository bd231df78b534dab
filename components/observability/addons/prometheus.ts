import { z } from "zod";
import { resources } from "../../settings/fields";
import type { Problem } from "../../shared/problem";
import { unprivileged } from "../../shared/kubernetes/object";
import {
  type AddonStack,
  type Chart,
  defineAddon,
  pullSecretList,
  repositoryAndTag,
  retention,
  storage,
  storageProblems,
  volume,
} from "./addon";
import { meshAlerts } from "./prometheus-alerts";

export const prometheusService = { name: "prometheus", port: 9090 } as const;

const chart = {
  name: "prometheus",
  product: "Prometheus",
  version: "29.27.0",
  repository: "https://prometheus-community.github.io/helm-charts",
  images: {
    server: "quay.io/prometheus/prometheus:v3.14.0",
    reloader: "quay.io/prometheus-operator/prometheus-config-reloader:v0.93.1",
  },
} as const satisfies Chart;

const settings = z.strictObject({
  retention: retention.default("15d").describe("How long metrics are kept."),
  alertmanagers: z
    .array(z.string().regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?:\d+$/, "expected host:port"))
    .default([])
    .describe("Where alerts are sent (host:port). Without one, only Prometheus' own page shows them."),
  storage: storage.optional(),
  resources: resources.optional(),
});

/**
 * Prometheus by prometheus-community/prometheus, without the other parts of that chart.
 *
 * Its default jobs scrape every pod with the annotations `prometheus.io/*`, which all pods of the mesh have: istiod and
 * istio-cni (15014), ztunnel, gateways, waypoints and sidecars (15020, merged with the application's own metrics). These
 * ports are outside of mutual TLS, so a Prometheus without a proxy can read them in a STRICT mesh, and no authorization
 * policy applies to them.
 */
export const prometheus = defineAddon({
  name: "prometheus",
  settings,
  releases: [
    {
      name: prometheusService.name,
      page: { port: prometheusService.port, path: "/", example: "prometheus: {}" },
      chart,
      values: ({ storage, resources, retention, alertmanagers }, { image, pullSecrets, alerts }) => ({
        ...(pullSecrets.length > 0 && { imagePullSecrets: pullSecretList(pullSecrets) }),
        alertmanager: { enabled: false },
        "kube-state-metrics": { enabled: false },
        // Its pods mount folders of the node, which the namespace's Pod Security level forbids.
        "prometheus-node-exporter": { enabled: false },
        "prometheus-pushgateway": { enabled: false },
        configmapReload: {
          prometheus: {
            image: repositoryAndTag(image(chart.images.reloader)),
            containerSecurityContext: unprivileged,
          },
        },
        server: {
          fullnameOverride: prometheusService.name,
          image: repositoryAndTag(image(chart.images.server)),
          service: { servicePort: prometheusService.port },
          // The dashboards of Kiali and Istio expect 15 s.
          global: { scrape_interval: "15s", evaluation_interval: "30s" },
          retention,
          persistentVolume: volume(storage, "storageClass"),
          containerSecurityContext: unprivileged,
          readinessProbeInitialDelay: 0,
          ...(alertmanagers.length > 0 && { alertmanagers: [{ static_configs: [{ targets: alertmanagers }] }] }),
          ...(resources && { resources }),
        },
        // Jobs of the chart for parts that are not installed.
        scrapeConfigs: { "prometheus-pushgateway": { enabled: false }, "kubernetes-services": { enabled: false } },
        ...(alerts.length > 0 && { serverFiles: { "alerting_rules.yml": { groups: alerts } } }),
      }),
    },
  ],
  checks: [({ storage }, { cluster }) => storageProblems(storage, cluster())],
  datasource: () => ({
    title: "Prometheus",
    type: prometheusService.name,
    port: prometheusService.port,
    options: { isDefault: true, jsonData: { timeInterval: "15s" } },
  }),
  alerts: meshAlerts,
});

/** A check of the addons that read metrics. */
export function* needsPrometheus(_: unknown, { settingsOf }: AddonStack): Iterable<Problem> {
  if (settingsOf(prometheus)) return;
  yield { path: [], message: "reads its metrics from Prometheus; add observability.prometheus" };
}
