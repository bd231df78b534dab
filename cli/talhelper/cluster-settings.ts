import { asTree, isTree, type Tree, treesIn } from "../../components/shared/merge";
import type { Notes } from "./read-talconfig";

export interface ImportContext {
  readonly notes: Notes;
  /** A file that the talconfig names, with variables substituted unless it is read raw. */
  readonly readFile: (file: string, raw: boolean) => string;
  /** The path of the file relative to the project. */
  readonly fromProject: (file: string) => string;
}

/** A key of a talconfig: its name here, or what its value becomes. Lists of several keys with one name are joined. */
type Field = string | ((value: unknown, at: string, context: ImportContext) => Tree);

type Fields = Readonly<Record<string, Field>>;

const each = (keys: readonly string[], fieldOf: (key: string) => Field): Fields =>
  Object.fromEntries(keys.map((key) => [key, fieldOf(key)]));
const sameName = (...keys: readonly string[]) => each(keys, (key) => key);
/** A switch; `false` is the default here as well. */
const flag = (name: string) => (value: unknown) => ({ [name]: value === true || undefined });
/** Converted with other keys. */
const elsewhere: Field = () => ({});
/** Files are named relative to the project. */
const patches: Field = (given, _at, { fromProject }) => ({
  patches: listOf(given).map((patch) => String(patch).replace(/^@(.*)/s, (_, file: string) => `@${fromProject(file)}`)),
});

function lost(why: string, isLost: (value: unknown) => boolean = () => true): Field {
  return (value, at, { notes }) => {
    if (isLost(value)) notes.lose(at, why);
    return {};
  };
}

/** What control planes, workers and single nodes have in common. */
const groupFields: Fields = {
  ...sameName("nodeTaints", "disableSearchDomain", "kernelModules", "nameservers", "networkInterfaces", "certSANs"),
  ...sameName("talosImageURL", "ingressFirewall", "extensionServices", "volumes"),
  ...each(["nodeLabels", "nodeAnnotations"], (key) => (given, at, { notes }) => {
    return { [key]: withoutTemplates(given, at, notes) };
  }),
  machineFiles: (files, _, context) => ({
    machineFiles: treesIn(files).map(({ skipEnvsubst, content, ...file }) => ({
      ...file,
      content: contentOf(content, skipEnvsubst === true, context),
    })),
  }),
  schematic: (given, at, { notes }) => ({ schematic: isTree(given) ? schematicOf(given, at, notes) : undefined }),
  userVolumes: (volumes) => ({
    documents: treesIn(volumes).map((volume) => ({ apiVersion: "v1alpha1", kind: "UserVolumeConfig", ...volume })),
  }),
  machineDisks: (disks) => ({ patches: [{ machine: { disks } }] }),
  patches,
  extraManifests: (files, _, { fromProject }) => ({
    patches: listOf(files).map((file) => `@${fromProject(String(file).replace(/^@/, ""))}`),
  }),
  filenameTmpl: lost("no config files are written"),
  imageSchematic: lost("boot media are not created; the schematic of the installer is `schematic`"),
  noSchematicValidate: lost("the factory validates a schematic when it is uploaded"),
};

const nodeFields: Fields = {
  hostname: "hostname",
  ipAddress: firstAddress,
  controlPlane: flag("controlPlane"),
  ...sameName("installDisk", "installDiskSelector"),
  ...each(["ignoreHostname", "overridePatches", "overrideMachineCertSANs"], flag),
  overrideExtraManifests: lost("extraManifests are patches here; use overridePatches", (value) => value === true),
  arch: "arch",
  machineSpec: (spec) => {
    const { arch, mode } = asTree(spec);
    return { arch, ...(typeof mode === "string" && mode !== "metal" && { mode: "cloud", platform: mode }) };
  },
  ...groupFields,
};

const clusterFields: Fields = {
  clusterName: "name",
  endpoint: "endpoint",
  ...each(["talosVersion", "kubernetesVersion"], (key) => (version) => ({
    [key]: typeof version === "string" ? `v${version.replace(/^v/, "")}` : version,
  })),
  domain: "domain",
  ...each(["allowSchedulingOnMasters", "allowSchedulingOnControlPlanes"], () => flag("allowSchedulingOnControlPlanes")),
  cniConfig: (given) => {
    const { name, urls, flannel } = asTree(given);
    const { kubeNetworkPoliciesEnabled, extraArgs } = asTree(flannel);
    return { cni: isTree(given) ? defined({ name, urls, kubeNetworkPoliciesEnabled, extraArgs }) : undefined };
  },
  clusterPodNets: "podSubnets",
  clusterSvcNets: "serviceSubnets",
  additionalApiServerCertSans: "additionalApiServerCertSANs",
  inlineManifests: (manifests, _, context) => ({
    inlineManifests: treesIn(manifests).map(({ name, contents, skipEnvsubst }) => ({
      name,
      contents: contentOf(contents, skipEnvsubst === true, context),
    })),
  }),
  imageFactory: (given, at, { notes }) => {
    const { ISOURLTmpl, ...factory } = asTree(given);
    if (ISOURLTmpl !== undefined) notes.lose(`${at}.ISOURLTmpl`, "boot media are not created");
    return { imageFactory: Object.keys(factory).length > 0 ? factory : undefined };
  },
  patches,
  ...each(["additionalMachineCertSans", "controlPlane", "worker", "nodes"], () => elsewhere),
};

