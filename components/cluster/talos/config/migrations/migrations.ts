import { asTree, isTree, type Tree, treesIn } from "../../../../shared/merge";
import { field, isTrue, type Migration, migration, move, rename, renaming, same, type Target } from "./migration";

/** Talos' containerd reads its own configuration and the parts in this folder, nothing else. */
const criPart = /^\/etc\/cri\/conf\.d\/(.+)\.part$/;

/** Only parts of containerd's configuration; files with another path stay in `machine.files`. */
function files(value: unknown, { documents }: Target): readonly Tree[] | undefined {
  const others = treesIn(value).filter((file) => {
    const [, name] = criPart.exec(String(file.path)) ?? [];
    if (name === undefined) return true;
    // Talos itself uses the name of the file 20-customization for this document.
    const document = name === "20-customization" ? "20-machine-files" : name;
    documents.merge("CRICustomizationConfig", { content: file.content }, document);
    return false;
  });
  return others.length > 0 ? others : undefined;
}

export const controlPlaneTaint = "node-role.kubernetes.io/control-plane";

const staticPod = same("image", "extraArgs", "env", "resources");

const enabled = (disabled: unknown): Tree => ({ enabled: !isTrue(disabled) });

function cni(value: unknown, { documents, problem }: Target): void {
  if (!isTree(value)) return;
  const { name, urls, flannel } = value;
  if (name !== undefined && name !== "flannel") documents.remove("KubeFlannelCNIConfig");
  else if (isTree(flannel)) {
    const names = same("kubeNetworkPoliciesEnabled", "extraArgs");
    const flannelProblem = (message: string) => problem(`flannel: ${message}`);
    rename(flannel, "KubeFlannelCNIConfig", names, { documents, problem: flannelProblem });
  }
  for (const [index, url] of (Array.isArray(urls) ? (urls as unknown[]) : []).entries()) {
    documents.merge("KubeExternalManifestConfig", { url }, index === 0 ? "custom-cni" : `custom-cni-${index + 1}`);
  }
}

function schedulable(value: unknown, { documents }: Target): void {
  // Only a control plane has the taint; deleting it elsewhere fails.
  if (isTrue(value) && documents.machineType === "controlplane") {
    documents.merge("KubeNodeConfig", { taints: { [controlPlaneTaint]: { $patch: "delete" } } });
  }
}

/**
 * Every field of the v1alpha1 document that a later contract keeps elsewhere. Settings and patches are written in the
 * v1alpha1 form, which all contracts support, and are converted by this table alone: a new contract means new rows.
 *
 * Source: siderolabs/talos, the `Deprecated:` notes of v1alpha1_types.go and the V1Alpha1ConflictValidate methods.
 */
export const migrations: readonly Migration[] = [
  migration("1.14", "machine.files", files),
  renaming("1.14", "machine.install", "UnattendedInstallConfig", {
    image: (image) => ({ installer: { image } }),
    wipe: (wipe) => ({ provisioning: { wipe } }),
    disk: (disk) => ({ provisioning: { diskSelector: { match: `disk.dev_path == ${JSON.stringify(disk)}` } } }),
    diskSelector: (selector, { problem }) => ({
      provisioning: { diskSelector: { match: diskExpression(selector, problem) } },
    }),
  }),
  migration("1.14", "machine.kernel.modules", (value, { documents }) => {
    for (const { name, parameters } of treesIn(value)) {
      documents.merge("KernelModuleConfig", parameters === undefined ? {} : { parameters }, String(name));
    }
  }),
  move("1.14", "machine.sysctls", "SysctlConfig", "params"),
  move("1.14", "machine.nodeLabels", "KubeNodeConfig", "labels"),
  move("1.14", "machine.nodeAnnotations", "KubeNodeConfig", "annotations"),
  move("1.14", "machine.nodeTaints", "KubeNodeConfig", "taints"),
  renaming("1.14", "machine.kubelet", "KubeletConfig", {
    ...same("image", "clusterDNS", "defaultRuntimeSeccompProfileEnabled"),
    extraConfig: "config",
    extraArgs: kubeletArguments,
    nodeIP: field("KubeNodeConfig", "nodeIP"),
    registerWithFQDN: field("KubeNodeConfig", "registerWithFQDN"),
    skipNodeRegistration: field("KubeNodeConfig", "skipNodeRegistration"),
    disableManifestsDirectory: () => ({}), // always disabled now
    credentialProviderConfig: field("KubeCredentialProviderConfig", "configuration"),
  }),
  // gen config writes `auto: stable`, which does not go with a host name.
  migration("1.12", "machine.network.hostname", (hostname, { documents }) =>
    documents.merge("HostnameConfig", { auto: "off", hostname }),
  ),
  migration("1.12", "machine.network.nameservers", (value, { documents }) => {
    const nameservers = Array.isArray(value) ? value.map((address: unknown) => ({ address })) : value;
    documents.merge("ResolverConfig", { nameservers });
  }),
  move("1.12", "machine.network.disableSearchDomain", "ResolverConfig", "searchDomains.disableDefault"),
  move("1.12", "machine.network.searchDomains", "ResolverConfig", "searchDomains.domains"),
  migration("1.13", "machine.network.kubespan", (value, { documents }) => {
    // Off is the default, and a document with only this would be the only one about KubeSpan.
    if (isTree(value) && value.enabled !== false) documents.merge("KubeSpanConfig", value);
    else documents.remove("KubeSpanConfig");
  }),
  move("1.14", "machine.features.hostDNS", "ResolverConfig", "hostDNS"),
  migration("1.14", "machine.features.kubePrism", (value, { documents }) => {
    if (!isTree(value)) return;
    if (value.enabled === false) documents.remove("KubePrismConfig");
    else if (value.port !== undefined) documents.merge("KubePrismConfig", { port: value.port });
  }),
  migration("1.14", "cluster.allowSchedulingOnControlPlanes", schedulable),
  migration("1.14", "cluster.allowSchedulingOnMasters", schedulable),
  migration("1.14", "cluster.network.cni", cni),
  renaming("1.14", "cluster.network", "KubeNetworkConfig", same("dnsDomain", "podSubnets", "serviceSubnets")),
  migration("1.14", "cluster.discovery", (value, { documents }) => {
    if (!isTree(value)) return;
    const service = asTree(asTree(value.registries).service);
    if (value.enabled === false || isTrue(service.disabled)) documents.remove("DiscoveryServiceConfig", "default");
    else if (service.endpoint !== undefined) {
      documents.merge("DiscoveryServiceConfig", { endpoint: service.endpoint }, "default");
    }
  }),
  migration("1.14", "cluster.inlineManifests", (value, { documents }) => {
    for (const manifest of treesIn(value)) {
      documents.merge("KubeInlineManifestConfig", { manifest: manifest.contents }, String(manifest.name));
    }
  }),
  renaming("1.14", "cluster.apiServer", "KubeAPIServerConfig", {
    ...staticPod,
    certSANs: "certExtraSANs",
    auditPolicy: field("KubeAuditPolicyConfig", "configuration"),
  }),
  renaming("1.14", "cluster.controllerManager", "KubeControllerManagerConfig", staticPod),
  renaming("1.14", "cluster.scheduler", "KubeSchedulerConfig", { ...staticPod, config: "config" }),
  renaming("1.14", "cluster.proxy", "KubeProxyConfig", { ...same("image", "mode", "extraArgs"), disabled: enabled }),
  renaming("1.14", "cluster.coreDNS", "KubeCoreDNSConfig", { image: "image", disabled: enabled }),
];

