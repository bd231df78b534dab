import { z } from "zod";
import { freeForm } from "../../settings/fields";
import { platformImages, platformKubernetes, versions } from "../../settings/versions";
import type { Chart } from "../../shared/chart-source";
import { asTree, isTree, mergeValues, type Tree } from "../../shared/merge";
import type { KubernetesRange } from "../../settings/versions";
import { own } from "../../shared/own";

/** Fields of `cluster.cni` for Cilium. */
export const ciliumFields = {
  kubeProxy: z
    .boolean()
    .default(false)
    .describe("cilium only: keep Kubernetes' kube-proxy, which Cilium replaces otherwise."),
  hubble: z.boolean().default(false).describe("cilium only: Hubble with its relay and its page."),
  values: freeForm.default({}).describe("cilium only: further values of its chart."),
};

export const ciliumChart: Chart & { readonly kubernetes: KubernetesRange } = {
  name: "cilium",
  product: "Cilium",
  version: versions.cilium,
  repository: "https://helm.cilium.io",
  images: {
    agent: platformImages.cilium,
    operator: platformImages.ciliumOperator,
    relay: platformImages.hubbleRelay,
    ui: platformImages.hubbleUi,
    uiBackend: platformImages.hubbleUiBackend,
  },
  kubernetes: platformKubernetes.cilium,
};

interface CiliumCluster {
  readonly cni: { readonly kubeProxy: boolean; readonly hubble: boolean; readonly values: Tree };
  readonly podSubnets: readonly string[];
  readonly nodes: readonly unknown[];
}

export function ciliumImages({ cni }: Pick<CiliumCluster, "cni">): readonly string[] {
  const { cilium, ciliumOperator, hubbleRelay, hubbleUi, hubbleUiBackend } = platformImages;
  return [cilium, ciliumOperator, ...(cni.hubble ? [hubbleRelay, hubbleUi, hubbleUiBackend] : [])];
}

/** How Cilium makes the addresses of load balancers known. */
export type CiliumAnnouncement = "l2" | "bgp";

/** @param image the image to pull of an official one, from a mirror or by digest */
export function ciliumValues(
  cluster: CiliumCluster,
  image: (official: string) => string,
  imagePullSecrets: readonly { readonly name: string }[],
  announcement?: CiliumAnnouncement,
): Tree {
  const announcing = announcement ? { ...announcementValues(announcement), ...clientRateLimit(announcement) } : {};
  return mergeValues({ ...ownValues(cluster, image, imagePullSecrets), ...announcing }, cluster.cni.values);
}

/** Both are off by default; objects of their kinds have no effect then. */
function announcementValues(announcement: CiliumAnnouncement): Tree {
  return announcement === "l2" ? { l2announcements: { enabled: true } } : { bgpControlPlane: { enabled: true } };
}

/**
 * Each announced Service is a Lease, which its node renews every 5 seconds: enough for 200 of them, next to the 10 requests
 * a second that the chart allows. Source: cilium/cilium, Documentation/network/l2-announcements.rst.
 */
function clientRateLimit(announcement: CiliumAnnouncement): Tree {
  return announcement === "l2" ? { k8sClientRateLimit: { qps: 50, burst: 100 } } : {};
}

/**
 * What Talos needs (docs.siderolabs.com, "Deploy Cilium CNI": ipam, k8sService..., cgroup, capabilities), and Istio (istio.io,
 * "Platform-Specific Prerequisites": cni, bpf; docs.cilium.io, "Integration with Istio": socketLB). All else is the chart's own.
 */
function ownValues(
  { cni: { kubeProxy, hubble }, podSubnets, nodes }: CiliumCluster,
  image: (official: string) => string,
  imagePullSecrets: readonly { readonly name: string }[],
): Tree {
  const isUsed = (family: 4 | 6) => podSubnets.some((subnet) => subnet.includes(":") === (family === 6));
  const { cilium, ciliumOperator, hubbleRelay, hubbleUi, hubbleUiBackend } = platformImages;
  const override = (official: string) => ({ image: { override: image(official) } });
  return {
    ...(imagePullSecrets.length > 0 && { imagePullSecrets }),
    ...override(cilium),
    // Agents read their configuration when they start.
    rollOutCiliumPods: true,
    // Addresses of pods are in podSubnets, which Kubernetes divides.
    ipam: { mode: "kubernetes" },
    ipv4: { enabled: isUsed(4) },
    ipv6: { enabled: isUsed(6) },
    kubeProxyReplacement: !kubeProxy,
    // KubePrism: every node of Talos has a way to the API server that needs no Service.
    k8sServiceHost: "localhost",
    k8sServicePort: 7445,
    cgroup: { autoMount: { enabled: false }, hostRoot: "/sys/fs/cgroup" },
    // The chart's own, without SYS_MODULE: Talos lets no container load a module.
    securityContext: {
      capabilities: {
        ciliumAgent:
          "CHOWN KILL NET_ADMIN NET_RAW IPC_LOCK SYS_ADMIN SYS_RESOURCE DAC_OVERRIDE FOWNER SETGID SETUID SYSLOG".split(
            " ",
          ),
        cleanCiliumState: ["NET_ADMIN", "SYS_ADMIN", "SYS_RESOURCE"],
      },
    },
    cni: { exclusive: false },
    socketLB: { hostNamespaceOnly: true },
    bpf: { masquerade: false },
    // Rules for HTTP are Istio's.
    envoy: { enabled: false },
    // They use ports of their node.
    operator: { replicas: Math.min(2, nodes.length), rollOutPods: true, ...override(ciliumOperator) },
    hubble: {
      enabled: hubble,
      ...(hubble && {
        relay: { enabled: true, ...override(hubbleRelay) },
        ui: { enabled: true, frontend: override(hubbleUi), backend: override(hubbleUiBackend) },
      }),
    },
  };
}

