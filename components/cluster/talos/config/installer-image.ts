import type { TalosClusterSettings } from "../../../settings/sections/cluster";
import { atLeast } from "./contract";
import { schematicId, type SchematicSettings, schematicYaml } from "./schematic";
import type { SchematicUpload } from "./types";
import { minorOf } from "../../../settings/versions";

type Factory = TalosClusterSettings["imageFactory"];

/** What decides where a node's installer comes from. */
export interface ImageSource {
  /** `v1.7.4` */
  readonly talosVersion: string;
  readonly imageFactory: Factory;
  readonly schematic?: SchematicSettings;
  /** An image without its tag; it stands before everything else. */
  readonly talosImageURL?: string;
  /** `metal`, `nocloud`, `aws`, ... */
  readonly platform: string;
}

const legacyTemplate = "{{.RegistryURL}}/installer{{if .Secureboot}}-secureboot{{end}}/{{.ID}}:{{.Version}}";
const template = "{{.RegistryURL}}/{{.Mode}}-installer{{if .Secureboot}}-secureboot{{end}}/{{.ID}}:{{.Version}}";

/** The image that installs and upgrades a node. */
export function installerImage(source: ImageSource): string {
  const { talosVersion, imageFactory, schematic, talosImageURL, platform } = source;
  if (talosImageURL !== undefined) return hasTag(talosImageURL) ? talosImageURL : `${talosImageURL}:${talosVersion}`;
  if (!schematic) return `ghcr.io/siderolabs/installer:${talosVersion}`;
  const values: Readonly<Record<string, string>> = {
    RegistryURL: imageFactory.registryURL,
    Mode: platform,
    ID: schematicId(schematic),
    Version: talosVersion,
  };
  return (imageFactory.installerURLTmpl ?? (atLeast(minorOf(talosVersion), "1.10") ? template : legacyTemplate))
    .replaceAll(/{{\s*if \.Secureboot\s*}}(.*?){{\s*end\s*}}/g, schematic.secureboot ? "$1" : "")
    .replaceAll(/{{\s*\.(\w+)\s*}}/g, (whole, name: string) => values[name] ?? whole);
}

/** What the factory has to be told before it has the image; nothing where the image is not the factory's. */
export function schematicUpload(source: ImageSource): SchematicUpload | undefined {
  const { imageFactory, schematic, talosImageURL } = source;
  if (!schematic || talosImageURL !== undefined) return undefined;
  const { protocol, registryURL, schematicEndpoint } = imageFactory;
  return {
    id: schematicId(schematic),
    url: `${protocol}://${registryURL}${schematicEndpoint}`,
    body: schematicYaml(schematic),
  };
}

/** A tag or a digest stands after the last slash; a colon before it is a registry's port. */
function hasTag(image: string): boolean {
  return /[:@]/.test(image.slice(image.lastIndexOf("/") + 1));
}
