import {
  groupKeys,
  groupSettings,
  isTree,
  contentOf,
  patchList,
  type Surroundings,
  type Tree,
  trees,
} from "./node-keys";

const clusterKeys = new Set([
  ...["clusterName", "talosVersion", "kubernetesVersion", "endpoint", "domain", "allowSchedulingOnMasters"],
  ...["allowSchedulingOnControlPlanes", "additionalMachineCertSans", "additionalApiServerCertSans"],
  ...["inlineManifests", "clusterPodNets", "clusterSvcNets", "cniConfig", "patches", "nodes", "imageFactory"],
  ...["controlPlane", "worker"],
]);

const nodeKeys = new Set([
  ...groupKeys,
  ...["hostname", "ipAddress", "controlPlane", "installDisk", "installDiskSelector", "ignoreHostname", "arch"],
  ...["overridePatches", "overrideExtraManifests", "overrideMachineCertSANs"],
]);

/** A talconfig as the settings' `talos-mesh:cluster`. What could not be carried over is in the notes. */
export function clusterSettings(talconfig: Tree, around: Surroundings): Tree {
  const { notes } = around;
  unknownKeys(talconfig, clusterKeys, "", around);
  for (const key of ["clusterName", "talosVersion", "kubernetesVersion", "endpoint"]) {
    if (typeof talconfig[key] !== "string") notes.miss(key, "not there; talos-mesh pins what it deploys");
  }
  if (trees(talconfig.nodes).length === 0) notes.miss("nodes", "there are none");
  const groups = { controlPlane: group(talconfig, "controlPlane", around), worker: group(talconfig, "worker", around) };
  const nodes = trees(talconfig.nodes).map((node, index) => {
    const role = node.controlPlane === true ? "controlPlane" : "worker";
    return nodeSettings(node, isTree(talconfig[role]) ? talconfig[role] : {}, groups[role], `nodes[${index}]`, around);
  });
  if (talconfig.patches !== undefined && nodes.some((node) => node.patches !== undefined)) {
    notes.remark("patches", "talhelper applies them after the nodes' own; here the nodes' own come last, and so win");
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
        contents: contentOf(contents, skipEnvsubst === true, around),
      })),
    imageFactory: imageFactory(talconfig.imageFactory, around),
    patches: talconfig.patches && patchList(talconfig.patches, around),
    ...groups,
    nodes,
  });
}

function group(talconfig: Tree, role: "controlPlane" | "worker", around: Surroundings): Tree | undefined {
  const given = isTree(talconfig[role]) ? talconfig[role] : {};
  unknownKeys(given, groupKeys, role, around);
  const settings = groupSettings(given, role, around);
  const sans = [talconfig.additionalMachineCertSans, settings.certSANs].flatMap((list) =>
    Array.isArray(list) ? (list as unknown[]) : [],
  );
  const result = { ...settings, ...(sans.length > 0 && { certSANs: sans }) };
  return Object.keys(result).length > 0 ? result : undefined;
}

function nodeSettings(
  given: Tree,
  groupGiven: Tree,
  groupSettled: Tree | undefined,
  path: string,
  around: Surroundings,
): Tree {
  const { notes } = around;
  unknownKeys(given, nodeKeys, path, around);
  const [address, ...more] = (typeof given.ipAddress === "string" ? given.ipAddress : "")
    .split(",")
    .map((one) => one.trim());
  if (more.length > 0) {
    notes.lose(
      `${path}.ipAddress`,
      `every step speaks to one address, so that a node is never taken for two; not used: ${more.join(", ")}. ` +
        "Put the one first that can be reached from where pulumi runs; Talos itself finds its others",
    );
  }
  if (given.overrideExtraManifests === true) {
    notes.lose(`${path}.overrideExtraManifests`, "extraManifests are patches now; overridePatches says it of those");
  }
  const settings = groupSettings(given, path, around);
  const machineSpec = isTree(given.machineSpec) ? given.machineSpec : groupGiven.machineSpec;
  const { secureboot, ...spec } = machine(isTree(machineSpec) ? machineSpec : {}, `${path}.machineSpec`, around);
  const inherited = settings.schematic ?? groupSettled?.schematic;
  const schematic = secureboot ? { ...(isTree(inherited) && inherited), secureboot } : settings.schematic;
  return defined({
    hostname: given.hostname,
    ipAddress: address,
    controlPlane: given.controlPlane === true || undefined,
    installDisk: given.installDisk,
    installDiskSelector: given.installDiskSelector,
    ignoreHostname: given.ignoreHostname === true || undefined,
    overridePatches: given.overridePatches === true || undefined,
    overrideMachineCertSANs: given.overrideMachineCertSANs === true || undefined,
    arch: given.arch,
    ...spec,
    ...settings,
    schematic,
  });
}

/** Which installer, and what validate has to know; boot media are not made here. */
function machine(given: Tree, path: string, { notes }: Surroundings): Tree {
  for (const key of ["useUKI", "bootMethod", "imageSuffix"]) {
    if (given[key] !== undefined) notes.lose(`${path}.${key}`, "boot media are not made here");
  }
  const platform = typeof given.mode === "string" ? given.mode : undefined;
  return defined({
    arch: given.arch,
    mode: platform === undefined || platform === "metal" ? undefined : "cloud",
    platform: platform === "metal" ? undefined : platform,
    secureboot: given.secureboot === true || undefined,
  });
}

function cni(given: unknown): Tree | undefined {
  if (!isTree(given)) return undefined;
  const flannel = isTree(given.flannel) ? given.flannel : {};
  const { kubeNetworkPoliciesEnabled, extraArgs } = flannel;
  return defined({ name: given.name, urls: given.urls, kubeNetworkPoliciesEnabled, extraArgs });
}

function imageFactory(given: unknown, { notes }: Surroundings): Tree | undefined {
  if (!isTree(given)) return undefined;
  const { ISOURLTmpl, ...factory } = given;
  if (ISOURLTmpl !== undefined) notes.lose("imageFactory.ISOURLTmpl", "boot media are not made here");
  return Object.keys(factory).length > 0 ? factory : undefined;
}

function unknownKeys(given: Tree, known: ReadonlySet<string>, path: string, { notes }: Surroundings): void {
  for (const key of Object.keys(given)) {
    if (!known.has(key)) notes.lose(path ? `${path}.${key}` : key, "not a key of a talconfig");
  }
}

function withV(version: unknown): unknown {
  return typeof version === "string" ? `v${version.replace(/^v/, "")}` : version;
}

function defined(tree: Tree): Tree {
  return Object.fromEntries(Object.entries(tree).filter(([, value]) => value !== undefined && value !== null));
}
