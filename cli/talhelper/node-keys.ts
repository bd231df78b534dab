import type { Notes } from "./notes";

export type Tree = Record<string, unknown>;

/** What the importer may look at beside the talconfig. */
export interface Surroundings {
  readonly notes: Notes;
  /** A file that the talconfig names; variables are put in unless told otherwise. */
  readonly readFile: (file: string, raw: boolean) => string;
  /** The same file as the project will name it. */
  readonly fromProject: (file: string) => string;
}

export function isTree(value: unknown): value is Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function trees(value: unknown): readonly Tree[] {
  return Array.isArray(value) ? value.filter(isTree) : [];
}

/** Keys whose value means the same here under the same name. */
const same = [
  "nodeTaints",
  "disableSearchDomain",
  "kernelModules",
  "nameservers",
  "networkInterfaces",
  "certSANs",
  "talosImageURL",
  "ingressFirewall",
  "extensionServices",
  "volumes",
];

/** Keys that mean nothing to this program, and why. */
const pointless: Readonly<Record<string, string>> = {
  filenameTmpl: "no config files are written, so there are none to name",
  imageSchematic: "boot media are not made here; the installer's schematic is `schematic`",
  noSchematicValidate: "the factory itself checks a schematic when it is uploaded",
};

/** What control planes, workers and single nodes have in common. */
export function groupSettings(given: Tree, path: string, around: Surroundings): Tree {
  const { notes, fromProject } = around;
  const result: Tree = {};
  const patches: unknown[] = [];
  for (const key of same) if (given[key] !== undefined && given[key] !== null) result[key] = given[key];
  for (const key of ["nodeLabels", "nodeAnnotations"]) {
    if (isTree(given[key])) result[key] = withoutTemplates(given[key], `${path}.${key}`, notes);
  }
  if (given.machineFiles !== undefined) {
    result.machineFiles = trees(given.machineFiles).map(({ skipEnvsubst, content, ...file }) => ({
      ...file,
      content: contentOf(content, skipEnvsubst === true, around),
    }));
  }
  if (isTree(given.schematic)) result.schematic = schematic(given.schematic, `${path}.schematic`, notes);
  if (given.userVolumes !== undefined) {
    result.documents = trees(given.userVolumes).map((volume) => ({
      apiVersion: "v1alpha1",
      kind: "UserVolumeConfig",
      ...volume,
    }));
  }
  if (given.machineDisks !== undefined) patches.push({ machine: { disks: given.machineDisks } });
  patches.push(...patchList(given.patches, around));
  for (const file of Array.isArray(given.extraManifests) ? given.extraManifests : []) {
    patches.push(`@${fromProject(String(file).replace(/^@/, ""))}`);
  }
  if (patches.length > 0) result.patches = patches;
  for (const [key, why] of Object.entries(pointless)) if (given[key] !== undefined) notes.lose(`${path}.${key}`, why);
  return result;
}

export const groupKeys: ReadonlySet<string> = new Set([
  ...same,
  ...Object.keys(pointless),
  ...["nodeLabels", "nodeAnnotations", "machineFiles", "schematic", "userVolumes", "machineDisks", "patches"],
  ...["extraManifests", "machineSpec"],
]);

/** Patches as text; files are named from the project's folder. */
export function patchList(patches: unknown, { fromProject }: Surroundings): string[] {
  const texts = Array.isArray(patches) ? patches.map(String) : [];
  return texts.map((text) => (text.startsWith("@") ? `@${fromProject(text.slice(1))}` : text));
}

/** Text, or that of the file it names. */
export function contentOf(content: unknown, raw: boolean, { readFile }: Surroundings): string {
  const text = typeof content === "string" ? content : "";
  return text.startsWith("@") ? readFile(text.slice(1), raw) : text;
}

/** talhelper fills `{{ ... }}` from the machine config it has just made; here there is none yet. */
function withoutTemplates(map: Tree, path: string, notes: Notes): Tree {
  const entries = Object.entries(map).filter(([key, value]) => {
    const templated = String(value).includes("{{");
    if (templated) notes.lose(`${path}.${key}`, "a template over the made config; write the value itself");
    return !templated;
  });
  return Object.fromEntries(entries.map(([key, value]) => [key, String(value)]));
}

/** The factory's shape, flat. */
function schematic(given: Tree, path: string, notes: Notes): Tree {
  const { owner, overlay, customization, ...unknown } = given;
  const { systemExtensions, secureboot, extraKernelArgs, meta, bootloader, diskImage, ...rest } = isTree(customization)
    ? customization
    : {};
  const { embeddedMachineConfiguration, ...others } = rest;
  for (const key of Object.keys({ ...unknown, ...others })) notes.lose(`${path}.${key}`, "not a field of a schematic");
  const secure = isTree(secureboot) ? secureboot : {};
  const flat: Tree = {
    owner,
    overlay,
    extraKernelArgs,
    meta,
    bootloader,
    diskImage,
    embeddedMachineConfiguration,
    systemExtensions: isTree(systemExtensions) ? systemExtensions.officialExtensions : undefined,
    includeWellKnownCertificates: secure.includeWellKnownCertificates,
    enrollKeys: secure.enrollKeys,
  };
  return Object.fromEntries(Object.entries(flat).filter(([, value]) => value !== undefined && value !== null));
}
