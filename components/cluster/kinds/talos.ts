import { BlockList, isIP, isIPv4 } from "node:net";
import { z } from "zod";
import { dnsLabel, hostName, httpsUrl, httpUrl, secretRef, subjectName } from "../../settings/fields";
import { compareMinor, minorOf } from "../../settings/versions";
import { duplicates, type Entry, type Problem, problemsOf, type Refusal, type SettingPath } from "../../shared/problem";
import { checkEach, runChecks } from "../../shared/unknown";
import { type ClusterKind, type ClusterStack, countNodes } from "./cluster-kind";
import { cniWithoutFiles } from "./cni";
import { group, imageFactory, node, patch, schematic, talosTraits, talosVersions } from "./machine-fields";

const cidr = z.union([z.cidrv4(), z.cidrv6()], { error: "expected a CIDR such as 10.244.0.0/16" });

export const talosSettings = z.strictObject({
  kind: z.literal("talos").describe("Machines that run Talos Linux, provisioned with talosctl."),
  name: dnsLabel,
  endpoint: httpsUrl.describe("Address of the Kubernetes API server that clients and nodes use."),
  ...talosVersions,
  contract: z
    .string()
    .regex(/^v1\.\d{1,2}$/, "expected a contract such as v1.13")
    .optional()
    .describe(
      "Default: the contract of talosVersion at the first deployment; a later talosVersion does not change it.",
    ),
  domain: hostName.default("cluster.local"),
  allowSchedulingOnControlPlanes: z.boolean().default(false),
  cni: z
    .strictObject({
      name: z.enum(["flannel", "none", "custom"]),
      urls: z.array(httpUrl).optional(),
      kubeNetworkPoliciesEnabled: z.boolean().default(false).describe("flannel only: enforce NetworkPolicy."),
      extraArgs: z.array(z.string()).default([]).describe("flannel only: arguments of flanneld."),
    })
    .prefault({ name: "flannel" }),
  discovery: z.boolean().default(true).describe("Talos' cluster discovery service."),
  kubespan: z.boolean().default(false),
  podSubnets: z.array(cidr).default(["10.244.0.0/16"]),
  serviceSubnets: z.array(cidr).default(["10.96.0.0/12"]),
  additionalApiServerCertSANs: z.array(subjectName).default([]),
  inlineManifests: z.array(z.strictObject({ name: z.string(), contents: z.string() })).default([]),
  schematic: schematic.optional(),
  imageFactory: imageFactory.prefault({}),
  patches: z.array(patch).default([]).describe("Patches for every node."),
  controlPlane: group.optional(),
  worker: group.optional(),
  nodes: z.array(node).min(1),
  machineSecrets: secretRef.optional().describe("An existing talsecret.yaml; default: created once and kept."),
  reboot: z
    .enum(["never", "when-needed", "staged"])
    .default("never")
    .describe(
      "What a changed config may do to a node: never: apply at once, refuse what needs a reboot; when-needed: reboot " +
        "for that, one node at a time; staged: take effect at a reboot by an administrator.",
    ),
  onDestroy: z.enum(["none", "reset"]).default("none").describe("What `pulumi destroy` does to the nodes."),
  etcdSnapshot: z.strictObject({ folder: z.string() }).optional().describe("Snapshot etcd before upgrade and reset."),
  checkDrift: z.boolean().default(false).describe("Compare the running config during a preview, where nodes answer."),
});

export type TalosClusterSettings = z.output<typeof talosSettings>;

