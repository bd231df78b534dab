import type { AddonContext } from "../../components/observability/addons/addon";
import { installedReleases } from "../../components/observability/addons/registry";
import { addonContext } from "../../components/observability/observability";
import { settingsSchema, type SettingsInput } from "../../components/settings/schema";
import { type ObservabilitySettings, observability } from "../../components/settings/sections/observability";
import type { HelmValues } from "../../components/shared/helm-release";
import { projectRoot } from "../support/program";

export interface AddonInput {
  readonly observability: ObservabilitySettings;
  readonly context: AddonContext;
}

/** The input of the addons' values, in an ambient mesh with two gateways. */
export function addonInput(settings: object, version = "1.31.1", images: SettingsInput["images"] = {}): AddonInput {
  const { mesh, gateways, images: imageSettings } = settingsSchema.shape;
  const parsed = observability.parse(settings);
  const args = {
    settings: parsed,
    mesh: mesh.parse({ version, dataPlane: "ambient" }),
    gateways: gateways.parse({ ingress: {}, egress: {} }),
    images: imageSettings.parse(images),
  };
  return { observability: parsed, context: addonContext(args, projectRoot) };
}

/** The releases that an input installs. */
export function releasesOf({ observability, context }: AddonInput) {
  return installedReleases(observability, context.mesh.version);
}

/** Helm values by release. */
export function valuesOf(input: AddonInput): Map<string, HelmValues> {
  return new Map(
    releasesOf(input).map(({ release, settings }) => [release.name, release.values(settings, input.context)]),
  );
}

const storage = { size: "10Gi", storageClass: "fast" };

/** Settings that differ in the values that the charts get. */
export const scenarios: Readonly<Record<string, () => AddonInput>> = {
  development: () =>
    addonInput({
      prometheus: {},
      grafana: { anonymous: true, url: "http://localhost:3000" },
      kiali: { anonymous: true },
      tracing: { provider: "jaeger", sampling: 100 },
    }),
  production: () =>
    addonInput({
      prometheus: { retention: "30d", storage, alertmanagers: ["alertmanager.monitoring.svc:9093"] },
      grafana: { storage, url: "https://grafana.example.com" },
      kiali: { resources: { limits: { memory: "1Gi" } } },
      tracing: { provider: "jaeger", sampling: 1, storage, url: "https://jaeger.example.com" },
      loki: { storage, retention: "14d" },
    }),
  zipkin: () => addonInput({ namespace: "watch", prometheus: {}, tracing: { provider: "zipkin" }, alerts: false }),
  "istio-1.22": () =>
    addonInput(
      { prometheus: {}, grafana: { dashboards: "none" }, kiali: {}, tracing: { provider: "jaeger" } },
      "1.22.1",
    ),
  mirrored: () =>
    addonInput(
      {
        prometheus: {},
        grafana: { dashboards: "./dashboards" },
        kiali: {},
        tracing: { provider: "jaeger" },
        loki: { storage },
      },
      "1.31.1",
      {
        mirrors: { "docker.io": "registry.example.com:5000/hub", "quay.io": "registry.example.com:5000/quay" },
        pullSecrets: [{ name: "registry", dockerConfigJson: { secret: "registry" } }],
        digests: { grafana: `sha256:${"a".repeat(64)}`, alloy: `sha256:${"b".repeat(64)}` },
      },
    ),
};
