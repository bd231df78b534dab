import type { z } from "zod";
import { compareMinor } from "../../settings/versions";
import { duplicates, type Entry, type Problem, problemsOf, type Refusal, type SettingPath } from "../../shared/problem";
import type { Tree } from "../../shared/merge";
import { checkEach, runChecks } from "../../shared/unknown";
import type { group, node } from "./machine-fields";
import { groupOf } from "./patches";
import { canonicalAddress, insideSubnets, unusableAddress } from "./subnets";

// Checks of nodes and of the groups that they belong to.

type Node = z.output<typeof node>;
/** A node, or a group. */
type Machine = z.output<typeof group>;

interface Cluster {
  readonly talosVersion: string;
  readonly podSubnets: readonly string[];
  readonly serviceSubnets: readonly string[];
  readonly controlPlane?: Machine | undefined;
  readonly worker?: Machine | undefined;
  readonly nodes: readonly Node[];
}

const nodeChecks: readonly ((node: Node, cluster: Cluster) => Refusal)[] = [
  ({ installDisk, installDiskSelector, mode }) => {
    const given = [installDisk, installDiskSelector].filter((one) => one !== undefined).length;
    // A cloud's image is installed already, and a container has no disk.
    if (given === 1 || (given === 0 && mode !== "metal")) return undefined;
    return given === 0
      ? "found neither installDisk nor installDiskSelector; a node of mode metal needs one of them"
      : "found both installDisk and installDiskSelector; remove one of them";
  },
  ({ ipAddress }, cluster) => ({ ipAddress: insideSubnets(ipAddress, cluster) }),
  // Of a container, the host may publish the ports.
  ({ ipAddress, mode }) => ({ ipAddress: mode !== "container" && unusableAddress(ipAddress) }),
  ({ ipAddress }, cluster) => {
    const address = canonicalAddress(ipAddress);
    const isVirtual = [...cluster.nodes, cluster.controlPlane].some(
      (machine) => machine && virtualAddresses(machine).some((one) => canonicalAddress(one) === address),
    );
    return {
      ipAddress:
        isVirtual && `found ${ipAddress}, which is the virtual address (vip) of an interface; expected the node's own`,
    };
  },
];

const machineChecks: readonly ((machine: Machine, cluster: Cluster) => Refusal)[] = [
  ({ nodeAnnotations }, cluster) => ({
    nodeAnnotations: Object.keys(nodeAnnotations).length > 0 && needsTalos("1.8", cluster),
  }),
  ({ volumes }, cluster) => ({ volumes: volumes.length > 0 && needsTalos("1.8", cluster) }),
];

/** Of the entries of lists. */
const listChecks: readonly ((machine: Machine, at: SettingPath) => Iterable<Problem>)[] = [
  ({ machineFiles }, at) =>
    each(machineFiles, [...at, "machineFiles"], ({ path, op }) => ({ path: fileRefusal(path, op) })),
  (machine, at) => duplicates(documents(machine, at), "document"),
  (machine, at) => duplicates(files(machine, at), "file"),
];

function* virtualAddressOfWorker({ networkInterfaces }: Machine, at: SettingPath): Iterable<Problem> {
  const vip = "a worker has no virtual address, which is that of the Kubernetes API; remove it";
  const interfaces = [...at, "networkInterfaces"];
  yield* each(networkInterfaces, interfaces, (one) => ({ vip: one.vip && vip }));
  yield* checkEach(networkInterfaces, interfaces, ({ vlans }, path) =>
    each(vlans ?? [], [...path, "vlans"], (vlan) => ({ vip: vlan.vip && vip })),
  );
}

