import path from "node:path";
import { z } from "zod";
import { resources } from "../../settings/fields";
import { filledIn } from "../../shared/files";
import type { HelmValues } from "../../shared/helm-release";
import { unprivileged } from "../../shared/kubernetes/object";
import {
  type AddonContext,
  type Chart,
  defineAddon,
  imageParts,
  pullSecretList,
  retention,
  serviceUrl,
  storage,
  storageProblems,
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
  checks: [
    ({ storage }, { cluster }) => storageProblems(storage, cluster(), "remove loki, which does not run without one"),
  ],
  datasource: () => ({ title: "Loki", type: lokiService.name, port: lokiService.port }),
});

/** Loki by grafana-community/loki: one process that keeps logs in a volume. */
function lokiValues({ storage, resources, retention }: Settings, { image, pullSecrets }: AddonContext): HelmValues {
  const off = { enabled: false };
  const none = { replicas: 0 };
  return {
    deploymentMode: "Monolithic",
    ...(pullSecrets.length > 0 && { imagePullSecrets: pullSecretList(pullSecrets) }),
    loki: {
      image: imageParts(image(lokiChart.images.server)),
      // One tenant: Grafana and Alloy are the only clients.
      auth_enabled: false,
      analytics: { reporting_enabled: false },
      commonConfig: { replication_factor: 1 },
      storage: { type: "filesystem" },
      // An entry whose date has passed must not change: add another entry with a later date.
      schemaConfig: {
        configs: [
          {
            from: "2024-04-01",
            store: "tsdb",
            object_store: "filesystem",
            schema: "v13",
            index: { prefix: "loki_index_", period: "24h" },
          },
        ],
      },
      limits_config: { retention_period: retention },
      compactor: { retention_enabled: true, delete_request_store: "filesystem" },
    },
    singleBinary: {
      replicas: 1,
      persistence: volume(storage, "storageClass"),
      ...(resources && { resources }),
    },
    read: none,
    write: none,
    backend: none,
    gateway: off,
    test: off,
    lokiCanary: off,
    resultsCache: off,
    chunksCache: off,
    sidecar: { rules: off },
  };
}

/**
 * Alloy by grafana/alloy, which sends the mesh's logs to Loki. It reads logs through the API server, so that it mounts no
 * folder of a node, which the namespace's Pod Security level forbids. Envoy itself can send access logs only over gRPC,
 * which Loki does not accept.
 */
function alloyValues(_: Settings, { namespace, image, pullSecrets }: AddonContext): HelmValues {
  const content = filledIn(path.join(__dirname, "alloy.config"), {
    // Of the mesh: proxies (sidecars, gateways, waypoints, ztunnel), istiod, istio-cni.
    containers: "istio-proxy|discovery|install-cni",
    pushTo: `${serviceUrl(lokiService, namespace)}/loki/api/v1/push`,
  });
  // The chart uses the tag as a label, which cannot contain a digest.
  const { tag: tagAndDigest, ...name } = imageParts(image(alloyChart.images.server));
  const [tag, digest] = tagAndDigest.split("@");
  return {
    crds: { create: false },
    image: {
      ...name,
      tag,
      ...(digest && { digest }),
      ...(pullSecrets.length > 0 && { pullSecrets: pullSecretList(pullSecrets) }),
    },
    configReloader: { enabled: false },
    controller: { type: "deployment", replicas: 1 },
    // The chart's default rules include Secrets. It joins these two lists, and neither may be empty.
    rbac: {
      rules: [{ apiGroups: [""], resources: ["pods", "pods/log"], verbs: ["get", "list", "watch"] }],
      clusterRules: [{ apiGroups: [""], resources: ["namespaces"], verbs: ["get", "list", "watch"] }],
    },
    alloy: {
      enableReporting: false,
      securityContext: unprivileged,
      configMap: { content },
    },
  };
}
