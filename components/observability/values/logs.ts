import { addonUrl } from "../../shared/addons";
import type { HelmValues } from "../../shared/helm-release";
import { addons } from "../../settings/versions";
import { type AddonValuesInput, containerSecurity, imageParts, named, type Section, volume } from "./input";

/** Loki by grafana-community/loki: one process that keeps logs in a volume. */
export function lokiValues(loki: Section<"loki">, { image, pullSecrets }: AddonValuesInput): HelmValues {
  const off = { enabled: false };
  const none = { replicas: 0 };
  return {
    deploymentMode: "Monolithic",
    ...(pullSecrets.length > 0 && { imagePullSecrets: named(pullSecrets) }),
    loki: {
      image: imageParts(image(addons.loki.images.server)),
      // One tenant: nobody but Grafana and Alloy reach it.
      auth_enabled: false,
      analytics: { reporting_enabled: false },
      commonConfig: { replication_factor: 1 },
      storage: { type: "filesystem" },
      // Never change what has begun: add another entry with a later date instead.
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
      limits_config: { retention_period: loki.retention },
      compactor: { retention_enabled: true, delete_request_store: "filesystem" },
    },
    singleBinary: {
      replicas: 1,
      persistence: volume(loki.storage, "storageClass"),
      ...(loki.resources && { resources: loki.resources }),
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

/** Containers whose logs are the mesh's: proxies (sidecars, gateways, waypoints, ztunnel), istiod, istio-cni. */
const meshContainers = ["istio-proxy", "discovery", "install-cni"];

/**
 * Alloy by grafana/alloy: brings the mesh's logs to Loki. It reads them through the API server, so that it needs no
 * folder of a node and no rights that the namespace's Pod Security level forbids. Envoy could send access logs by
 * itself, but only over gRPC, which Loki does not take.
 */
export function alloyValues({ observability, image, pullSecrets }: AddonValuesInput): HelmValues {
  return {
    crds: { create: false },
    image: {
      ...imageWithDigest(image(addons.alloy.images.server)),
      ...(pullSecrets.length > 0 && { pullSecrets: named(pullSecrets) }),
    },
    configReloader: { enabled: false },
    controller: { type: "deployment", replicas: 1 },
    // The chart's own rules reach for secrets as well. It joins the two lists, and neither may be empty.
    rbac: {
      rules: [{ apiGroups: [""], resources: ["pods", "pods/log"], verbs: ["get", "list", "watch"] }],
      clusterRules: [{ apiGroups: [""], resources: ["namespaces"], verbs: ["get", "list", "watch"] }],
    },
    alloy: {
      enableReporting: false,
      securityContext: containerSecurity,
      configMap: { content: alloyConfig(`${addonUrl("loki", observability.namespace)}/loki/api/v1/push`) },
    },
  };
}

/** The chart makes a label of the tag, which must have no digest in it. */
function imageWithDigest(image: string): object {
  const { tag: whole, ...place } = imageParts(image);
  const [tag, digest] = whole.split("@");
  return { ...place, tag, ...(digest && { digest }) };
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
