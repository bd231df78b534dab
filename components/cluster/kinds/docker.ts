import { z } from "zod";
import { dnsLabel } from "../../settings/fields";
import { type ClusterKind, countNodes } from "./cluster-kind";
import { patch, talosTraits, talosVersions } from "./machine-fields";

export const dockerSettings = z.strictObject({
  kind: z.literal("docker").describe("Talos in containers on this machine, by `talosctl cluster create`."),
  name: dnsLabel,
  ...talosVersions,
  workers: z.int().min(0).max(20).default(2),
  patches: z.array(patch).default([]),
});

export type DockerClusterSettings = z.output<typeof dockerSettings>;

export const docker: ClusterKind<DockerClusterSettings> = {
  environments: ["dev", "staging"],
  traits: (settings) => ({
    summary: () => {
      const { name, talosVersion, kubernetesVersion, workers } = settings;
      return `${name}: Talos ${talosVersion} in containers, Kubernetes ${kubernetesVersion}, ${countNodes(1, workers)}`;
    },
    ...talosTraits(settings),
    loadBalancers: () => false,
    networkPolicies: () => "ignored",
    // talosctl's default network for containers: the first node has the first address after the gateway.
    nodeAddress: () => "10.5.0.2",
  }),
  machineTexts: ["cluster.patches.*"],
};
