import { z } from "zod";
import { dnsLabel, vVersion } from "../../settings/fields";
import type { ClusterKind } from "./kind";

export const existingSettings = z.strictObject({
  kind: z.literal("existing").describe("A cluster that already exists."),
  name: dnsLabel,
  kubeconfig: z
    .strictObject({
      file: z.string().min(1).optional().describe("Path of a kubeconfig; '~/' and relative paths are allowed."),
      secret: z.string().min(1).optional().describe("Name of an entry of talos-mesh:secrets with its text."),
      context: z.string().min(1).optional().describe("Context to use; default: the file's current one."),
    })
    .refine(
      (given) => (given.file === undefined) !== (given.secret === undefined),
      "expected exactly one of: file, secret",
    ),
  kubernetesVersion: vVersion.optional().describe("Checked against what the Istio version supports."),
  talos: z
    .boolean()
    .default(false)
    .describe("Whether its nodes run Talos, which has nftables and no legacy iptables modules."),
  nodeAddress: z.string().optional().describe("Address at which NodePorts are reached."),
});

export type ExistingClusterSettings = z.output<typeof existingSettings>;

export const existing: ClusterKind<ExistingClusterSettings> = {
  environments: ["dev", "staging", "production"],
  traits: (settings) => ({
    get summary() {
      return `${settings.name}: existing`;
    },
    simulatedNodes: false,
    created: false,
    get talos() {
      return settings.talos;
    },
    get kubernetesVersion() {
      return settings.kubernetesVersion;
    },
    loadBalancers: true,
    networkPolicies: "unknown",
    get nodeAddress() {
      return settings.nodeAddress;
    },
    kubeconfigSource: "stack",
    get kubeContext() {
      return settings.kubeconfig.context;
    },
    standInCharts: false,
  }),
};
