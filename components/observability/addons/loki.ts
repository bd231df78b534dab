import { z } from "zod";
import { resources } from "../../settings/fields";
import type { HelmValues } from "../../shared/helm-release";
import {
  type AddonContext,
  type Chart,
  containerSecurity,
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

/** Containers of the mesh: proxies (sidecars, gateways, waypoints, ztunnel), istiod, istio-cni. */
const meshContainers = ["istio-proxy", "discovery", "install-cni"];

/**
 * Alloy by grafana/alloy, which sends the mesh's logs to Loki. It reads logs through the API server, so that it mounts no
 * folder of a node, which the namespace's Pod Security level forbids. Envoy itself can send access logs only over gRPC,
 * which Loki does not accept.
 */
function alloyValues(_: Settings, { namespace, image, pullSecrets }: AddonContext): HelmValues {
  return {
    crds: { create: false },
    image: {
      ...imageWithDigest(image(alloyChart.images.server)),
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
      securityContext: containerSecurity,
      configMap: { content: alloyConfig(`${serviceUrl(lokiService, namespace)}/loki/api/v1/push`) },
    },
  };
}

/** The chart uses the tag as a label, which cannot contain a digest. */
function imageWithDigest(image: string): object {
  const { tag: tagAndDigest, ...name } = imageParts(image);
  const [tag, digest] = tagAndDigest.split("@");
  return { ...name, tag, ...(digest && { digest }) };
}

function alloyConfig(pushTo: string): string {
  const label = (from: string, to: string) => `  rule {
    source_labels = ["__meta_kubernetes_${from}"]
    target_label  = "${to}"
  }`;
  return `discovery.kubernetes "pods" {
  role = "pod"
}

discovery.relabel "mesh" {
  targets = discovery.kubernetes.pods.targets
  rule {
    source_labels = ["__meta_kubernetes_pod_container_name"]
    regex         = "${meshContainers.join("|")}"
    action        = "keep"
  }
${label("namespace", "namespace")}
${label("pod_name", "pod")}
${label("pod_container_name", "container")}
${label("pod_label_app", "app")}
${label("pod_label_version", "version")}
}

loki.source.kubernetes "mesh" {
  targets    = discovery.relabel.mesh.output
  forward_to = [loki.write.loki.receiver]
}

loki.write "loki" {
  endpoint {
    url = "${pushTo}"
  }
}
`;
}
