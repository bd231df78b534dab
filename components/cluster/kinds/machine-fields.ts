import { z } from "zod";
import { freeForm, vVersion } from "../../settings/fields";

/** Parts of the settings of clusters that run Talos. */

export const talosVersions = {
  talosVersion: vVersion.describe("Talos release the nodes run."),
  kubernetesVersion: vVersion,
};

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
    meta: z.array(z.strictObject({ key: z.int().min(0).max(255), value: z.string() })).default([]),
    overlay: z.strictObject({ image: z.string(), name: z.string(), options: freeForm.optional() }).optional(),
    embeddedMachineConfiguration: z.string().min(1).optional(),
    bootloader: z.enum(["dual-boot", "sd-boot", "grub"]).optional(),
    diskImage: z.strictObject({ sectorSize: z.int().positive() }).optional(),
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
    registryURL: z.string().min(1).default("factory.talos.dev").describe("Host, and port, that installers come from."),
    protocol: z.enum(["https", "http"]).default("https"),
    schematicEndpoint: z.string().startsWith("/").default("/schematics"),
    installerURLTmpl: z
      .string()
      .min(1)
      .optional()
      .describe("Installer image: {{.RegistryURL}}, {{.Mode}}, {{.ID}}, {{.Version}}, {{if .Secureboot}}...{{end}}."),
  })
  .describe("An Image Factory other than the public one.");
