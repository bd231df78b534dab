import { z } from "zod";
import { dnsLabel, kubernetesVersion } from "../../settings/fields";
import { versions } from "../../settings/versions";
import { type ClusterKind, countNodes } from "./cluster-kind";

export const embeddedSettings = z.strictObject({
  kind: z
    .literal("embedded")
    .describe(
      "A real control plane on this machine with simulated nodes (kwokctl): for development, carries no traffic.",
    ),
  name: dnsLabel,
  kubernetesVersion: kubernetesVersion.optional().describe("Default: the one this release is tested with."),
  workers: z.int().min(0).max(100).default(2),
  apiServerPort: z.int().min(1024).max(65535).optional().describe("Default: a free port."),
});

export type EmbeddedClusterSettings = z.output<typeof embeddedSettings>;

export const embedded: ClusterKind<EmbeddedClusterSettings> = {
  environments: ["dev", "staging"],
  traits: (settings) => {
    const kubernetesVersion = () => settings.kubernetesVersion ?? versions.kubernetes;
    return {
      summary: () => {
        const nodes = countNodes(1, settings.workers);
        return `${settings.name}: embedded on this machine, Kubernetes ${kubernetesVersion()}, ${nodes}, simulated`;
      },
      simulatedNodes: () => true,
      created: () => true,
      talos: () => false,
      kubernetesVersion,
      loadBalancers: () => false,
      // No traffic flows, so no policy is bypassed.
      cni: () => undefined,
      networkPolicies: () => "enforced",
      kubeconfigSource: () => "project",
      standInCharts: () => true,
    };
  },
};
