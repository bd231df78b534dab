/**
 * Every version that talos-mesh pins, and what goes with what. Nothing else in the project names a version.
 * Sources: the releases' own support tables (istio.io/latest/docs/releases/supported-releases,
 * talos.dev/latest/introduction/support-matrix).
 */
export const versions = {
  istio: "1.31.1",
  gatewayApi: "1.4.1",
  bookinfo: "1.20.3",
  /** Kubernetes of the embedded control plane: the newest that the pinned Istio supports. */
  kubernetes: "v1.36.3",
  etcd: "3.6.8",
  kwok: "0.8.0",
  helm: "3.22.0",
  metricsServer: "0.8.0",
  kubeletServingCertApprover: "0.9.1",
  fortio: "1.66.0",
  /** The image with iperf3 and a shell. */
  netshoot: "v0.13",
} as const;

/** Images of the platform's add-ons, as their makers name them. */
export const platformImages = {
  metricsServer: `registry.k8s.io/metrics-server/metrics-server:v${versions.metricsServer}`,
  kubeletServingCertApprover: `ghcr.io/alex1989hu/kubelet-serving-cert-approver:${versions.kubeletServingCertApprover}`,
} as const;

/** Oldest and newest Kubernetes minor version that goes with a minor version of something else, both included. */
export type KubernetesRange = readonly [oldest: string, newest: string];

/**
 * Kubernetes that an Istio minor version supports.
 * Source: istio/istio.io, data/compatibility/supportStatus.yml.
 */
export const istioSupportsKubernetes: Readonly<Record<string, KubernetesRange>> = {
  "1.22": ["1.27", "1.30"],
  "1.23": ["1.27", "1.30"],
  "1.24": ["1.28", "1.31"],
  "1.25": ["1.29", "1.32"],
  "1.26": ["1.29", "1.33"],
  "1.27": ["1.29", "1.33"],
  "1.28": ["1.30", "1.34"],
  "1.29": ["1.31", "1.35"],
  "1.30": ["1.32", "1.36"],
  "1.31": ["1.32", "1.36"],
};

/**
 * Kubernetes that a Talos minor version runs.
 * Source: siderolabs/talos, pkg/machinery/compatibility.
 */
export const talosSupportsKubernetes: Readonly<Record<string, KubernetesRange>> = {
  "1.7": ["1.25", "1.30"],
  "1.8": ["1.26", "1.31"],
  "1.9": ["1.27", "1.32"],
  "1.10": ["1.28", "1.33"],
  "1.11": ["1.29", "1.34"],
  "1.12": ["1.30", "1.35"],
  "1.13": ["1.31", "1.36"],
  "1.14": ["1.32", "1.37"],
};

/** Istio minor version that first has a part which settings ask for. Source: istio/istio, releasenotes. */
export const istioSince = {
  ambient: "1.24",
  /** ConfigMaps that say how istiod deploys a Gateway of the Gateway API. */
  gatewayParameters: "1.26",
  nftables: "1.27",
  nftablesInAmbient: "1.28",
} as const;

/**
 * The oldest minor version whose behaviour the charts of an Istio minor version can keep; the newest is the one before.
 * Source: istio/istio, manifests/helm-profiles/compatibility-version-*.yaml of each release branch.
 */
export const oldestCompatibility: Readonly<Record<string, string>> = {
  "1.22": "1.20",
  "1.23": "1.20",
  "1.24": "1.21",
  "1.25": "1.22",
  "1.26": "1.23",
  "1.27": "1.24",
  "1.28": "1.25",
  "1.29": "1.25",
  "1.30": "1.25",
  "1.31": "1.25",
};

/** The chart repository and the image hub that Istio publishes to (from 1.31 on). */
export const officialCharts = "https://blob.istio.io/istio-release/charts";
/** The same charts as OCI artifacts. */
export const officialOciCharts = "oci://ghcr.io/istio/release/charts";
export const officialHub = "docker.io/istio";

/** Images that a benchmark measures with, as their makers name them. */
export const benchmarkImages = {
  fortio: `docker.io/fortio/fortio:${versions.fortio}`,
  iperf3: `docker.io/nicolaka/netshoot:${versions.netshoot}`,
} as const;

/** A chart of an addon, and the images that the settings have it pull. */
export interface AddonPin {
  readonly version: string;
  /** The Helm repository of its makers. */
  readonly repository: string;
  readonly images: Readonly<Record<string, string>>;
}

/**
 * What watches the mesh. Grafana's and Loki's charts are in the hands of grafana-community since 2026; the repository
 * of old gets no more of them.
 */
export const addons = {
  prometheus: {
    version: "29.27.0",
    repository: "https://prometheus-community.github.io/helm-charts",
    images: {
      server: "quay.io/prometheus/prometheus:v3.14.0",
      reloader: "quay.io/prometheus-operator/prometheus-config-reloader:v0.93.1",
    },
  },
  grafana: {
    version: "12.11.1",
    repository: "https://grafana-community.github.io/helm-charts",
    images: { server: "docker.io/grafana/grafana:13.2.0", download: "docker.io/curlimages/curl:8.21.0" },
  },
  jaeger: {
    version: "4.11.1",
    repository: "https://jaegertracing.github.io/helm-charts",
    images: { server: "docker.io/jaegertracing/jaeger:2.19.0" },
  },
  zipkin: {
    version: "0.4.0",
    repository: "https://zipkin.io/zipkin-helm",
    images: { server: "docker.io/openzipkin/zipkin-slim:3.5.1" },
  },
  loki: {
    version: "18.11.0",
    repository: "https://grafana-community.github.io/helm-charts",
    images: { server: "docker.io/grafana/loki:3.7.6" },
  },
  alloy: {
    version: "1.11.1",
    repository: "https://grafana.github.io/helm-charts",
    images: { server: "docker.io/grafana/alloy:v1.18.1" },
  },
} as const satisfies Record<string, AddonPin>;

/** The Helm repository of Kiali's charts, whose image has the version of the chart. */
export const kialiRepository = "https://kiali.org/helm-charts";
export const kialiImage = "quay.io/kiali/kiali";

/**
 * The Kiali that goes with an Istio minor version: the one that Istio's own release ships beside its samples.
 * Source: istio/istio, manifests/addons/gen.sh of each release branch.
 */
export const kialiForIstio: Readonly<Record<string, string>> = {
  "1.22": "1.86.0",
  "1.23": "1.87.0",
  "1.24": "2.0.0",
  "1.25": "2.5.0",
  "1.26": "2.8.0",
  "1.27": "2.12.0",
  "1.28": "2.17.0",
  "1.29": "2.21.0",
  "1.30": "2.26.0",
  "1.31": "2.27.0",
};

/** `1.29` of `v1.29.1`. */
export function minorOf(version: string): string {
  return version.replace(/^v/, "").split(".").slice(0, 2).join(".");
}

/** Negative where minor version `a` is older than `b`. */
export function compareMinor(a: string, b: string): number {
  const [majorA = 0, minorA = 0] = a.split(".").map(Number);
  const [majorB = 0, minorB = 0] = b.split(".").map(Number);
  return majorA - majorB || minorA - minorB;
}