export const talos: ClusterKind<TalosClusterSettings> = {
  environments: ["dev", "staging", "production"],
  traits: (settings) => ({
    summary: () => {
      const { name, talosVersion, kubernetesVersion, nodes } = settings;
      const controlPlanes = nodes.filter(({ controlPlane }) => controlPlane).length;
      const count = countNodes(controlPlanes, nodes.length - controlPlanes);
      return `${name}: Talos ${talosVersion}, Kubernetes ${kubernetesVersion}, ${count}`;
    },
    ...talosTraits(settings),
    loadBalancers: () => true,
    networkPolicies: () => {
      if (cniWithoutFiles(settings)?.name !== "flannel") return "unknown";
      return settings.cni.kubeNetworkPoliciesEnabled ? "enforced" : "ignored";
    },
    nodeAddress: () => (settings.nodes.find((each) => !each.controlPlane) ?? settings.nodes[0])?.ipAddress,
  }),
  secretPaths: ["cluster.machineSecrets.secret"],
  problems,
  machineTexts: ["cluster", "cluster.controlPlane", "cluster.worker", "cluster.nodes.*"].flatMap((path) => [
    `${path}.patches.*`,
    `${path}.documents.*`,
  ]),
};

/** Whether two blocks, or addresses, have an address in common: one of them then has the first address of the other. */
function overlap(one: string, other: string): boolean {
  return contains(one, other) || contains(other, one);
}

function contains(block: string, inner: string): boolean {
  const [[network = "", prefix], [address = ""]] = [block.split("/"), inner.split("/")];
  if (isIP(network) !== isIP(address)) return false;
  const family = isIPv4(network) ? "ipv4" : "ipv6";
  const list = new BlockList();
  list.addSubnet(network, Number(prefix ?? (family === "ipv4" ? 32 : 128)), family);
  return list.check(address, family);
}

/** Refuses the address of a machine that the cluster also gives to pods or Services. */
function insideSubnets(address: string, cluster: TalosClusterSettings): Refusal {
  const fields = ["podSubnets", "serviceSubnets"] as const;
  const field = isIP(address)
    ? fields.find((name) => cluster[name].some((block) => overlap(block, address)))
    : undefined;
  return field && `found ${address}, which is inside ${field}; change one of them`;
}

const checks: readonly ((settings: TalosClusterSettings, stack: ClusterStack) => Refusal)[] = [
  ({ nodes }) => {
    const count = nodes.filter((node) => node.controlPlane).length;
    const expected = "expected 1, 3 or 5";
    return {
      nodes: [
        count === 0 && `no node has controlPlane: true; ${expected}`,
        count === 2 && `found 2 control planes: etcd stops when either fails; ${expected}`,
      ],
    };
  },
  ({ cni: { name, urls } }) => [
    name === "custom" &&
      urls === undefined && { cni: "missing urls: cni.name custom needs the addresses of its manifests" },
    name !== "custom" && urls !== undefined && { cni: { urls: `goes with cni.name custom only; found ${name}` } },
  ],
  (cluster) => {
    const { kubeNetworkPoliciesEnabled, extraArgs } = cluster.cni;
    const { name } = cniWithoutFiles(cluster) ?? cluster.cni;
    if (name === "flannel") return undefined;
    const message = `goes with cni.name flannel only; found ${name}${name === cluster.cni.name ? "" : ", by a patch"}`;
    return {
      cni: {
        kubeNetworkPoliciesEnabled: kubeNetworkPoliciesEnabled && message,
        extraArgs: extraArgs.length > 0 && message,
      },
    };
  },
  (cluster) => ({
    cni: { kubeNetworkPoliciesEnabled: cluster.cni.kubeNetworkPoliciesEnabled && needsTalos("1.13", cluster) },
  }),
  (cluster) => ({ controlPlane: cluster.controlPlane && machineFieldChecks(cluster.controlPlane, cluster) }),
  (cluster) => ({ worker: cluster.worker && machineFieldChecks(cluster.worker, cluster) }),
  ({ kubespan, discovery }) =>
    kubespan &&
    !discovery && {
      kubespan:
        "found true with discovery: false; KubeSpan finds its peers by discovery; set discovery: true, or remove kubespan",
    },
  ({ podSubnets, serviceSubnets, contract, talosVersion }) => {
    if (podSubnets.length === serviceSubnets.length) return undefined;
    if (compareMinor(contract ?? talosVersion, "1.14") < 0) return undefined;
    const found = `found ${serviceSubnets.length}, and ${podSubnets.length} podSubnets`;
    return { serviceSubnets: `${found}; contract v1.14 expects as many of each` };
  },
  ({ podSubnets, serviceSubnets }) => ({
    serviceSubnets: serviceSubnets.flatMap((service) =>
      podSubnets
        .filter((pods) => overlap(service, pods))
        .map((pods) => `found ${service}, which overlaps ${pods} of podSubnets; change one of them`),
    ),
  }),
  (cluster) => ({ endpoint: insideSubnets(new URL(cluster.endpoint).hostname.replace(/^\[|\]$/g, ""), cluster) }),
  ({ imageFactory: { installerURLTmpl = "" } }) => {
    const placeholders = /{{\s*(\.(RegistryURL|Mode|ID|Version)|if \.Secureboot|end)\s*}}/g;
    const [unknown] = /{{.*?}}/.exec(installerURLTmpl.replaceAll(placeholders, "")) ?? [];
    const expected = "{{.RegistryURL}}, {{.Mode}}, {{.ID}}, {{.Version}} and {{if .Secureboot}}...{{end}}";
    return unknown !== undefined && { imageFactory: { installerURLTmpl: `found ${unknown}; expected ${expected}` } };
  },
  ({ contract, talosVersion }) =>
    contract !== undefined &&
    compareMinor(contract, talosVersion) > 0 && {
      contract: `found ${contract}; expected at most that of talosVersion, v${minorOf(talosVersion)}`,
    },
  ({ onDestroy }, { environment }) =>
    environment === "production" &&
    onDestroy !== "none" && {
      onDestroy: `found ${onDestroy}; environment production expects onDestroy: none, because a destroy must not wipe disks`,
    },
];

