import { z } from "zod";
import {
  annotations,
  form,
  fqdn,
  filePath,
  freeForm,
  image,
  imagePrefix,
  ipAddress,
  kubernetesVersion,
  labels,
  subjectName,
  taints,
  talosVersion,
} from "../../settings/fields";
import { count } from "../../settings/quantities";
import {
  configDocument,
  diskSelector,
  extensionService,
  ingressFirewall,
  kernelModule,
  networkInterface,
  volume,
} from "./machine-documents";

const word = form("[^\\s]+", "expected a name without spaces");

export const talosVersions = {
  talosVersion: talosVersion.describe("Talos release the nodes run."),
  kubernetesVersion,
};

/** Traits of a cluster that this program creates with Talos. */
export function talosTraits(settings: { readonly talosVersion: string; readonly kubernetesVersion: string }) {
  return {
    simulatedNodes: () => false,
    created: () => true,
    talos: () => true,
    talosVersion: () => settings.talosVersion,
    kubernetesVersion: () => settings.kubernetesVersion,
    kubeconfigSource: () => "stack" as const,
    standInCharts: () => false,
  };
}

export const patch = z
  .union([z.string().min(1), freeForm, z.array(freeForm)], { error: "expected a patch: text, '@file', or YAML" })
  .describe("A machine-config patch: strategic merge or RFC 6902, inline or '@file'.");

export const schematic = z
  .strictObject({
    systemExtensions: z
      .array(
        z.string().regex(/^[\w.-]+\/[\w.-]+$/, "expected an official extension such as siderolabs/qemu-guest-agent"),
      )
      .default([])
      .describe("Official extensions; their order is part of the ID."),
    extraKernelArgs: z.array(z.string()).default([]),
    meta: z.array(z.strictObject({ key: count(0, 255), value: z.string() })).default([]),
    overlay: z.strictObject({ image: imagePrefix, name: word, options: freeForm.optional() }).optional(),
    embeddedMachineConfiguration: z.string().min(1).optional(),
    bootloader: z.enum(["dual-boot", "sd-boot", "grub"]).optional(),
    diskImage: z.strictObject({ sectorSize: count(1) }).optional(),
    includeWellKnownCertificates: z.boolean().default(false).describe("UEFI certificates in addition to Talos' own."),
    enrollKeys: z
      .enum(["off", "manual", "if-safe", "force"])
      .optional()
      .describe("When systemd-boot enrolls its keys."),
    owner: z.string().min(1).optional().describe("Enterprise factories only."),
    secureboot: z.boolean().default(false).describe("Install the SecureBoot installer; not part of the ID."),
  })
  .describe("Image Factory schematic; its ID is computed offline.");

export const imageFactory = z
  .strictObject({
    registryURL: imagePrefix.default("factory.talos.dev").describe("Host, and port, that installers come from."),
    protocol: z.enum(["https", "http"]).default("https"),
    schematicEndpoint: form("/[^\\s?#]*", "expected a path such as /schematics").default("/schematics"),
    installerURLTmpl: z
      .string()
      .min(1)
      .optional()
      .describe("Installer image: {{.RegistryURL}}, {{.Mode}}, {{.ID}}, {{.Version}}, {{if .Secureboot}}...{{end}}."),
  })
  .describe("An Image Factory other than the public one.");

/** As Talos takes it: its first part is the name of the machine, the rest its domain. */
const hostname = form(
  fqdn,
  "expected a host name such as cp-1 or cp-1.example.com: parts of at most 63 lower-case letters, digits and '-'",
  253,
);

/** A DNS name, which an address with a mistake such as 10.0.0.300 is not. */
const nodeAddress = z.union(
  [
    z.ipv4(),
    z.ipv6(),
    z
      .string()
      .regex(/^(?!.*(^|\.)\d+$)/)
      .and(hostname),
  ],
  {
    error: "expected an IP address, or a DNS name such as cp-1.example.com",
  },
);

/** A number as YAML reads it (`0o644`), or a string of octal digits. */
const fileMode = z.union([count(0, 0o777), z.string().regex(/^(0o?)?[0-7]{3,4}$/)], {
  error: 'expected a file mode in octal, such as 0o644 or "0644"',
});

const perNode = {
  nodeLabels: labels.default({}),
  nodeAnnotations: annotations.default({}),
  nodeTaints: taints.describe("key: 'value:Effect', as Talos writes it.").default({}),
  nameservers: z.array(ipAddress).default([]),
  disableSearchDomain: z.boolean().default(false).describe("No search domain from the host name."),
  certSANs: z.array(subjectName).default([]),
  kernelModules: z.array(kernelModule).default([]),
  machineFiles: z
    .array(
      z.strictObject({
        path: filePath.startsWith("/"),
        op: z.enum(["create", "append", "overwrite"]),
        content: z.string(),
        permissions: fileMode.optional(),
      }),
    )
    .default([]),
  networkInterfaces: z.array(networkInterface).default([]).describe("Talos' machine.network.interfaces entries."),
  ingressFirewall: ingressFirewall.optional(),
  extensionServices: z.array(extensionService).default([]),
  volumes: z.array(volume).default([]),
  documents: z.array(configDocument).default([]).describe("Further Talos config documents, passed on as they are."),
  schematic: schematic.optional(),
  talosImageURL: image.optional(),
  patches: z.array(patch).default([]),
};

export const node = z.strictObject({
  hostname,
  ipAddress: nodeAddress.describe(
    "Where Pulumi reaches the node, and clients its NodePorts: an IP address or a DNS name.",
  ),
  additionalAddresses: z
    .array(ipAddress)
    .default([])
    .describe(
      "Further addresses: in the node's certificates and the talosconfig; of another IP family also in Kubernetes.",
    ),
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
  installDisk: form("/dev/(?!.*\\.\\.)[^\\s]+", "expected a disk such as /dev/sda").optional(),
  installDiskSelector: diskSelector.optional(),
  ...perNode,
});

export const group = z.strictObject(perNode).describe("Settings of every node of this role.");