/** A talconfig as `talos-mesh:cluster`. The notes list what could not be converted. */
export function clusterSettings(talconfig: Tree, context: ImportContext): Tree {
  const { notes } = context;
  for (const key of ["clusterName", "talosVersion", "kubernetesVersion", "endpoint"]) {
    if (typeof talconfig[key] !== "string") notes.miss(key, "missing; it has no default here");
  }
  const givenNodes = treesIn(talconfig.nodes);
  if (givenNodes.length === 0) notes.miss("nodes", "there are none");
  const [controlPlane, worker] = [group(talconfig, "controlPlane", context), group(talconfig, "worker", context)];
  const nodes = givenNodes.map((node, index) => {
    const [role, settings] = node.controlPlane === true ? ["controlPlane", controlPlane] : ["worker", worker];
    return nodeSettings(node, asTree(talconfig[role]), asTree(settings), `nodes[${index}]`, context);
  });
  if (talconfig.patches !== undefined && nodes.some((node) => node.patches !== undefined)) {
    notes.remark(
      "patches",
      "talhelper applies them after those of nodes; here those of nodes come last, and override them",
    );
  }
  return defined({ kind: "talos", ...convert(talconfig, clusterFields, "", context), controlPlane, worker, nodes });
}

function group(talconfig: Tree, role: "controlPlane" | "worker", context: ImportContext): Tree | undefined {
  const settings = convert(asTree(talconfig[role]), { ...groupFields, machineSpec: elsewhere }, role, context);
  const certSANs = [...listOf(talconfig.additionalMachineCertSans), ...listOf(settings.certSANs)];
  const result = { ...settings, ...(certSANs.length > 0 && { certSANs }) };
  return Object.keys(result).length > 0 ? result : undefined;
}

function nodeSettings(given: Tree, givenGroup: Tree, groupResult: Tree, at: string, context: ImportContext): Tree {
  const machineSpec = asTree(isTree(given.machineSpec) ? given.machineSpec : givenGroup.machineSpec);
  const settings = convert({ ...given, machineSpec }, nodeFields, at, context);
  for (const key of ["useUKI", "bootMethod", "imageSuffix"]) {
    if (machineSpec[key] !== undefined) context.notes.lose(`${at}.machineSpec.${key}`, "boot media are not created");
  }
  if (machineSpec.secureboot !== true) return settings;
  return { ...settings, schematic: { ...asTree(settings.schematic ?? groupResult.schematic), secureboot: true } };
}

function convert(given: Tree, fields: Fields, at: string, context: ImportContext): Record<string, unknown> {
  const pathOf = (key: string) => (at ? `${at}.${key}` : key);
  for (const key of Object.keys(given)) {
    if (!Object.hasOwn(fields, key)) context.notes.lose(pathOf(key), "not a key of a talconfig");
  }
  const result: Record<string, unknown> = {};
  for (const [key, field] of Object.entries(fields)) {
    const value = given[key];
    if (value === undefined || value === null) continue;
    const found = typeof field === "string" ? { [field]: value } : field(value, pathOf(key), context);
    for (const [name, part] of Object.entries(defined(found))) {
      result[name] = Array.isArray(part) ? [...listOf(result[name]), ...listOf(part)] : part;
    }
  }
  return result;
}

function firstAddress(given: unknown, at: string, { notes }: ImportContext): Tree {
  const [ipAddress, ...unused] = String(given)
    .split(",")
    .map((address) => address.trim());
  const why =
    `every step uses one address, so that a node is never taken for two; not used: ${unused.join(", ")}. ` +
    "List the address first that Pulumi can reach; Talos finds the others by itself";
  if (unused.length > 0) notes.lose(at, why);
  return { ipAddress };
}

/** The text, or that of the file that it names. */
function contentOf(content: unknown, raw: boolean, { readFile }: ImportContext): string {
  const text = typeof content === "string" ? content : "";
  return text.startsWith("@") ? readFile(text.slice(1), raw) : text;
}

/** talhelper fills `{{ ... }}` from the machine config that it has generated; here there is none yet. */
function withoutTemplates(map: unknown, at: string, notes: Notes): Tree | undefined {
  if (!isTree(map)) return undefined;
  const entries = Object.entries(map).flatMap(([key, value]) => {
    if (!String(value).includes("{{")) return [[key, String(value)]];
    notes.lose(`${at}.${key}`, "a template over the generated config; write the value itself");
    return [];
  });
  return Object.fromEntries(entries) as Tree;
}

/** The factory's nested form, flattened. */
function schematicOf({ owner, overlay, customization, ...others }: Tree, at: string, notes: Notes): Tree {
  const { systemExtensions, secureboot, ...rest } = asTree(customization);
  const { extraKernelArgs, meta, bootloader, diskImage, embeddedMachineConfiguration, ...unknown } = rest;
  for (const key of Object.keys({ ...others, ...unknown })) notes.lose(`${at}.${key}`, "not a field of a schematic");
  const { includeWellKnownCertificates, enrollKeys } = asTree(secureboot);
  return defined({
    owner,
    overlay,
    extraKernelArgs,
    meta,
    bootloader,
    diskImage,
    embeddedMachineConfiguration,
    systemExtensions: asTree(systemExtensions).officialExtensions,
    includeWellKnownCertificates,
    enrollKeys,
  });
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function defined(tree: Tree): Record<string, unknown> {
  return Object.fromEntries(Object.entries(tree).filter(([, value]) => value !== undefined && value !== null));
}