type Node = TalosClusterSettings["nodes"][number];

const nodeChecks: readonly ((node: Node, cluster: TalosClusterSettings) => Refusal)[] = [
  ({ installDisk, installDiskSelector, mode }) => {
    const given = [installDisk, installDiskSelector].filter((one) => one !== undefined).length;
    // A cloud's image is installed already, and a container has no disk.
    if (given === 1 || (given === 0 && mode !== "metal")) return undefined;
    return given === 0
      ? "found neither installDisk nor installDiskSelector; a node of mode metal needs one of them"
      : "found both installDisk and installDiskSelector; remove one of them";
  },
  (node, cluster) => ({ ipAddress: insideSubnets(node.ipAddress, cluster) }),
  machineFieldChecks,
];

function machineFieldChecks(
  machine: Pick<Node, "nodeAnnotations" | "volumes">,
  cluster: TalosClusterSettings,
): Refusal {
  return {
    nodeAnnotations: Object.keys(machine.nodeAnnotations).length > 0 && needsTalos("1.8", cluster),
    volumes: machine.volumes.length > 0 && needsTalos("1.8", cluster),
  };
}

/** Refuses a field that older releases of Talos do not have. */
function needsTalos(minor: string, { talosVersion }: TalosClusterSettings): Refusal {
  return (
    compareMinor(talosVersion, minor) < 0 &&
    `needs Talos ${minor} or newer; talosVersion is ${talosVersion}; upgrade, or remove it`
  );
}

function addresses({ ipAddress, additionalAddresses }: Node, at: SettingPath): Entry[] {
  const further = additionalAddresses.map((key, index) => ({ path: [...at, "additionalAddresses", index], key }));
  return [{ path: [...at, "ipAddress"], key: ipAddress }, ...further].map(({ path, key }) => ({
    path,
    key: key.toLowerCase(),
  }));
}

function problems(cluster: TalosClusterSettings, stack: ClusterStack): Iterable<Problem> {
  const nodes = <Result>(...reads: readonly ((node: Node, at: SettingPath) => Result[])[]) =>
    checkEach(cluster.nodes, ["cluster", "nodes"], ...reads);
  return runChecks(
    ...checks.map((check) => () => problemsOf(check(cluster, stack), ["cluster"])),
    () => nodes(...nodeChecks.map((check) => (node: Node, at: SettingPath) => problemsOf(check(node, cluster), at))),
    () => duplicates(nodes(addresses), "address"),
  );
}