export function machineProblems(cluster: Cluster): Iterable<Problem> {
  const ofMachine = (machine: Machine, at: SettingPath, role: ReturnType<typeof groupOf>) =>
    runChecks(
      ...machineChecks.map((check) => () => problemsOf(check(machine, cluster), at)),
      ...[...listChecks, ...(role === "worker" ? [virtualAddressOfWorker] : [])].map(
        (check) => () => check(machine, at),
      ),
    );
  const nodes = (...reads: readonly ((one: Node, at: SettingPath) => Iterable<Problem>)[]) =>
    checkEach(cluster.nodes, ["cluster", "nodes"], ...reads);
  return runChecks(
    ...(["controlPlane", "worker"] as const).map((role) => () => {
      const machine = cluster[role];
      return machine ? ofMachine(machine, ["cluster", role], role) : [];
    }),
    () =>
      nodes(
        ...nodeChecks.map((check) => (one: Node, at: SettingPath) => problemsOf(check(one, cluster), at)),
        (one, at) => each(one.additionalAddresses, [...at, "additionalAddresses"], unusableAddress),
        (one, at) => ofMachine(one, at, groupOf(one)),
        (one, at) => duplicates(documentsOfNode(one, at, cluster), "document"),
      ),
    () => duplicates(checkEach(cluster.nodes, ["cluster", "nodes"], addresses), "address"),
  );
}

function each<Value>(values: readonly Value[], at: SettingPath, refusal: (value: Value) => Refusal): Iterable<Problem> {
  return checkEach(values, at, (value, path) => problemsOf(refusal(value), path));
}

/** Refuses a field that older releases of Talos do not have. */
export function needsTalos(minor: string, { talosVersion }: Pick<Cluster, "talosVersion">): Refusal {
  return (
    compareMinor(talosVersion, minor) < 0 &&
    `needs Talos ${minor} or newer; talosVersion is ${talosVersion}; upgrade, or remove it`
  );
}

/** The one file outside of /var that may be new. */
const criConfig = "/etc/cri/conf.d/20-customization.part";

/** Source: siderolabs/talos, internal/app/machined/pkg/runtime/v1alpha1, WriteUserFiles. */
function fileRefusal(path: string, op: Machine["machineFiles"][number]["op"]): Refusal {
  if (/(^|\/)\.{1,2}(\/|$)|\/$/.test(path)) return `found ${path}; expected the path of a file, without . and ..`;
  const isRefused = op === "create" && !path.startsWith("/var/") && path !== criConfig;
  return isRefused && `found ${path}; Talos creates files in /var only, and ${criConfig}; expected one of them`;
}

function virtualAddresses({ networkInterfaces }: Pick<Machine, "networkInterfaces">): readonly string[] {
  return networkInterfaces
    .flatMap(({ vip, vlans = [] }) => [vip, ...vlans.map((vlan) => vlan.vip)])
    .flatMap((one) => one?.ip ?? []);
}

function addresses({ ipAddress, additionalAddresses }: Node, at: SettingPath): Entry[] {
  const further = additionalAddresses.map((key, index) => ({ path: [...at, "additionalAddresses", index], key }));
  return [{ path: [...at, "ipAddress"], key: ipAddress }, ...further].map(({ path, key }) => ({
    path,
    key: canonicalAddress(key),
  }));
}

/** Documents of a machine config, of which a node has one of a kind and name. */
function documents(
  { volumes, extensionServices, ingressFirewall, documents: others }: Machine,
  at: SettingPath,
): Entry[] {
  const of = (list: readonly Tree[], kindOf: (index: number) => string, ...field: string[]) =>
    list.map(({ name }, index): Entry => ({
      path: [...at, ...field, index],
      key: `${kindOf(index)} ${typeof name === "string" ? name : ""}`.trim(),
    }));
  return [
    ...of(volumes, () => "VolumeConfig", "volumes"),
    ...of(extensionServices, () => "ExtensionServiceConfig", "extensionServices"),
    ...of(ingressFirewall?.rules ?? [], () => "NetworkRuleConfig", "ingressFirewall", "rules"),
    ...of(others, (index) => others[index]?.kind ?? "", "documents"),
  ];
}

/** Those of its group are in the config of a node as well, unless the node has a list of its own; `documents` of both are. */
function documentsOfNode(one: Node, at: SettingPath, cluster: Cluster): Entry[] {
  const role = groupOf(one);
  const own = documents(one, at);
  const ofGroup = cluster[role] ? documents(cluster[role], ["cluster", role]) : [];
  const replaced = own.map(({ path }) => path[at.length]).filter((field) => field !== "documents");
  return [...ofGroup.filter(({ path }) => !replaced.includes(path[2])), ...own];
}

function files({ machineFiles }: Machine, at: SettingPath): Entry[] {
  return machineFiles.flatMap(({ path: key, op }, index) =>
    op === "append" ? [] : [{ path: [...at, "machineFiles", index, "path"], key }],
  );
}