/** Why a value must be as it is, by its path. */
const reasons: ReadonlyMap<string, string> = new Map([
  [
    "cni.exclusive",
    "Cilium would remove the CNI plugin of Istio from the nodes, and pods would start without the mesh",
  ],
  [
    "socketLB.hostNamespaceOnly",
    "Cilium would choose a pod of a Service in the client's socket, and proxies would not see which Service was called",
  ],
  [
    "bpf.masquerade",
    "probes of pods in an ambient mesh fail with it (istio.io, platform prerequisites), and so does Talos' DNS of the host (forwardKubeDNSToHost)",
  ],
  ["k8sServiceHost", "Cilium reaches the API server through KubePrism of Talos before any Service works"],
  ["k8sServicePort", "Cilium reaches the API server through KubePrism of Talos before any Service works"],
  ["cgroup.autoMount.enabled", "Talos has mounted cgroups already, and lets no container mount them"],
  ["cgroup.hostRoot", "Talos has its cgroups there"],
  ["securityContext.capabilities.ciliumAgent", "Talos lets no container have SYS_MODULE"],
  ["securityContext.capabilities.cleanCiliumState", "Talos lets no container have SYS_MODULE"],
  ["kubeProxyReplacement", "it has to agree with Talos' kube-proxy: set cluster.cni.kubeProxy"],
  ["hubble.enabled", "set cluster.cni.hubble"],
  ["ipam.mode", "addresses of pods are in cluster.podSubnets"],
  ["envoy.enabled", "rules for HTTP are Istio's, and Cilium cannot read traffic that the mesh has encrypted"],
  ["rollOutCiliumPods", "agents read their configuration when they start"],
  ["operator.rollOutPods", "the operator reads its configuration when it starts"],
  ["l2announcements.enabled", "platform.loadBalancer announces by l2"],
  ["bgpControlPlane.enabled", "platform.loadBalancer announces by bgp"],
]);

interface Conflict {
  readonly path: readonly string[];
  readonly message: string;
}

/** The values of the user that contradict those that Talos and Istio need. */
export function ciliumConflicts(cluster: CiliumCluster): Conflict[] {
  const found = conflicts(
    ownValues(cluster, (official) => official, []),
    cluster,
  );
  if (asTree(cluster.cni.values.encryption).type !== "ztunnel") return found;
  const message =
    "found ztunnel: Cilium would redirect pods to a ztunnel of its own, next to the mesh; expected ipsec or wireguard, or no encryption, as Istio encrypts";
  return [...found, { path: ["encryption", "type"], message }];
}

/** Those that contradict what platform.loadBalancer needs. */
export function announcementConflicts(cluster: Pick<CiliumCluster, "cni">, announcement: CiliumAnnouncement) {
  return conflicts(announcementValues(announcement), cluster);
}

function conflicts(wanted: Tree, { cni }: Pick<CiliumCluster, "cni">): Conflict[] {
  return [...differences(wanted, cni.values, [])].map(({ path, found, expected }) => {
    const reason = reasons.get(path.join(".")) ?? "this program sets it";
    return { path, message: `found ${JSON.stringify(found)}; expected ${JSON.stringify(expected)}: ${reason}` };
  });
}

function* differences(
  wanted: Tree,
  given: Tree,
  at: readonly string[],
): Iterable<{ path: readonly string[]; found: unknown; expected: unknown }> {
  for (const [key, found] of Object.entries(given)) {
    const expected = own(wanted, key);
    if (expected === undefined) continue;
    const path = [...at, key];
    if (isTree(expected) && isTree(found)) yield* differences(expected, found, path);
    else if (JSON.stringify(found) !== JSON.stringify(expected)) yield { path, found, expected };
  }
}

/** With ambient, kubelets' probes come from an address that Cilium takes for one outside the cluster. */
export const ambientProbes = {
  apiVersion: "cilium.io/v2",
  kind: "CiliumClusterwideNetworkPolicy",
  metadata: { name: "talos-mesh-ambient-probes" },
  spec: {
    description: "Lets the probes of kubelets into pods of an ambient mesh, which Istio gives this address",
    endpointSelector: {},
    enableDefaultDeny: { ingress: false, egress: false },
    ingress: [{ fromCIDR: ["169.254.7.127/32"] }],
  },
} as const;
