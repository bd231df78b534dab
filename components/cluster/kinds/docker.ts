import { z } from "zod";
import { dnsLabel, nodePort, some } from "../../settings/fields";
import { duplicates } from "../../shared/problem";
import { type ClusterKind, countNodes } from "./cluster-kind";
import { patch, talosTraits, talosVersions } from "./machine-fields";

export const dockerSettings = z.strictObject({
  kind: z.literal("docker").describe("Talos in containers on this machine, by `talosctl cluster create`."),
  name: dnsLabel,
  ...talosVersions,
  workers: z.int().min(0).max(20).default(2),
  patches: z.array(patch).default([]),
  // Without a default, which would be another spec, and replace deployed containers.
  exposedPorts: some(nodePort).describe(
    "Node ports that are reached at localhost too, and only there: where the network of the containers is not (Docker Desktop).",
  ),
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
    cni: () => "flannel",
    // talosctl's default network for containers: the first node has the first address after the gateway.
    nodeAddress: () => (settings.exposedPorts === undefined ? "10.5.0.2" : "localhost"),
  }),
  problems: ({ exposedPorts = [] }) =>
    duplicates(
      exposedPorts.map((port, index) => ({ path: ["cluster", "exposedPorts", index], key: port })),
      "port",
    ),
  machineTexts: ["cluster.patches.*"],
};
