import { z } from "zod";
import { dnsLabel, dnsSubdomain, freeForm, labels, secretRef } from "../../settings/fields";
import { type ClusterKind, countNodes } from "./kind";
import { imageFactory, patch, schematic, talosVersions } from "./machine-fields";

const ipAddress = z.union([z.ipv4(), z.ipv6()], { error: "expected an IP address" });

const cidr = z.union([z.cidrv4(), z.cidrv6()], { error: "expected a CIDR such as 10.244.0.0/16" });

const perNode = {
  nodeLabels: labels.default({}),
  nodeAnnotations: labels.default({}),
  nodeTaints: z.record(z.string(), z.string()).describe("key: 'value:Effect', as Talos writes it.").default({}),
  nameservers: z.array(ipAddress).default([]),
  disableSearchDomain: z.boolean().default(false).describe("No search domain from the host name."),
  certSANs: z.array(z.string()).default([]),
  kernelModules: z.array(z.strictObject({ name: z.string(), parameters: z.array(z.string()).optional() })).default([]),
  machineFiles: z
    .array(
      z.strictObject({
        path: z.string().startsWith("/"),
        op: z.enum(["create", "append", "overwrite"]),
        content: z.string(),
        permissions: z.int().optional(),
      }),
    )
    .default([]),
  networkInterfaces: z.array(freeForm).default([]).describe("Talos' machine.network.interfaces entries."),
  ingressFirewall: freeForm.optional(),
  extensionServices: z.array(freeForm).default([]),
  volumes: z.array(freeForm).default([]),
  documents: z.array(freeForm).default([]).describe("Further Talos config documents, passed on as they are."),
  schematic: schematic.optional(),
  talosImageURL: z.string().optional(),
  patches: z.array(patch).default([]),
};

const node = z.strictObject({
  hostname: dnsLabel,
  ipAddress,
  controlPlane: z.boolean().default(false),
  arch: z.enum(["amd64", "arm64"]).default("amd64"),
  mode: z.enum(["metal", "cloud", "container"]).default("metal"),
  platform: z
    .string()
    .regex(/^[a-z][-a-z0-9]*$/, "expected a platform such as metal, nocloud or aws")
    .default("metal")
    .describe("Image Factory platform: which installer, from Talos 1.10 on."),
  ignoreHostname: z.boolean().default(false).describe("Leave the host name to DHCP or the platform."),
  overridePatches: z.boolean().default(false).describe("Its patches replace those of its group."),
  overrideMachineCertSANs: z.boolean().default(false).describe("Its certSANs replace those of its group."),
  installDisk: z.string().startsWith("/dev/").optional(),
  installDiskSelector: freeForm.optional(),
  ...perNode,
});

const group = z.strictObject(perNode).describe("Settings of every node of this role.");

export const talosSettings = z.strictObject({
  kind: z.literal("talos").describe("Machines that run Talos Linux, provisioned with talosctl."),
  name: dnsLabel,
  endpoint: z
    .url({ protocol: /^https$/, error: "expected an address such as https://192.168.128.27:6443" })
    .describe("Address of the Kubernetes API server that clients and nodes use."),
  ...talosVersions,
  contract: z
    .string()
    .regex(/^v\d+\.\d+$/, "expected a contract such as v1.13")
    .optional()
    .describe("Machine-config contract; frozen at the first deployment. Default: that of talosVersion."),
  domain: dnsSubdomain.default("cluster.local"),
  allowSchedulingOnControlPlanes: z.boolean().default(false),
  cni: z
    .strictObject({
      name: z.enum(["flannel", "none", "custom"]),
      urls: z.array(z.url()).optional(),
      kubeNetworkPoliciesEnabled: z.boolean().default(false).describe("flannel only: enforce NetworkPolicy."),
      extraArgs: z.array(z.string()).default([]).describe("flannel only: arguments of flanneld."),
    })
    .prefault({ name: "flannel" }),
  discovery: z.boolean().default(true).describe("Talos' cluster discovery service."),
  kubespan: z.boolean().default(false),
  podSubnets: z.array(cidr).default(["10.244.0.0/16"]),
  serviceSubnets: z.array(cidr).default(["10.96.0.0/12"]),
  additionalApiServerCertSANs: z.array(z.string()).default([]),
  inlineManifests: z.array(z.strictObject({ name: z.string(), contents: z.string() })).default([]),
  schematic: schematic.optional(),
  imageFactory: imageFactory.prefault({}),
  patches: z.array(patch).default([]).describe("Patches for every node."),
  controlPlane: group.optional(),
  worker: group.optional(),
  nodes: z.array(node).min(1),
  machineSecrets: secretRef.optional().describe("An existing talsecret.yaml; default: created once and kept."),
  reboot: z
    .enum(["never", "when-needed", "staged"])
    .default("never")
    .describe(
      "What a changed config may do to a node: never: apply at once, refuse what needs a reboot; when-needed: reboot " +
        "for that, one node at a time; staged: take effect at a reboot by an administrator.",
    ),
  onDestroy: z.enum(["none", "reset"]).default("none").describe("What `pulumi destroy` does to the nodes."),
  etcdSnapshot: z.strictObject({ folder: z.string() }).optional().describe("Snapshot etcd before upgrade and reset."),
  checkDrift: z.boolean().default(false).describe("Compare the running config during a preview, where nodes answer."),
});

export type TalosClusterSettings = z.output<typeof talosSettings>;

export const talos: ClusterKind<TalosClusterSettings> = {
  environments: ["dev", "staging", "production"],
  traits: (settings) => ({
    get summary() {
      const { name, talosVersion, kubernetesVersion, nodes } = settings;
      const controlPlanes = nodes.filter(({ controlPlane }) => controlPlane).length;
      const count = countNodes(controlPlanes, nodes.length - controlPlanes);
      return `${name}: Talos ${talosVersion}, Kubernetes ${kubernetesVersion}, ${count}`;
    },
    simulatedNodes: false,
    created: true,
    talos: true,
    get talosVersion() {
      return settings.talosVersion;
    },
    get kubernetesVersion() {
      return settings.kubernetesVersion;
    },
    loadBalancers: true,
    get networkPolicies() {
      const { name, kubeNetworkPoliciesEnabled } = settings.cni;
      if (name !== "flannel") return "unknown";
      return kubeNetworkPoliciesEnabled ? "enforced" : "ignored";
    },
    get nodeAddress() {
      const { nodes } = settings;
      return (nodes.find(({ controlPlane }) => !controlPlane) ?? nodes[0])?.ipAddress;
    },
    kubeconfigSource: "stack",
    standInCharts: false,
  }),
};
