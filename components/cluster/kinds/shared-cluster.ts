import { z } from "zod";
import { dnsLabel } from "../../settings/fields";
import { throwUnknown } from "../../shared/unknown";
import type { ClusterKind } from "./cluster-kind";

/** What a stack may own, each needing those before it. `mesh` is Istio and everything on it. */
export const layerNames = ["cluster", "platform", "mesh"] as const;

export type LayerName = (typeof layerNames)[number];

/** How the authority of an issuer is convinced: by a request to port 80, by a record of the domain, or of itself. */
const issuerKinds = ["http01", "dns01", "authority"] as const;

/**
 * What a stack says of its cluster to a stack with `cluster.stackReference`: its output `sharedCluster`. Fields that a newer
 * version of the program adds are left out.
 */
export const sharedCluster = z.object({
  name: dnsLabel,
  summary: z.string(),
  simulatedNodes: z.boolean(),
  talos: z.boolean(),
  talosVersion: z.string().optional(),
  kubernetesVersion: z.string().optional(),
  /** Whether its kind may have a load balancer. */
  loadBalancers: z.boolean(),
  /** Whether it has one, where that is known. */
  loadBalancer: z.boolean().optional(),
  networkPolicies: z.enum(["enforced", "ignored", "unknown"]),
  cni: z.enum(["cilium", "flannel", "other"]).optional(),
  nodeAddress: z.string().optional(),
  kubeContext: z.string().optional(),
  /** Layers of that stack, and of those that its own cluster comes from. */
  layers: z.array(z.enum(layerNames)),
  /** Version of the Gateway API's CRDs that such a stack has installed. */
  gatewayApi: z.string().optional(),
  /** The ClusterIssuers of such a stack, where it installs cert-manager. */
  issuers: z.record(z.string(), z.enum(issuerKinds)).optional(),
});

export type SharedCluster = z.output<typeof sharedCluster>;

interface WithSharedCluster {
  readonly nodeAddress?: string | undefined;
  /** Not a setting: read from the other stack before the checks (components/validation/other-stack.ts). */
  readonly shared?: SharedCluster;
}

/** Of a cluster in another stack. */
export function sharedTraits(settings: WithSharedCluster): ReturnType<ClusterKind<WithSharedCluster>["traits"]> {
  const of = <Key extends keyof SharedCluster>(key: Key) => (settings.shared ?? throwUnknown())[key];
  return {
    summary: () => of("summary"),
    simulatedNodes: () => of("simulatedNodes"),
    created: () => false,
    talos: () => of("talos"),
    talosVersion: () => of("talosVersion"),
    kubernetesVersion: () => of("kubernetesVersion"),
    loadBalancers: () => of("loadBalancers"),
    networkPolicies: () => of("networkPolicies"),
    cni: () => of("cni"),
    nodeAddress: () => settings.nodeAddress ?? of("nodeAddress"),
    kubeconfigSource: () => "stack",
    kubeContext: () => of("kubeContext"),
    standInCharts: () => false,
  };
}
