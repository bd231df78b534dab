import { z } from "zod";
import { dnsLabel, dnsSubdomain, secretRef } from "../../settings/fields";
import { compareMinor, minorOf } from "../../settings/versions";
import { duplicates, type Problem, type SettingPath } from "../../shared/problem";
import { checkEach, knownFields, runChecks } from "../../shared/unknown";
import { type ClusterKind, type ClusterStack, type ClusterTraits, countNodes } from "./kind";
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
  traits: (settings) =>
    knownFields<ClusterTraits>({
      summary: () => {
        const { name, talosVersion, kubernetesVersion, nodes } = settings;
        const controlPlanes = nodes.filter(({ controlPlane }) => controlPlane).length;
        const count = countNodes(controlPlanes, nodes.length - controlPlanes);
        return `${name}: Talos ${talosVersion}, Kubernetes ${kubernetesVersion}, ${count}`;
      },
      simulatedNodes: () => false,
      created: () => true,
      talos: () => true,
      talosVersion: () => settings.talosVersion,
      kubernetesVersion: () => settings.kubernetesVersion,
      loadBalancers: () => true,
      networkPolicies: () => {
        const { name, kubeNetworkPoliciesEnabled } = settings.cni;
        if (name !== "flannel") return "unknown";
        return kubeNetworkPoliciesEnabled ? "enforced" : "ignored";
      },
      nodeAddress: () => (settings.nodes.find((each) => !each.controlPlane) ?? settings.nodes[0])?.ipAddress,
      kubeconfigSource: () => "stack",
      standInCharts: () => false,
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

const nodesPath = ["cluster", "nodes"];

const checks: readonly ((settings: TalosClusterSettings, stack: ClusterStack) => Iterable<Problem>)[] = [
  ({ nodes }) =>
    duplicates(
      checkEach(nodes, nodesPath, ({ hostname }, at) => [{ path: [...at, "hostname"], key: hostname }]),
      "host name",
    ),
  ({ nodes }) =>
    duplicates(
      checkEach(nodes, nodesPath, ({ ipAddress }, at) => [
        { path: [...at, "ipAddress"], key: ipAddress.toLowerCase() },
      ]),
      "address",
    ),
  ({ nodes }) =>
    checkEach(nodes, nodesPath, (node, path) => {
      const given = [node.installDisk, node.installDiskSelector].filter((one) => one !== undefined).length;
      // A cloud's image is installed already, and a container has no disk.
      if (given === 1 || (given === 0 && node.mode !== "metal")) return [];
      const found = given === 0 ? "neither" : "both";
      return [{ path, message: `found ${found}; expected exactly one of: installDisk, installDiskSelector` }];
    }),
  function* ({ nodes }) {
    const count = nodes.filter((node) => node.controlPlane).length;
    const expected = "expected 1, 3 or 5";
    if (count === 0) yield { path: nodesPath, message: `no node has controlPlane: true; ${expected}` };
    if (count !== 2) return;
    yield { path: nodesPath, message: `found 2 control planes: etcd stops when either fails; ${expected}` };
  },
  function* ({ nodes, allowSchedulingOnControlPlanes }) {
    if (nodes.some((node) => !node.controlPlane) || allowSchedulingOnControlPlanes) return;
    const remedy = "add one, or set allowSchedulingOnControlPlanes: true";
    yield { path: nodesPath, message: `found no worker, so pods cannot be scheduled; ${remedy}` };
  },
  function* ({ cni: { name, urls } }) {
    const path = ["cluster", "cni"];
    if (name === "custom" && urls === undefined) {
      yield { path, message: "missing urls: cni.name custom needs the addresses of its manifests" };
    }
    if (name !== "custom" && urls !== undefined) {
      yield { path: [...path, "urls"], message: `goes with cni.name custom only; found ${name}` };
    }
  },
  function* ({ cni: { name, kubeNetworkPoliciesEnabled, extraArgs } }) {
    if (name === "flannel") return;
    const path = ["cluster", "cni"];
    const message = `goes with cni.name flannel only; found ${name}`;
    if (kubeNetworkPoliciesEnabled) yield { path: [...path, "kubeNetworkPoliciesEnabled"], message };
    if (extraArgs.length > 0) yield { path: [...path, "extraArgs"], message };
  },
  fieldsOfRelease,
  function* ({ kubespan, discovery }) {
    if (!kubespan || discovery) return;
    yield { path: ["cluster", "kubespan"], message: "KubeSpan finds its peers by discovery; set discovery: true" };
  },
  function* ({ podSubnets, serviceSubnets, contract, talosVersion }) {
    if (podSubnets.length === serviceSubnets.length) return;
    if (compareMinor(minorOf(contract ?? talosVersion), "1.14") < 0) return;
    const found = `found ${serviceSubnets.length}, and ${podSubnets.length} podSubnets`;
    yield { path: ["cluster", "serviceSubnets"], message: `${found}; contract v1.14 expects as many of each` };
  },
  function* ({ imageFactory: { installerURLTmpl = "" } }) {
    const placeholders = /{{\s*(\.(RegistryURL|Mode|ID|Version)|if \.Secureboot|end)\s*}}/g;
    const [unknown] = /{{.*?}}/.exec(installerURLTmpl.replaceAll(placeholders, "")) ?? [];
    if (unknown === undefined) return;
    const expected = "{{.RegistryURL}}, {{.Mode}}, {{.ID}}, {{.Version}} and {{if .Secureboot}}...{{end}}";
    const path = ["cluster", "imageFactory", "installerURLTmpl"];
    yield { path, message: `found ${unknown}; expected ${expected}` };
  },
  function* ({ contract, talosVersion }) {
    if (contract === undefined || compareMinor(minorOf(contract), minorOf(talosVersion)) <= 0) return;
    const message = `found ${contract}; expected at most that of talosVersion, v${minorOf(talosVersion)}`;
    yield { path: ["cluster", "contract"], message };
  },
  function* ({ onDestroy }, { environment }) {
    if (environment !== "production" || onDestroy === "none") return;
    const allowed = "environment production allows none only: a destroy must not wipe disks";
    yield { path: ["cluster", "onDestroy"], message: `found ${onDestroy}; ${allowed}` };
  },
];

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
    () => checkEach(cluster.nodes, nodesPath, machine),
  );
}
