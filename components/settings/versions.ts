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
} as const;

/** Kubernetes minor versions an Istio minor version supports, both ends included. */
export const istioSupportsKubernetes: Readonly<Record<string, readonly [string, string]>> = {
  "1.31": ["1.32", "1.36"],
};

/** Oldest and newest Kubernetes minor version a Talos minor version runs. */
export const talosSupportsKubernetes: Readonly<Record<string, readonly [string, string]>> = {
  "1.7": ["1.25", "1.30"],
};

/** The chart repository and the image hub that Istio publishes to (from 1.31 on). */
export const officialCharts = "https://blob.istio.io/istio-release/charts";
export const officialHub = "docker.io/istio";
