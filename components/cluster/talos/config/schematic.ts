import { createHash } from "node:crypto";
import type { TalosClusterSettings } from "../../../settings/sections/cluster";
import { type GoMap, type GoValue, goYaml } from "./go-yaml";

type Settings = NonNullable<TalosClusterSettings["schematic"]>;

/** A schematic as settings have it, with or without its defaults. */
export type SchematicSettings = Partial<Settings>;

/**
 * The schematic as the Image Factory writes it: the bytes whose sha256 is its ID, and what its API takes. The order of
 * keys is that of the factory's Go type; empty fields are left out, but `customization` is always there.
 *
 * Source: siderolabs/image-factory, pkg/schematic.
 */
export function schematicYaml(schematic: SchematicSettings = {}): string {
  const { overlay } = schematic;
  const customization = filled({
    embeddedMachineConfiguration: schematic.embeddedMachineConfiguration,
    extraKernelArgs: schematic.extraKernelArgs,
    meta: schematic.meta?.map(({ key, value }) => ({ key, value })),
    systemExtensions: filled({ officialExtensions: schematic.systemExtensions }),
    bootloader: schematic.bootloader,
    secureboot: filled({
      enrollKeys: schematic.enrollKeys,
      includeWellKnownCertificates: schematic.includeWellKnownCertificates,
    }),
    diskImage: filled({ sectorSize: schematic.diskImage?.sectorSize }),
  });
  return goYaml({
    ...filled({
      owner: schematic.owner,
      overlay: overlay && {
        image: overlay.image,
        name: overlay.name,
        ...filled({ options: overlay.options && sorted(overlay.options) }),
      },
    }),
    customization,
  });
}

/** 64 hexadecimal digits, computed offline. */
export function schematicId(schematic: SchematicSettings = {}): string {
  return createHash("sha256").update(schematicYaml(schematic)).digest("hex");
}

/** Without what Go's `omitempty` leaves out. */
function filled(map: GoMap): GoMap {
  const isFilled = (value: GoValue) => {
    if (typeof value === "object" && value !== null) return Object.keys(value).length > 0;
    return Boolean(value);
  };
  return Object.fromEntries(Object.entries(map).filter(([, value]) => isFilled(value)));
}

/** Go writes the keys of a map in order, with numbers in them by their value. */
function sorted(value: GoMap): GoMap {
  const byName = new Intl.Collator("en", { numeric: true });
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => byName.compare(a, b))
      .map(([key, inner]) => [key, isMap(inner) ? sorted(inner) : inner]),
  );
}

function isMap(value: GoValue): value is GoMap {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
