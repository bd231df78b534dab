import type { TalosClusterSettings } from "../../kinds";
import { compareMinor } from "../../../settings/versions";
import { digestOf } from "../../../shared/digest";
import { isTree, type Tree } from "../../../shared/merge";
import { goYaml } from "./go-yaml";
import { isEmpty, nodeSettings, type TalosNodeSettings } from "./node-settings";

export type SchematicSettings = Partial<NonNullable<TalosClusterSettings["schematic"]>>;

const legacyTemplate = "{{.RegistryURL}}/installer{{if .Secureboot}}-secureboot{{end}}/{{.ID}}:{{.Version}}";
const template = "{{.RegistryURL}}/{{.Mode}}-installer{{if .Secureboot}}-secureboot{{end}}/{{.ID}}:{{.Version}}";

/** What installs and upgrades a node; with a schematic, the image comes from the Image Factory. */
export function installerOf(
  { talosVersion, imageFactory, schematic: ofCluster }: TalosClusterSettings,
  { talosImageURL, schematic = ofCluster, platform }: TalosNodeSettings,
) {
  if (talosImageURL !== undefined) {
    // A tag or digest follows the last slash; a colon before it belongs to a registry's port.
    const tagged = /[:@]/.test(talosImageURL.slice(talosImageURL.lastIndexOf("/") + 1));
    return { image: tagged ? talosImageURL : `${talosImageURL}:${talosVersion}` };
  }
  if (!schematic) return { image: `ghcr.io/siderolabs/installer:${talosVersion}` };
  const { protocol, registryURL, schematicEndpoint, installerURLTmpl } = imageFactory;
  const id = schematicId(schematic);
  const values = new Map(Object.entries({ RegistryURL: registryURL, Mode: platform, ID: id, Version: talosVersion }));
  const ofRelease = compareMinor(talosVersion, "1.10") >= 0 ? template : legacyTemplate;
  const image = (installerURLTmpl ?? ofRelease)
    .replaceAll(/{{\s*if \.Secureboot\s*}}(.*?){{\s*end\s*}}/g, schematic.secureboot ? "$1" : "")
    .replaceAll(/{{\s*\.(\w+)\s*}}/g, (whole, name: string) => values.get(name) ?? whole);
  // It takes POST with the YAML whose sha256 is the ID, answers 201, and is idempotent.
  const url = `${protocol}://${registryURL}${schematicEndpoint}`;
  return { image, schematic: { id, url, body: schematicYaml(schematic) } };
}

/** The schematics that the Image Factory must know before installers can be pulled. */
export function schematicUploads(settings: TalosClusterSettings) {
  const uploads = settings.nodes.flatMap((_, index) => {
    const { schematic } = installerOf(settings, nodeSettings(settings, index));
    return schematic ? [[schematic.id, schematic] as const] : [];
  });
  return [...new Map(uploads).values()];
}

export function schematicId(schematic: SchematicSettings = {}): string {
  return digestOf(schematicYaml(schematic), 64);
}

/**
 * The schematic as the Image Factory writes it: the bytes whose sha256 is its ID, and what its API accepts. The order of
 * keys is that of the factory's Go type; empty fields are left out, except for `customization`.
 *
 * Source: siderolabs/image-factory, pkg/schematic.
 */
export function schematicYaml(schematic: SchematicSettings = {}): string {
  const { overlay } = schematic;
  const customization = withoutEmpty({
    embeddedMachineConfiguration: schematic.embeddedMachineConfiguration,
    extraKernelArgs: schematic.extraKernelArgs,
    meta: schematic.meta?.map(({ key, value }) => ({ key, value })),
    systemExtensions: withoutEmpty({ officialExtensions: schematic.systemExtensions }),
    bootloader: schematic.bootloader,
    secureboot: withoutEmpty({
      enrollKeys: schematic.enrollKeys,
      includeWellKnownCertificates: schematic.includeWellKnownCertificates,
    }),
    diskImage: withoutEmpty({ sectorSize: schematic.diskImage?.sectorSize }),
  });
  return goYaml({
    ...withoutEmpty({
      owner: schematic.owner,
      overlay: overlay && {
        image: overlay.image,
        name: overlay.name,
        ...withoutEmpty({ options: overlay.options && sorted(overlay.options) }),
      },
    }),
    customization,
  });
}

/** Without what Go's `omitempty` leaves out. */
function withoutEmpty(map: Tree): Tree {
  return Object.fromEntries(Object.entries(map).filter(([, value]) => value && !isEmpty(value)));
}

/** Go sorts the keys of a mapping, with numbers in them by their value. */
function sorted(map: Tree): Tree {
  const byName = new Intl.Collator("en", { numeric: true });
  return Object.fromEntries(
    Object.entries(map)
      .sort(([a], [b]) => byName.compare(a, b))
      .map(([key, value]) => [key, isTree(value) ? sorted(value) : value]),
  );
}
