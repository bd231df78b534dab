import { z } from "zod";
import { dnsLabel, dnsSubdomain, freeForm, labels, secretRef, vVersion } from "../fields";

/** `talos-mesh:cluster`: which machines, and who makes them a cluster. */

const ipAddress = z.union([z.ipv4(), z.ipv6()], { error: "expected an IP address" });

const cidr = z.union([z.cidrv4(), z.cidrv6()], { error: "expected a CIDR such as 10.244.0.0/16" });

const endpoint = z
  .url({ protocol: /^https$/, error: "expected an address such as https://192.168.128.27:6443" })
  .describe("Address of the Kubernetes API server that clients and nodes use.");

const overlay = z.strictObject({ image: z.string(), name: z.string(), options: freeForm.optional() });

const schematic = z
  .strictObject({
    systemExtensions: z
      .array(
        z.string().regex(/^[\w.-]+\/[\w.-]+$/, "expected an official extension such as siderolabs/qemu-guest-agent"),
      )
      .default([])
      .describe("Official extensions; their order is part of the ID."),
    extraKernelArgs: z.array(z.string()).default([]),
    meta: z.array(z.strictObject({ key: z.int().min(0).max(255), value: z.string() })).default([]),
    overlay: overlay.optional(),
    embeddedMachineConfiguration: z.string().min(1).optional(),
    bootloader: z.enum(["dual-boot", "sd-boot", "grub"]).optional(),
    diskImage: z.strictObject({ sectorSize: z.int().positive() }).optional(),
    includeWellKnownCertificates: z.boolean().default(false).describe("UEFI certificates beside Talos' own."),
    enrollKeys: z
      .enum(["off", "manual", "if-safe", "force"])
      .optional()
      .describe("When systemd-boot enrolls its keys."),
    owner: z.string().min(1).optional().describe("Enterprise factories only."),
    secureboot: z.boolean().default(false).describe("Install the SecureBoot installer; not part of the ID."),
  })
  .describe("Image Factory schematic; its ID is computed offline.");

const imageFactory = z
  .strictObject({
    registryURL: z.string().min(1).default("factory.talos.dev").describe("Host, and port, that installers come from."),
    protocol: z.enum(["https", "http"]).default("https"),
    schematicEndpoint: z.string().startsWith("/").default("/schematics"),
    installerURLTmpl: z
      .string()
      .min(1)
      .optional()
      .describe("Installer image: {{.RegistryURL}}, {{.Mode}}, {{.ID}}, {{.Version}}, {{if .Secureboot}}...{{end}}."),
  })
  .describe("An Image Factory of one's own.");

const patch = z
  .union([z.string().min(1), freeForm, z.array(freeForm)], { error: "expected a patch: text, '@file', or YAML" })
  .describe("A machine-config patch: strategic merge or RFC 6902, inline or '@file'.");

const taints = z.record(z.string(), z.string()).describe("key: 'value:Effect', as Talos writes it.");

const perNode = {
  nodeLabels: labels.default({}),
  nodeAnnotations: labels.default({}),
  nodeTaints: taints.default({}),
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
  overridePatches: z.boolean().default(false).describe("Its patches stand instead of its group's."),
  overrideMachineCertSANs: z.boolean().default(false).describe("Its certSANs stand instead of its group's."),
  installDisk: z.string().startsWith("/dev/").optional(),
  installDiskSelector: freeForm.optional(),
  ...perNode,
});

const group = z.strictObject(perNode).describe("Settings of every node of this role.");

const talosVersions = {
  talosVersion: vVersion.describe("Talos release the nodes run."),
  kubernetesVersion: vVersion,
};

const talos = z.strictObject({
  kind: z.literal("talos").describe("Machines that run Talos Linux, provisioned with talosctl."),
  name: dnsLabel,
  endpoint,
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
  machineSecrets: secretRef.optional().describe("An existing talsecret.yaml; default: made once and kept."),
  reboot: z
    .enum(["never", "when-needed", "staged"])
    .default("never")
    .describe(
      "What a changed config may do to a node: never: apply at once, refuse what needs a reboot; when-needed: reboot " +
        "for that, one node at a time; staged: take effect at a reboot that somebody else does.",
    ),
  onDestroy: z.enum(["none", "reset"]).default("none").describe("What `pulumi destroy` does to the nodes."),
  etcdSnapshot: z.strictObject({ folder: z.string() }).optional().describe("Snapshot etcd before upgrade and reset."),
  checkDrift: z.boolean().default(false).describe("Compare the running config during a preview, where nodes answer."),
});

const docker = z.strictObject({
  kind: z.literal("docker").describe("Talos in containers on this machine, by `talosctl cluster create`."),
  name: dnsLabel,
  ...talosVersions,
  workers: z.int().min(0).max(20).default(2),
  patches: z.array(patch).default([]),
});

const existing = z.strictObject({
  kind: z.literal("existing").describe("A cluster that is there already."),
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
    .describe("Whether its nodes run Talos, which has nftables and not the iptables modules of old."),
  nodeAddress: z.string().optional().describe("Address under which NodePorts are reached."),
});

const embedded = z.strictObject({
  kind: z
    .literal("embedded")
    .describe(
      "A real control plane on this machine with simulated nodes (kwokctl): for development, carries no traffic.",
    ),
  name: dnsLabel,
  kubernetesVersion: vVersion.optional().describe("Default: the one this release is tested with."),
  workers: z.int().min(0).max(100).default(2),
  apiServerPort: z.int().min(1024).max(65535).optional().describe("Default: a free port."),
});

export const cluster = z.discriminatedUnion("kind", [embedded, talos, docker, existing], {
  error: (issue) => (issue.code === "invalid_union" ? "expected one of: embedded, talos, docker, existing" : undefined),
});

export type ClusterSettings = z.output<typeof cluster>;
export type EmbeddedClusterSettings = z.output<typeof embedded>;
export type ExistingClusterSettings = z.output<typeof existing>;
export type TalosClusterSettings = z.output<typeof talos>;
export type DockerClusterSettings = z.output<typeof docker>;
