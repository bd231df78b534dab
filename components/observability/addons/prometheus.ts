import { readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { hostAndPort } from "../../settings/fields";
import { resources } from "../../settings/quantities";
import type { Refusal } from "../../shared/problem";
import {
  type AddonStack,
  type AlertGroup,
  type AlertRule,
  type Chart,
  defineAddon,
  exposure,
  type ObservedMesh,
  repositoryAndTag,
  retention,
  storage,
  storageRefusal,
  valuesIn,
  volume,
} from "./addon";

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
    .array(hostAndPort)
    .default([])
    .describe("Where alerts are sent (host:port). Without one, only Prometheus' own page shows them."),
  expose: exposure.optional(),
  storage: storage.optional(),
  resources: resources.optional(),
});

export const prometheus = defineAddon({
  name: "prometheus",
  settings,
  releases: [
    {
      name: prometheusService.name,
      page: { port: prometheusService.port, path: "/", example: "prometheus: {}" },
      chart,
      values: (settings, context) => {
        const { storage, retention, alertmanagers } = settings;
        const { image, alerts } = context;
        return valuesIn("prometheus.yaml", settings, context, {
          ...prometheusService,
          image: repositoryAndTag(image(chart.images.server)),
          reloaderImage: repositoryAndTag(image(chart.images.reloader)),
          retention,
          volume: volume(storage, "storageClass"),
          alertmanagers: alertmanagers.length > 0 ? [{ static_configs: [{ targets: alertmanagers }] }] : undefined,
          serverFiles: alerts.length > 0 ? { "alerting_rules.yml": { groups: alerts } } : undefined,
        });
      },
    },
  ],
  checks: [({ storage }, stack) => storageRefusal(storage, stack)],
  datasource: () => ({
    title: "Prometheus",
    type: prometheusService.name,
    port: prometheusService.port,
    options: { isDefault: true, jsonData: { timeInterval: "15s" } },
  }),
  alerts: meshAlerts,
});

/** A check of the addons that read metrics. */
export function needsPrometheus(_: unknown, { settingsOf }: AddonStack): Refusal {
  return !settingsOf(prometheus) && "reads its metrics from Prometheus; add observability.prometheus";
}

interface RuleTemplate extends Pick<AlertRule, "alert" | "expr" | "for"> {
  readonly when?: "gateways" | "ambient" | "strictMtls";
  readonly severity: AlertRule["labels"]["severity"];
  readonly summary: string;
  readonly description: string;
}

/** Alerts on the mesh, each with a section of docs/runbook.md that has the remedy. */
export function meshAlerts(mesh: ObservedMesh): readonly AlertGroup[] {
  const text = readFileSync(path.join(__dirname, "prometheus-alerts.yaml"), "utf8");
  const groups = parse(text) as Readonly<Record<string, readonly RuleTemplate[]>>;
  return Object.entries(groups).map(([name, templates]) => ({
    name,
    rules: templates.flatMap((template) => {
      if (template.when === "gateways") return mesh.gateways.map((gateway) => rule(template, mesh, gateway));
      return template.when === undefined || mesh[template.when] ? [rule(template, mesh)] : [];
    }),
  }));
}

function rule(
  { alert, expr, for: holds, severity, summary, description }: RuleTemplate,
  { certificateSeconds }: ObservedMesh,
  gateway = "",
): AlertRule {
  // Proxies renew after half of the time.
  const renewed = String(Math.min(3600, Math.floor(certificateSeconds / 4)));
  const filled = (text: string) => text.replaceAll("<gateway>", gateway).replaceAll("<renewed>", renewed);
  return {
    alert,
    expr: filled(expr),
    for: holds,
    labels: { severity, ...(gateway !== "" && { gateway }) },
    annotations: { summary: filled(summary), description, runbook: `docs/runbook.md#${alert.toLowerCase()}` },
  };
}
