import path from "node:path";
import { z } from "zod";
import { resources } from "../../settings/quantities";
import { filledIn } from "../../shared/files";
import {
  type AddonContext,
  type Chart,
  defineAddon,
  imageParts,
  retention,
  serviceUrl,
  storage,
  storageRefusal,
  valuesIn,
  volume,
} from "./addon";

const lokiService = { name: "loki", port: 3100 } as const;

const lokiChart = {
  name: "loki",
  product: "Loki",
  version: "18.11.0",
  // Maintains this chart since 2026; the repository of Grafana Labs gets no new versions of it.
  repository: "https://grafana-community.github.io/helm-charts",
  images: { server: "docker.io/grafana/loki:3.7.6" },
} as const satisfies Chart;

const alloyChart = {
  name: "alloy",
  product: "Grafana Alloy",
  version: "1.11.1",
  repository: "https://grafana.github.io/helm-charts",
  images: { server: "docker.io/grafana/alloy:v1.18.1" },
} as const satisfies Chart;

const settings = z
  .strictObject({
    retention: retention
      .regex(/[dw]$/, "expected whole days, as Loki removes logs by the day, such as 7d or 4w")
      .default("7d")
      .describe("How long logs are kept."),
    storage,
    resources: resources.optional(),
  })
  .describe("The logs of proxies and of the control plane, which Alloy sends to Loki.");

type Settings = z.output<typeof settings>;

export const loki = defineAddon({
  name: "loki",
  settings,
  releases: [
    { name: lokiService.name, chart: lokiChart, values: lokiValues },
    { name: "alloy", chart: alloyChart, values: alloyValues },
  ],
  checks: [({ storage }, stack) => storageRefusal(storage, stack, "remove loki, which does not run without one")],
  datasource: () => ({ title: "Loki", type: lokiService.name, port: lokiService.port }),
});

function lokiValues(settings: Settings, context: AddonContext) {
  return valuesIn("loki.yaml", settings, context, {
    image: imageParts(context.image(lokiChart.images.server)),
    retention: settings.retention,
    volume: volume(settings.storage, "storageClass"),
  });
}

function alloyValues(_: Settings, context: AddonContext) {
  const config = filledIn(path.join(__dirname, "alloy.config"), {
    // Of the mesh: proxies (sidecars, gateways, waypoints, ztunnel), istiod, istio-cni.
    containers: "istio-proxy|discovery|install-cni",
    pushTo: `${serviceUrl(lokiService, context.namespace)}/loki/api/v1/push`,
  });
  // The chart uses the tag as a label, which cannot contain a digest.
  const image = imageParts(context.image(alloyChart.images.server));
  const [tag, digest] = image.tag.split("@");
  return valuesIn("alloy.yaml", {}, context, { ...image, tag, digest, config });
}
