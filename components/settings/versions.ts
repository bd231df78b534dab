/**
 * Every version that talos-mesh pins, and which versions go together.
 * Sources: the releases' own support tables (istio.io/latest/docs/releases/supported-releases,
 * talos.dev/latest/introduction/support-matrix).
 */
export const versions = {
  istio: "1.31.1",
  /** As the row of this Istio below has it. */
  gatewayApi: "1.6.0",
  /** Kubernetes of the embedded control plane: the newest that the pinned Istio supports. */
  kubernetes: "v1.36.3",
  etcd: "3.6.8",
  kwok: "0.8.0",
  helm: "3.22.0",
  metricsServer: "0.8.0",
  kubeletServingCertApprover: "0.9.1",
  cilium: "1.20.2",
  metallb: "0.16.1",
  certManager: "1.21.1",
  istioCsr: "0.17.0",
  localPath: "0.0.37",
  busybox: "1.37.0",
  fortio: "1.66.0",
  netshoot: "v0.13",
  curl: "8.16.0",
  actionlint: "1.7.12",
} as const;

export const platformImages = {
  metricsServer: `registry.k8s.io/metrics-server/metrics-server:v${versions.metricsServer}`,
  kubeletServingCertApprover: `ghcr.io/alex1989hu/kubelet-serving-cert-approver:${versions.kubeletServingCertApprover}`,
  metallbController: `quay.io/metallb/controller:v${versions.metallb}`,
  metallbSpeaker: `quay.io/metallb/speaker:v${versions.metallb}`,
  /** As the chart of this MetalLB has them. */
  frrK8s: "quay.io/metallb/frr-k8s:v0.0.25",
  frr: "quay.io/frrouting/frr:10.4.3",
  cilium: `quay.io/cilium/cilium:v${versions.cilium}`,
  ciliumOperator: `quay.io/cilium/operator-generic:v${versions.cilium}`,
  hubbleRelay: `quay.io/cilium/hubble-relay:v${versions.cilium}`,
  /** As the chart of this Cilium has them. */
  hubbleUi: "quay.io/cilium/hubble-ui:v0.13.6",
  hubbleUiBackend: "quay.io/cilium/hubble-ui-backend:v0.13.6",
  certManagerController: `quay.io/jetstack/cert-manager-controller:v${versions.certManager}`,
  certManagerWebhook: `quay.io/jetstack/cert-manager-webhook:v${versions.certManager}`,
  certManagerCainjector: `quay.io/jetstack/cert-manager-cainjector:v${versions.certManager}`,
  certManagerAcmesolver: `quay.io/jetstack/cert-manager-acmesolver:v${versions.certManager}`,
  certManagerStartupapicheck: `quay.io/jetstack/cert-manager-startupapicheck:v${versions.certManager}`,
  istioCsr: `quay.io/jetstack/cert-manager-istio-csr:v${versions.istioCsr}`,
  localPath: `docker.io/rancher/local-path-provisioner:v${versions.localPath}`,
  busybox: `docker.io/library/busybox:${versions.busybox}`,
} as const;

/** Oldest and newest Kubernetes minor version that is supported, both included. */
export type KubernetesRange = readonly [oldest: string, newest: string];

/**
 * Kubernetes that the pinned releases of the platform's charts run on; where a project names no newest one, the newest that
 * the Talos below runs. Source: kubeVersion of the chart of MetalLB.
 */
export const platformKubernetes = {
  /** Source: cilium/cilium, Documentation/network/kubernetes/compatibility.rst: those that are tested. */
  cilium: ["1.33", "1.36"],
  metallb: ["1.19", "1.37"],
  /** Source: cert-manager/website, content/docs/releases. */
  certManager: ["1.33", "1.36"],
  /** Source: cert-manager/istio-csr, make/_shared/kind: those that its tests run on. */
  istioCsr: ["1.33", "1.36"],
} as const satisfies Readonly<Record<string, KubernetesRange>>;

