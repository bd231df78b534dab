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
