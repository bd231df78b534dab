import { isTree, type Tree } from "../../components/shared/merge";
import type { Notes } from "./read-talconfig";

/** What the conversion needs besides the talconfig. */
export interface ImportContext {
  readonly notes: Notes;
  /** A file that the talconfig names, with variables substituted unless it is read raw. */
  readonly readFile: (file: string, raw: boolean) => string;
  /** The path of the file relative to the project. */
  readonly fromProject: (file: string) => string;
}

/** Keys of groups and nodes that have the same name and meaning here. */
const sameKeys = [
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

/** Keys of groups and nodes that have no meaning here, with the reason. */
const uselessKeys = new Map([
  ["filenameTmpl", "no config files are written"],
  ["imageSchematic", "boot media are not created; the schematic of the installer is `schematic`"],
  ["noSchematicValidate", "the factory validates a schematic when it is uploaded"],
]);

const groupKeys = [
  ...sameKeys,
  ...uselessKeys.keys(),
  ...["nodeLabels", "nodeAnnotations", "machineFiles", "schematic", "userVolumes", "machineDisks", "patches"],
  ...["extraManifests", "machineSpec"],
];

const nodeKeys = [
  ...groupKeys,
  ...["hostname", "ipAddress", "controlPlane", "installDisk", "installDiskSelector", "ignoreHostname", "arch"],
  ...["overridePatches", "overrideExtraManifests", "overrideMachineCertSANs"],
];

const clusterKeys = [
  ...["clusterName", "talosVersion", "kubernetesVersion", "endpoint", "domain", "allowSchedulingOnMasters"],
  ...["allowSchedulingOnControlPlanes", "additionalMachineCertSans", "additionalApiServerCertSans"],
  ...["inlineManifests", "clusterPodNets", "clusterSvcNets", "cniConfig", "patches", "nodes", "imageFactory"],
  ...["controlPlane", "worker"],
];

/** A talconfig as `talos-mesh:cluster`. The notes tell what could not be converted. */
export function clusterSettings(talconfig: Tree, context: ImportContext): Tree {
  const { notes } = context;
  reportUnknownKeys(talconfig, clusterKeys, "", notes);
  for (const key of ["clusterName", "talosVersion", "kubernetesVersion", "endpoint"]) {
    if (typeof talconfig[key] !== "string") notes.miss(key, "missing; it has no default here");
  }
  if (trees(talconfig.nodes).length === 0) notes.miss("nodes", "there are none");
  const groups = {
    controlPlane: group(talconfig, "controlPlane", context),
    worker: group(talconfig, "worker", context),
  };
  const nodes = trees(talconfig.nodes).map((node, index) => {
    const role = node.controlPlane === true ? "controlPlane" : "worker";
    return nodeSettings(node, treeOf(talconfig[role]), groups[role], `nodes[${index}]`, context);
  });
  if (talconfig.patches !== undefined && nodes.some((node) => node.patches !== undefined)) {
    notes.remark(
      "patches",
      "talhelper applies them after those of nodes; here those of nodes come last, and override them",
    );
  }
  return defined({
    kind: "talos",
    name: talconfig.clusterName,
    endpoint: talconfig.endpoint,
    talosVersion: withV(talconfig.talosVersion),
    kubernetesVersion: withV(talconfig.kubernetesVersion),
    domain: talconfig.domain,
    allowSchedulingOnControlPlanes:
      talconfig.allowSchedulingOnMasters === true || talconfig.allowSchedulingOnControlPlanes === true || undefined,
    cni: cni(talconfig.cniConfig),
    podSubnets: talconfig.clusterPodNets,
    serviceSubnets: talconfig.clusterSvcNets,
    additionalApiServerCertSANs: talconfig.additionalApiServerCertSans,
    inlineManifests:
      talconfig.inlineManifests &&
      trees(talconfig.inlineManifests).map(({ name, contents, skipEnvsubst }) => ({
        name,
        contents: contentOf(contents, skipEnvsubst === true, context),
      })),
    imageFactory: imageFactory(talconfig.imageFactory, notes),
    patches: talconfig.patches && patchList(talconfig.patches, context),
    ...groups,
    nodes,
  });
}

function group(talconfig: Tree, role: "controlPlane" | "worker", context: ImportContext): Tree | undefined {
  const given = treeOf(talconfig[role]);
  reportUnknownKeys(given, groupKeys, role, context.notes);
  const settings = groupSettings(given, role, context);
  const sans = [talconfig.additionalMachineCertSans, settings.certSANs].flatMap((list) =>
    Array.isArray(list) ? (list as unknown[]) : [],
  );
  const result = { ...settings, ...(sans.length > 0 && { certSANs: sans }) };
  return Object.keys(result).length > 0 ? result : undefined;
}

function nodeSettings(
  given: Tree,
  givenGroup: Tree,
  groupResult: Tree | undefined,
  at: string,
  context: ImportContext,
): Tree {
  const { notes } = context;
  reportUnknownKeys(given, nodeKeys, at, notes);
  const addresses = (typeof given.ipAddress === "string" ? given.ipAddress : "").split(",").map((one) => one.trim());
  const [ipAddress, ...unused] = addresses;
  if (unused.length > 0) {
    notes.lose(
      `${at}.ipAddress`,
      `every step uses one address, so that a node is never taken for two; not used: ${unused.join(", ")}. ` +
        "List the address first that Pulumi can reach; Talos finds the others by itself",
    );
  }
  if (given.overrideExtraManifests === true) {
    notes.lose(`${at}.overrideExtraManifests`, "extraManifests are patches here; use overridePatches");
  }
  const settings = groupSettings(given, at, context);
  const machineSpec = treeOf(isTree(given.machineSpec) ? given.machineSpec : givenGroup.machineSpec);
  for (const key of ["useUKI", "bootMethod", "imageSuffix"]) {
    if (machineSpec[key] !== undefined) notes.lose(`${at}.machineSpec.${key}`, "boot media are not created");
  }
  const platform = typeof machineSpec.mode === "string" && machineSpec.mode !== "metal" ? machineSpec.mode : undefined;
  const schematic =
    machineSpec.secureboot === true
      ? { ...treeOf(settings.schematic ?? groupResult?.schematic), secureboot: true }
      : settings.schematic;
  return defined({
    hostname: given.hostname,
    ipAddress,
    controlPlane: given.controlPlane === true || undefined,
    installDisk: given.installDisk,
    installDiskSelector: given.installDiskSelector,
    ignoreHostname: given.ignoreHostname === true || undefined,
    overridePatches: given.overridePatches === true || undefined,
    overrideMachineCertSANs: given.overrideMachineCertSANs === true || undefined,
    arch: machineSpec.arch ?? given.arch,
    mode: platform && "cloud",
    platform,
    ...settings,
    schematic,
  });
}

/** What control planes, workers and single nodes have in common. */
function groupSettings(given: Tree, at: string, context: ImportContext): Tree {
  const { notes, fromProject } = context;
  const result: Record<string, unknown> = defined(Object.fromEntries(sameKeys.map((key) => [key, given[key]])));
  for (const key of ["nodeLabels", "nodeAnnotations"]) {
    const map = given[key];
    if (isTree(map)) result[key] = withoutTemplates(map, `${at}.${key}`, notes);
  }
  if (given.machineFiles !== undefined) {
    result.machineFiles = trees(given.machineFiles).map(({ skipEnvsubst, content, ...file }) => ({
      ...file,
      content: contentOf(content, skipEnvsubst === true, context),
    }));
  }
  if (isTree(given.schematic)) result.schematic = schematicOf(given.schematic, `${at}.schematic`, notes);
  if (given.userVolumes !== undefined) {
    const document = { apiVersion: "v1alpha1", kind: "UserVolumeConfig" };
    result.documents = trees(given.userVolumes).map((volume) => ({ ...document, ...volume }));
  }
  const manifests = Array.isArray(given.extraManifests) ? given.extraManifests.map(String) : [];
  const patches = [
    ...(given.machineDisks === undefined ? [] : [{ machine: { disks: given.machineDisks } }]),
    ...patchList(given.patches, context),
    ...manifests.map((file) => `@${fromProject(file.replace(/^@/, ""))}`),
  ];
  if (patches.length > 0) result.patches = patches;
  for (const [key, why] of uselessKeys) if (given[key] !== undefined) notes.lose(`${at}.${key}`, why);
  return result;
}

/** Files are named relative to the project. */
function patchList(patches: unknown, { fromProject }: ImportContext): string[] {
  const texts = Array.isArray(patches) ? patches.map(String) : [];
  return texts.map((text) => (text.startsWith("@") ? `@${fromProject(text.slice(1))}` : text));
}

/** The text, or that of the file that it names. */
function contentOf(content: unknown, raw: boolean, { readFile }: ImportContext): string {
  const text = typeof content === "string" ? content : "";
  return text.startsWith("@") ? readFile(text.slice(1), raw) : text;
}

/** talhelper fills `{{ ... }}` from the machine config that it has generated; here there is none yet. */
function withoutTemplates(map: Tree, at: string, notes: Notes): Tree {
  const entries = Object.entries(map).map(([key, value]) => [key, String(value)] as const);
  for (const [key, value] of entries) {
    if (value.includes("{{"))
      notes.lose(`${at}.${key}`, "a template over the generated config; write the value itself");
  }
  return Object.fromEntries(entries.filter(([, value]) => !value.includes("{{")));
}

/** The factory's nested form, flattened. */
function schematicOf({ owner, overlay, customization, ...others }: Tree, at: string, notes: Notes): Tree {
  const {
    systemExtensions,
    secureboot,
    extraKernelArgs,
    meta,
    bootloader,
    diskImage,
    embeddedMachineConfiguration,
    ...rest
  } = treeOf(customization);
  for (const key of Object.keys({ ...others, ...rest })) notes.lose(`${at}.${key}`, "not a field of a schematic");
  const { includeWellKnownCertificates, enrollKeys } = treeOf(secureboot);
  return defined({
    owner,
    overlay,
    extraKernelArgs,
    meta,
    bootloader,
    diskImage,
    embeddedMachineConfiguration,
    systemExtensions: treeOf(systemExtensions).officialExtensions,
    includeWellKnownCertificates,
    enrollKeys,
  });
}

function cni(given: unknown): Tree | undefined {
  if (!isTree(given)) return undefined;
  const { kubeNetworkPoliciesEnabled, extraArgs } = treeOf(given.flannel);
  return defined({ name: given.name, urls: given.urls, kubeNetworkPoliciesEnabled, extraArgs });
}

function imageFactory(given: unknown, notes: Notes): Tree | undefined {
  const { ISOURLTmpl, ...factory } = treeOf(given);
  if (ISOURLTmpl !== undefined) notes.lose("imageFactory.ISOURLTmpl", "boot media are not created");
  return Object.keys(factory).length > 0 ? factory : undefined;
}

function reportUnknownKeys(given: Tree, known: readonly string[], at: string, notes: Notes): void {
  for (const key of Object.keys(given)) {
    if (!known.includes(key)) notes.lose(at ? `${at}.${key}` : key, "not a key of a talconfig");
  }
}

function withV(version: unknown): unknown {
  return typeof version === "string" ? `v${version.replace(/^v/, "")}` : version;
}

function treeOf(value: unknown): Tree {
  return isTree(value) ? value : {};
}

function trees(value: unknown): readonly Tree[] {
  return Array.isArray(value) ? value.filter(isTree) : [];
}

function defined(tree: Tree): Record<string, unknown> {
  return Object.fromEntries(Object.entries(tree).filter(([, value]) => value !== undefined && value !== null));
}