export interface IstioRelease {
  /** Source: istio/istio.io, data/compatibility/supportStatus.yml. */
  readonly kubernetes: KubernetesRange;
  /**
   * Oldest minor version that `compatibilityVersion` may name; the newest is the one before this.
   * Source: istio/istio, manifests/helm-profiles/compatibility-version-*.yaml of the release branch.
   */
  readonly oldestCompatibility: string;
  /** Newest patch release that is known. Source: the tags of istio/istio. */
  readonly newest: string;
  /** The Kiali that Istio's release ships with its samples. Source: istio/istio, manifests/addons/gen.sh of the branch. */
  readonly kiali: string;
  /**
   * The newest Gateway API whose standard channel it reads: from 1.28 on the one it is built with. A newer one no longer
   * serves TCPRoute or TLSRoute in the version that it watches.
   * Source: istio/istio, go.mod and pkg/kube/kclient/crdwatcher.go of the release branch.
   */
  readonly gatewayApi: string;
}

/** Supported minor versions of Istio, oldest first: one row each. */
export const istioReleases: ReadonlyMap<string, IstioRelease> = new Map([
  [
    "1.22",
    {
      kubernetes: ["1.27", "1.30"],
      oldestCompatibility: "1.20",
      newest: "1.22.8",
      kiali: "1.86.0",
      gatewayApi: "1.4.1",
    },
  ],
  [
    "1.23",
    {
      kubernetes: ["1.27", "1.30"],
      oldestCompatibility: "1.20",
      newest: "1.23.6",
      kiali: "1.87.0",
      gatewayApi: "1.4.1",
    },
  ],
  [
    "1.24",
    {
      kubernetes: ["1.28", "1.31"],
      oldestCompatibility: "1.21",
      newest: "1.24.6",
      kiali: "2.0.0",
      gatewayApi: "1.4.1",
    },
  ],
  [
    "1.25",
    {
      kubernetes: ["1.29", "1.32"],
      oldestCompatibility: "1.22",
      newest: "1.25.5",
      kiali: "2.5.0",
      gatewayApi: "1.4.1",
    },
  ],
  [
    "1.26",
    {
      kubernetes: ["1.29", "1.33"],
      oldestCompatibility: "1.23",
      newest: "1.26.8",
      kiali: "2.8.0",
      gatewayApi: "1.4.1",
    },
  ],
  [
    "1.27",
    {
      kubernetes: ["1.29", "1.33"],
      oldestCompatibility: "1.24",
      newest: "1.27.9",
      kiali: "2.12.0",
      gatewayApi: "1.4.1",
    },
  ],
  [
    "1.28",
    {
      kubernetes: ["1.30", "1.34"],
      oldestCompatibility: "1.25",
      newest: "1.28.10",
      kiali: "2.17.0",
      gatewayApi: "1.4.1",
    },
  ],
  [
    "1.29",
    {
      kubernetes: ["1.31", "1.35"],
      oldestCompatibility: "1.25",
      newest: "1.29.6",
      kiali: "2.21.0",
      gatewayApi: "1.4.1",
    },
  ],
  [
    "1.30",
    {
      kubernetes: ["1.32", "1.36"],
      oldestCompatibility: "1.25",
      newest: "1.30.3",
      kiali: "2.26.0",
      gatewayApi: "1.5.1",
    },
  ],
  [
    "1.31",
    {
      kubernetes: ["1.32", "1.36"],
      oldestCompatibility: "1.25",
      newest: versions.istio,
      kiali: "2.27.0",
      gatewayApi: versions.gatewayApi,
    },
  ],
]);

/** Minor version of Istio that first has a feature. Source: istio/istio, releasenotes. */
export const istioSince = {
  ambient: "1.24",
  /** ConfigMaps that set how istiod deploys a Gateway of the Gateway API. */
  gatewayParameters: "1.26",
  /** TCPRoutes, and the rules of VirtualServices for TCP and TLS, at waypoints. */
  waypointConnections: "1.26",
  /** istiod gives hosts of a ServiceEntry addresses of their own, and ztunnel answers DNS with them. */
  addressAllocation: "1.25",
  /** Two certificates of a server of a Gateway. */
  credentialNames: "1.26",
  /** Ciphers of a listener of a Gateway of the Gateway API. */
  listenerCiphers: "1.29",
} as const;

