import { z } from "zod";
import { dnsLabel, duration, expectedElsewhere, percentage, quantity, resources, secretRef } from "../fields";

/** `talos-mesh:observability`, `verification`: what watches and proves the mesh. */

const storage = z
  .strictObject({ size: quantity, storageClass: z.string().optional() })
  .describe("A volume that outlives the pod. Without it, what was collected goes with the pod.");

/** How long something is kept, in whole hours, days or weeks: Prometheus' and Loki's own form. */
const retention = z.string().regex(/^[1-9]\d*[hdw]$/, "expected whole hours, days or weeks, such as 12h, 15d or 4w");

/** Where people reach an addon: pages of others link there. */
const url = z
  .string()
  .regex(/^https?:\/\/[^\s/]+\S*$/, "expected an address such as https://grafana.example.com or http://localhost:3000");

export const observability = z.strictObject({
  namespace: dnsLabel
    .default("observability")
    .describe("Of all addons. No proxies are injected in it, so that what watches the mesh does not need it."),
  prometheus: z
    .strictObject({
      retention: retention.default("15d").describe("How long figures are kept."),
      alertmanagers: z
        .array(z.string().regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?:\d+$/, "expected host:port"))
        .default([])
        .describe("Where alerts are sent (host:port). Without one, only Prometheus' own page shows them."),
      storage: storage.optional(),
      resources: resources.optional(),
    })
    .optional(),
  grafana: z
    .strictObject({
      adminPassword: secretRef.optional().describe("Default: made once and kept in the state."),
      anonymous: z.boolean().default(false).describe("Everybody may look without a login; dev only."),
      dashboards: z
        .union([z.enum(["official", "none"]), z.string().regex(/^(\.{1,2}\/|\/)\S+/)], {
          error: "expected official, none, or a folder with JSON files (./dashboards)",
        })
        .default("official")
        .describe(
          "Istio's own dashboards: `official` has Grafana's pod download those of the mesh's version from github.com when it starts; " +
            "a folder holds JSON files, for a site without internet. The project's own dashboard is always there.",
        ),
      url: url.optional().describe("Where people reach Grafana; Kiali then links there."),
      storage: storage.optional(),
      resources: resources.optional(),
    })
    .optional(),
  kiali: z
    .strictObject({
      signingKey: secretRef.optional().describe("16, 24 or 32 bytes. Default: made once and kept in the state."),
      anonymous: z.boolean().default(false).describe("Everybody may look without a login; dev only."),
      resources: resources.optional(),
    })
    .optional(),
  tracing: z
    .strictObject({
      provider: z.enum(["jaeger", "zipkin"]).describe("One of the two: both would be where the proxies send to."),
      sampling: percentage.default(1).describe("Share of requests traced, in percent."),
      url: url.optional().describe("Where people reach the traces' own pages; Kiali then links there."),
      storage: storage.optional().describe("Jaeger only; Zipkin keeps traces in its memory."),
      resources: resources.optional(),
    })
    .optional(),
  loki: z
    .strictObject({
      retention: retention
        .regex(/[dw]$/, "expected whole days, as Loki removes logs by the day, such as 7d or 4w")
        .default("7d")
        .describe("How long logs are kept."),
      storage,
      resources: resources.optional(),
    })
    .describe("The logs of proxies and of the control plane, brought there by Alloy.")
    .optional(),
  alerts: z.boolean().optional().describe("Rules that Prometheus judges. Default: on where there is Prometheus."),
});

expectedElsewhere.add(observability, {
  jaeger: "say tracing: { provider: jaeger }, or zipkin: one of them",
  zipkin: "say tracing: { provider: zipkin }, or jaeger: one of them",
});

export const verification = z.strictObject({
  enabled: z.boolean().default(true),
  deadline: duration.default("60s").describe("How long a policy may take until it has its effect."),
});

export type ObservabilitySettings = z.output<typeof observability>;

/** Whether anything is to be installed: every stack has the section, if only empty. */
export function hasAddons(settings: ObservabilitySettings | undefined): settings is ObservabilitySettings {
  if (!settings) return false;
  const { prometheus, grafana, kiali, tracing, loki } = settings;
  return [prometheus, grafana, kiali, tracing, loki].some((addon) => addon !== undefined);
}