/** `rotate-server-certificates` is a field of the kubelet's own configuration; its flag is deprecated. */
function kubeletArguments(value: unknown): Tree {
  if (!isTree(value)) return { extraArgs: value };
  const { "rotate-server-certificates": rotate, ...extraArgs } = value;
  return {
    ...(rotate !== undefined && { config: { serverTLSBootstrap: isTrue(rotate) } }),
    ...(Object.keys(extraArgs).length > 0 && { extraArgs }),
  };
}

/** Kinds of disks, by Talos' names for them. */
const diskTypes = new Map([
  ["nvme", 'disk.transport == "nvme"'],
  ["sd", 'disk.transport == "mmc"'],
  ["hdd", "disk.rotational"],
  ["ssd", "!disk.rotational"],
]);

const diskFields = ["uuid", "wwid", "model", "serial", "modalias"];

/** In the order of Talos' own expression. */
const selectorKeys = ["size", ...diskFields, "type", "busPath"];

const sizeUnits = "BKMGTP";

/**
 * The CEL expression that selects the same disk as `machine.install.diskSelector`, for contracts without that field.
 * Source: siderolabs/talos, v1alpha1_provider.go, DiskMatchExpression.
 */
function diskExpression(selector: unknown, problem: Target["problem"]): string {
  if (!isTree(selector)) problem("diskSelector: expected a mapping such as { size: '>= 100GB' }");
  const fields = asTree(selector);
  if (typeof fields.match === "string") return fields.match;
  const place = (key: string) => (selectorKeys.includes(key) ? selectorKeys.indexOf(key) : selectorKeys.length);
  const ordered = Object.entries(fields).sort(([a], [b]) => place(a) - place(b));
  const terms = ordered.map(([key, value]) => {
    const term = diskTerm(key, String(value));
    if (term === undefined) problem(`diskSelector: has no disk selector ${key}: ${String(value)}`);
    return term;
  });
  // No device-mapper devices, and nothing that is read-only.
  return [...terms, 'disk.transport != ""', "!disk.readonly", "!disk.cdrom"].join(" && ");
}

function diskTerm(key: string, value: string): string | undefined {
  if (key === "size") return sizeTerm(value);
  if (key === "type") return diskTypes.get(value);
  if (key === "busPath") return `glob(${JSON.stringify(value)}, disk.bus_path)`;
  return diskFields.includes(key) ? `glob(${JSON.stringify(value)}, disk.${key})` : undefined;
}

/** `>= 100GB` or `4GB`; bytes where there is no unit. */
function sizeTerm(value: string): string | undefined {
  const [, operator = "==", number, unit = "B"] =
    /^(==|<=|>=|<|>)?\s*(\d+(?:\.\d+)?)\s*([KMGTP]i?B|B)?$/.exec(value) ?? [];
  if (number === undefined) return undefined;
  const base = unit.includes("i") ? 1024 : 1000;
  return `disk.size ${operator} ${Math.round(Number(number) * base ** sizeUnits.indexOf(unit.charAt(0)))}u`;
}