/** Version of the Gateway API whose standard channel first has a feature. Source: kubernetes-sigs/gateway-api, config/crd. */
export const gatewayApiSince = {
  corsFilter: "1.5",
  /**
   * Listeners of protocol TLS and TCP, and their routes. TLSRoutes are in 1.5 as well, with which Istio 1.30 reads such
   * listeners as an alpha feature only.
   * Source: istio/istio, releasenotes/notes/tls-protocol-gateway-no-alpha-gate.yaml, and pilotStableGatewayAPI in
   * pkg/config/schema/collections/collections.gen.go.
   */
  connectionListeners: "1.6",
  /** 303, 307 and 308. */
  redirectCodes: "1.5",
} as const;

/** Minor version of Talos that first has a feature. */
export const talosSince = {
  /** The program `nft` in the root file system. Source: siderolabs/talos, release notes of v1.12 (hack/release.toml). */
  nft: "1.12",
  /**
   * The installer takes kernel arguments from the image, `grubUseUKICmdline`; before, from `machine.install` alone.
   * Source: siderolabs/talos, pkg/machinery/config/contract.go.
   */
  kernelArgsOfImage: "1.12",
  /** Volumes of users, mounted below /var/mnt. Source: siderolabs/talos, release notes of v1.10. */
  userVolumes: "1.10",
} as const;

/**
 * What istio-cni needs for `nativeNftables`. For pods with a sidecar it runs the `nft` of the node. For ambient pods it runs
 * the `nft` of its own image and reads what it prints as JSON; the one in the distroless images of some releases was built
 * without JSON, so that istio-cni retries for ever when a pod is deleted.
 * Source: istio/istio, releasenotes (nftables); tools/istio-nftables, "probe nft json support" for the releases without.
 */
export const nftables = {
  sidecar: "1.27",
  ambient: "1.28",
  distrolessWithoutJson: (version: string) => {
    return Number(version.split(".")[2]) < (firstPatchWithJson.get(minorOf(version)) ?? 0);
  },
} as const;

/** By minor version of Istio, the first patch release whose distroless images have an `nft` with JSON. */
const firstPatchWithJson: ReadonlyMap<string, number> = new Map([
  ["1.28", Infinity],
  ["1.29", 4],
  ["1.30", 1],
]);

/** Supported minor versions of Talos, oldest first. Source: siderolabs/talos, pkg/machinery/compatibility, and its tags. */
export const talosReleases: ReadonlyMap<string, { readonly kubernetes: KubernetesRange; readonly newest?: string }> =
  new Map([
    ["1.7", { kubernetes: ["1.25", "1.30"], newest: "v1.7.7" }],
    ["1.8", { kubernetes: ["1.26", "1.31"], newest: "v1.8.4" }],
    ["1.9", { kubernetes: ["1.27", "1.32"], newest: "v1.9.6" }],
    ["1.10", { kubernetes: ["1.28", "1.33"], newest: "v1.10.9" }],
    ["1.11", { kubernetes: ["1.29", "1.34"], newest: "v1.11.6" }],
    ["1.12", { kubernetes: ["1.30", "1.35"], newest: "v1.12.11" }],
    ["1.13", { kubernetes: ["1.31", "1.36"], newest: "v1.13.9" }],
    ["1.14", { kubernetes: ["1.32", "1.37"] }],
  ]);

/** The chart repository and the image hub that Istio publishes to (from 1.31 on). */
export const officialCharts = "https://blob.istio.io/istio-release/charts";
export const officialOciCharts = "oci://ghcr.io/istio/release/charts";
export const officialHub = "docker.io/istio";

export const benchmarkImages = {
  fortio: `docker.io/fortio/fortio:${versions.fortio}`,
  iperf3: `docker.io/nicolaka/netshoot:${versions.netshoot}`,
} as const;

export const verificationImages = {
  curl: `docker.io/curlimages/curl:${versions.curl}`,
} as const;

/** `1.29` of `v1.29.1`. */
export function minorOf(version: string): string {
  return version.replace(/^v/, "").split(".").slice(0, 2).join(".");
}

/** Negative where the minor version of `a` is older than that of `b`. Accepts `1.29` and `v1.29.1` alike. */
export function compareMinor(a: string, b: string): number {
  const [majorA = 0, minorA = 0] = minorOf(a).split(".").map(Number);
  const [majorB = 0, minorB = 0] = minorOf(b).split(".").map(Number);
  return majorA - majorB || minorA - minorB;
}

export function inRange(minor: string, [oldest, newest]: KubernetesRange): boolean {
  return compareMinor(minor, oldest) >= 0 && compareMinor(minor, newest) <= 0;
}
