import type { AddonValuesInput } from "../../components/observability/values/input";
import { images } from "../../components/settings/sections/images";
import { imageReference } from "../../components/model/images";
import { observability } from "../../components/settings/sections/observability";

export type ObservabilityInput = Parameters<typeof observability.parse>[0];

/** What the addons' values are made from, for settings as a stack file has them. */
export function addonInput(settings: object, meshVersion = "1.31.1", pulled: object = {}): AddonValuesInput {
  const imageSettings = images.parse(pulled);
  return {
    observability: observability.parse(settings),
    meshVersion,
    image: (official) => imageReference(imageSettings, official),
    pullSecrets: imageSettings.pullSecrets.map(({ name }) => name),
  };
}

const storage = { size: "10Gi", storageClass: "fast" };

/** Settings that differ in what they ask of the charts. */
export const scenarios: Readonly<Record<string, () => AddonValuesInput>> = {
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

export const dashboardMaps = [{ folder: "talos-mesh", configMap: "dashboards-talos-mesh" }];

export const watched = { gateways: ["ingress", "egress"], ambient: true, strictMtls: true };
