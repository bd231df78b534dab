import { z } from "zod";
import { dnsLabel, dnsSubdomain, secretRef } from "../../settings/fields";
import { compareMinor, minorOf } from "../../settings/versions";
import { duplicates, type Problem, type SettingPath } from "../../shared/problem";
import { checkEach, runChecks } from "../../shared/unknown";
import { type ClusterKind, type ClusterStack, countNodes } from "./kind";
import { group, imageFactory, machineTexts, node, patch, schematic, talosVersions } from "./machine-fields";

const cidr = z.union([z.cidrv4(), z.cidrv6()], { error: "expected a CIDR such as 10.244.0.0/16" });

export const talosSettings = z.strictObject({
  kind: z.literal("talos").describe("Machines that run Talos Linux, provisioned with talosctl."),
  name: dnsLabel,
  endpoint: z
    .url({ protocol: /^https$/, error: "expected an address such as https://192.168.128.27:6443" })
    .describe("Address of the Kubernetes API server that clients and nodes use."),
  ...talosVersions,
  contract: z
    .string()
    .regex(/^v\d+\.\d+$/, "expected a contract such as v1.13")
    .optional()
    .describe("Machine-config contract; frozen at the first deployment. Default: that of talosVersion."),
  domain: dnsSubdomain.default("cluster.local"),
  allowSchedulingOnControlPlanes: z.boolean().default(false),
  cni: z
    .strictObject({
      name: z.enum(["flannel", "none", "custom"]),
      urls: z.array(z.url()).optional(),
      kubeNetworkPoliciesEnabled: z.boolean().default(false).describe("flannel only: enforce NetworkPolicy."),
      extraArgs: z.array(z.string()).default([]).describe("flannel only: arguments of flanneld."),
    })
    .prefault({ name: "flannel" }),
  discovery: z.boolean().default(true).describe("Talos' cluster discovery service."),
  kubespan: z.boolean().default(false),
  podSubnets: z.array(cidr).default(["10.244.0.0/16"]),
  serviceSubnets: z.array(cidr).default(["10.96.0.0/12"]),
  additionalApiServerCertSANs: z.array(z.string()).default([]),
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
    get summary() {
      const { name, talosVersion, kubernetesVersion, nodes } = settings;
      const controlPlanes = nodes.filter(({ controlPlane }) => controlPlane).length;
      const count = countNodes(controlPlanes, nodes.length - controlPlanes);
      return `${name}: Talos ${talosVersion}, Kubernetes ${kubernetesVersion}, ${count}`;
    },
    simulatedNodes: false,
    created: true,
    talos: true,
    get talosVersion() {
      return settings.talosVersion;
    },
    get kubernetesVersion() {
      return settings.kubernetesVersion;
    },
    loadBalancers: true,
    get networkPolicies() {
      const { name, kubeNetworkPoliciesEnabled } = settings.cni;
      if (name !== "flannel") return "unknown";
      return kubeNetworkPoliciesEnabled ? "enforced" : "ignored";
    },
    get nodeAddress() {
      const { nodes } = settings;
      return (nodes.find(({ controlPlane }) => !controlPlane) ?? nodes[0])?.ipAddress;
    },
    kubeconfigSource: "stack",
    standInCharts: false,
  }),
  secretPaths: ["cluster.machineSecrets.secret"],
  problems: (settings, stack) => runChecks(...checks.map((check) => () => check(settings, stack))),
  *machineTexts(settings) {
    yield* machineTexts(["cluster"], settings);
    yield* machineTexts(["cluster", "controlPlane"], settings.controlPlane ?? {});
    yield* machineTexts(["cluster", "worker"], settings.worker ?? {});
    for (const [index, node] of settings.nodes.entries()) yield* machineTexts(["cluster", "nodes", index], node);
  },
};

const checks: readonly ((settings: TalosClusterSettings, stack: ClusterStack) => Iterable<Problem>)[] = [
  uniqueNodes,
  installDisks,
  controlPlanes,
  workers,
  cniUrls,
  flannelOnly,
  fieldsOfRelease,
  discovery,
  subnetPairs,
  installerTemplate,
  contract,
  onDestroy,
];

function* uniqueNodes({ nodes }: TalosClusterSettings): Iterable<Problem> {
  const path = ["cluster", "nodes"];
  yield* duplicates(
    checkEach(nodes, path, ({ hostname }, at) => [{ path: [...at, "hostname"], key: hostname }]),
    "host name",
  );
  yield* duplicates(
    checkEach(nodes, path, ({ ipAddress }, at) => [{ path: [...at, "ipAddress"], key: ipAddress.toLowerCase() }]),
    "address",
  );
}

function installDisks({ nodes }: TalosClusterSettings): Iterable<Problem> {
  return checkEach(nodes, ["cluster", "nodes"], (node, path) => {
    const given = [node.installDisk, node.installDiskSelector].filter((one) => one !== undefined).length;
    // A cloud's image is installed already, and a container has no disk.
    if (given === 1 || (given === 0 && node.mode !== "metal")) return [];
    const found = given === 0 ? "neither" : "both";
    return [{ path, message: `found ${found}; expected exactly one of: installDisk, installDiskSelector` }];
  });
}

