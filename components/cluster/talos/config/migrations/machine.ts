import { asTree, isTree, type Tree, treesIn } from "../../../../shared/merge";
import { isTrue, type Migration, migration, move, renamed, same, type Target } from "./migration";

/** Talos' containerd reads its own configuration and the parts in this folder, nothing else. */
const criPart = /^\/etc\/cri\/conf\.d\/(.+)\.part$/;

/** Only parts of containerd's configuration; files with another path stay in `machine.files`. */
const files: Migration = {
  since: "1.14",
  path: ["machine", "files"],
  write: (value, { documents }) => {
    const others = treesIn(value).filter((file) => {
      const [, name] = criPart.exec(String(file.path)) ?? [];
      if (name === undefined) return true;
      // Talos itself uses the name of the file 20-customization for this document.
      const document = name === "20-customization" ? "20-machine-files" : name;
      documents.merge("CRICustomizationConfig", { content: file.content }, document);
      return false;
    });
    return others.length > 0 ? others : undefined;
  },
};

export const machineMigrations: readonly Migration[] = [
  files,
  migration("1.14", "machine.install", (value, { documents, problem }) => {
    const install = renamed(
      value,
      {
        image: (image) => ({ installer: { image } }),
        wipe: (wipe) => ({ provisioning: { wipe } }),
        disk: (disk) => ({ provisioning: { diskSelector: { match: `disk.dev_path == ${JSON.stringify(disk)}` } } }),
        diskSelector: (selector) => ({ provisioning: { diskSelector: { match: diskExpression(selector, problem) } } }),
      },
      problem,
    );
    documents.merge("UnattendedInstallConfig", install);
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
  migration("1.14", "machine.kubelet", (value, { documents, problem }) => {
    const node: Record<string, unknown> = {};
    const toNode = (name: string) => (inner: unknown) => {
      node[name] = inner;
      return {};
    };
    const kubelet = renamed(
      value,
      {
        ...same("image", "clusterDNS", "defaultRuntimeSeccompProfileEnabled"),
        extraConfig: "config",
        extraArgs: kubeletArguments,
        nodeIP: toNode("nodeIP"),
        registerWithFQDN: toNode("registerWithFQDN"),
        skipNodeRegistration: toNode("skipNodeRegistration"),
        disableManifestsDirectory: () => ({}), // always disabled now
        credentialProviderConfig: (configuration) => {
          documents.merge("KubeCredentialProviderConfig", { configuration });
          return {};
        },
      },
      problem,
    );
    if (Object.keys(kubelet).length > 0) documents.merge("KubeletConfig", kubelet);
    if (Object.keys(node).length > 0) documents.merge("KubeNodeConfig", node);
  }),
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

/** Fields of `.machine.network`, and those of `.machine.features` about the network. */
export const networkMigrations: readonly Migration[] = [
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
];

/** Kinds of disks, by Talos' names for them. */
const diskTypes = new Map([
  ["nvme", 'disk.transport == "nvme"'],
  ["sd", 'disk.transport == "mmc"'],
  ["hdd", "disk.rotational"],
  ["ssd", "!disk.rotational"],
]);

const diskFields = new Set(["uuid", "wwid", "model", "serial", "modalias"]);

const sizeUnits = "BKMGTP";

/**
 * The CEL expression that selects the same disk as `machine.install.diskSelector`, for contracts without that field.
 * Source: siderolabs/talos, v1alpha1_provider.go, DiskMatchExpression.
 */
function diskExpression(selector: unknown, problem: Target["problem"]): string {
  if (!isTree(selector)) problem("diskSelector: expected a mapping such as { size: '>= 100GB' }");
  const fields = asTree(selector);
  if (typeof fields.match === "string") return fields.match;
  const terms = Object.entries(fields).map(([key, value]) => {
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
  return diskFields.has(key) ? `glob(${JSON.stringify(value)}, disk.${key})` : undefined;
}

/** `>= 100GB` or `4GB`; bytes where there is no unit. */
function sizeTerm(value: string): string | undefined {
  const [, operator = "==", number, unit = "B"] =
    /^(==|<=|>=|<|>)?\s*(\d+(?:\.\d+)?)\s*([KMGTP]i?B|B)?$/.exec(value) ?? [];
  if (number === undefined) return undefined;
  const base = unit.includes("i") ? 1024 : 1000;
  return `disk.size ${operator} ${Math.round(Number(number) * base ** sizeUnits.indexOf(unit.charAt(0)))}u`;
}
