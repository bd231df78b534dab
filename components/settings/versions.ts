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

/** The chart repository and the image hub that Istio publishes to (from 1.31 on). */
export const officialCharts = "https://blob.istio.io/istio-release/charts";
export const officialHub = "docker.io/istio";