function* controlPlanes({ nodes }: TalosClusterSettings): Iterable<Problem> {
  const path = ["cluster", "nodes"];
  const count = nodes.filter((node) => node.controlPlane).length;
  if (count === 0) yield { path, message: "no node has controlPlane: true; expected 1, 3 or 5" };
  if (count === 2) yield { path, message: "found 2 control planes: etcd stops when either fails; expected 1, 3 or 5" };
}

function* workers({ nodes, allowSchedulingOnControlPlanes }: TalosClusterSettings): Iterable<Problem> {
  if (nodes.some((node) => !node.controlPlane) || allowSchedulingOnControlPlanes) return;
  yield {
    path: ["cluster", "nodes"],
    message: "found no worker, so pods cannot be scheduled; add one, or set allowSchedulingOnControlPlanes: true",
  };
}

function* cniUrls({ cni: { name, urls } }: TalosClusterSettings): Iterable<Problem> {
  const path = ["cluster", "cni"];
  if (name === "custom" && urls === undefined) {
    yield { path, message: "missing urls: cni.name custom needs the addresses of its manifests" };
  }
  if (name !== "custom" && urls !== undefined) {
    yield { path: [...path, "urls"], message: `goes with cni.name custom only; found ${name}` };
  }
}

function* flannelOnly({ cni }: TalosClusterSettings): Iterable<Problem> {
  if (cni.name === "flannel") return;
  const path = ["cluster", "cni"];
  const message = `goes with cni.name flannel only; found ${cni.name}`;
  if (cni.kubeNetworkPoliciesEnabled) yield { path: [...path, "kubeNetworkPoliciesEnabled"], message };
  if (cni.extraArgs.length > 0) yield { path: [...path, "extraArgs"], message };
}

type Group = NonNullable<TalosClusterSettings["worker"]>;

/** Fields that older releases of Talos do not have. */
function* fieldsOfRelease(cluster: TalosClusterSettings): Iterable<Problem> {
  const since = (path: SettingPath, minor: string): Problem[] =>
    compareMinor(minorOf(cluster.talosVersion), minor) >= 0
      ? []
      : [{ path, message: `needs Talos ${minor}; talosVersion is ${cluster.talosVersion}` }];
  if (cluster.cni.kubeNetworkPoliciesEnabled) yield* since(["cluster", "cni", "kubeNetworkPoliciesEnabled"], "1.13");
  const machine = function* ({ nodeAnnotations, volumes }: Partial<Group>, path: SettingPath) {
    if (Object.keys(nodeAnnotations ?? {}).length > 0) yield* since([...path, "nodeAnnotations"], "1.8");
    if ((volumes ?? []).length > 0) yield* since([...path, "volumes"], "1.8");
  };
  yield* runChecks(
    () => machine(cluster.controlPlane ?? {}, ["cluster", "controlPlane"]),
    () => machine(cluster.worker ?? {}, ["cluster", "worker"]),
    () => checkEach(cluster.nodes, ["cluster", "nodes"], machine),
  );
}

function* discovery({ kubespan, discovery: enabled }: TalosClusterSettings): Iterable<Problem> {
  if (!kubespan || enabled) return;
  yield { path: ["cluster", "kubespan"], message: "KubeSpan finds its peers by discovery; set discovery: true" };
}

function* subnetPairs({ podSubnets, serviceSubnets, contract, talosVersion }: TalosClusterSettings): Iterable<Problem> {
  if (podSubnets.length === serviceSubnets.length) return;
  if (compareMinor(minorOf(contract ?? talosVersion), "1.14") < 0) return;
  yield {
    path: ["cluster", "serviceSubnets"],
    message: `found ${serviceSubnets.length}, and ${podSubnets.length} podSubnets; contract v1.14 expects as many of each`,
  };
}

const placeholders = /{{\s*(\.(RegistryURL|Mode|ID|Version)|if \.Secureboot|end)\s*}}/g;

function* installerTemplate({ imageFactory: { installerURLTmpl = "" } }: TalosClusterSettings): Iterable<Problem> {
  const [unknown] = /{{.*?}}/.exec(installerURLTmpl.replaceAll(placeholders, "")) ?? [];
  if (unknown === undefined) return;
  yield {
    path: ["cluster", "imageFactory", "installerURLTmpl"],
    message: `found ${unknown}; expected {{.RegistryURL}}, {{.Mode}}, {{.ID}}, {{.Version}} and {{if .Secureboot}}...{{end}}`,
  };
}

function* contract({ contract: given, talosVersion }: TalosClusterSettings): Iterable<Problem> {
  if (given === undefined || compareMinor(minorOf(given), minorOf(talosVersion)) <= 0) return;
  const message = `found ${given}; expected at most that of talosVersion, v${minorOf(talosVersion)}`;
  yield { path: ["cluster", "contract"], message };
}

function* onDestroy({ onDestroy: action }: TalosClusterSettings, { environment }: ClusterStack): Iterable<Problem> {
  if (environment !== "production" || action === "none") return;
  yield {
    path: ["cluster", "onDestroy"],
    message: `found ${action}; environment production allows none only: a destroy must not wipe disks`,
  };
}
