import { z } from "zod";
import {
  apiServerUrl,
  dnsLabel,
  filePath,
  hostName,
  httpUrl,
  image,
  secretRef,
  some,
  subjectName,
} from "../../settings/fields";
import { compareMinor, minorOf } from "../../settings/versions";
import { duplicates, type Problem, problemsOf, type Refusal, type SettingPath } from "../../shared/problem";
import { knownEntries, runChecks } from "../../shared/unknown";
import { type ClusterKind, type ClusterStack, countNodes } from "./cluster-kind";
import { ciliumConflicts, ciliumFields } from "./cilium";
import { cniWithoutFiles } from "./cni";
import { machineProblems, needsTalos } from "./machine-checks";
import { inlineManifest } from "./machine-documents";
import { group, imageFactory, node, patch, schematic, talosTraits, talosVersions } from "./machine-fields";
import { insideSubnets, subnetRefusals, unusableAddress } from "./subnets";

const cidr = z.union([z.cidrv4(), z.cidrv6()], { error: "expected a CIDR such as 10.244.0.0/16" });

export const talosSettings = z.strictObject({
  kind: z.literal("talos").describe("Machines that run Talos Linux, provisioned with talosctl."),
  name: dnsLabel,
  endpoint: apiServerUrl.describe("Address of the Kubernetes API server that clients and nodes use."),
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
      name: z.enum(["flannel", "cilium", "none", "custom"]),
      urls: some(httpUrl),
      kubeNetworkPoliciesEnabled: z.boolean().default(false).describe("flannel only: enforce NetworkPolicy."),
      extraArgs: z.array(z.string()).default([]).describe("flannel only: arguments of flanneld."),
      ...ciliumFields,
    })
    .prefault({ name: "flannel" }),
  discovery: z.boolean().default(true).describe("Talos' cluster discovery service."),
  kubespan: z.boolean().default(false),
  podSubnets: z.array(cidr).default(["10.244.0.0/16"]),
  serviceSubnets: z.array(cidr).default(["10.96.0.0/12"]),
  additionalApiServerCertSANs: z.array(subjectName).default([]),
  inlineManifests: z.array(inlineManifest).default([]),
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
  etcdSnapshot: z.strictObject({ folder: filePath }).optional().describe("Snapshot etcd before upgrade and reset."),
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
      if (settings.cni.name === "cilium") return "enforced";
      if (cniWithoutFiles(settings)?.name !== "flannel") return "unknown";
      return settings.cni.kubeNetworkPoliciesEnabled ? "enforced" : "ignored";
    },
    cni: () => {
      const name = cniWithoutFiles(settings)?.name;
      return name === "cilium" || name === "flannel" ? name : "other";
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
  ({ cni: { name, kubeProxy, hubble, values } }) => {
    if (name === "cilium") return undefined;
    const message = `goes with cni.name cilium only; found ${name}`;
    return {
      cni: {
        kubeProxy: kubeProxy && message,
        hubble: hubble && message,
        values: Object.keys(values).length > 0 && message,
      },
    };
  },
  (cluster) =>
    cluster.cni.name === "cilium" && [
      {
        cni: {
          name:
            (cniWithoutFiles(cluster)?.name ?? "cilium") !== "cilium" &&
            "found cilium, and a patch sets another CNI; remove one of the two",
        },
        // Source: docs.siderolabs.com, "Deploy Cilium CNI", known issues.
        kubespan:
          cluster.kubespan && "found true with cni.name cilium; the nodes lose their network before Cilium runs",
      },
    ],
  (cluster) => ({
    cni: { kubeNetworkPoliciesEnabled: cluster.cni.kubeNetworkPoliciesEnabled && needsTalos("1.13", cluster) },
  }),
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
  subnetRefusals,
  (cluster) => {
    const address = new URL(cluster.endpoint).hostname.replace(/^\[|\]$/g, "");
    return { endpoint: [insideSubnets(address, cluster), unusableAddress(address)] };
  },
  ({ imageFactory: { installerURLTmpl = "" } }) => {
    const placeholders = /{{\s*(\.(RegistryURL|Mode|ID|Version)|if \.Secureboot|end)\s*}}/g;
    const [unknown] = /{{.*?}}/.exec(installerURLTmpl.replaceAll(placeholders, "")) ?? [];
    const expected = "{{.RegistryURL}}, {{.Mode}}, {{.ID}}, {{.Version}} and {{if .Secureboot}}...{{end}}";
    if (unknown !== undefined) return { imageFactory: { installerURLTmpl: `found ${unknown}; expected ${expected}` } };
    const filled = installerURLTmpl.replaceAll(/{{\s*(if \.Secureboot|end)\s*}}/g, "").replaceAll(placeholders, "a");
    const isImage = installerURLTmpl === "" || image.safeParse(filled).success;
    return (
      !isImage && {
        imageFactory: {
          installerURLTmpl: `found ${installerURLTmpl}, which makes no name of an image; expected one such as {{.RegistryURL}}/{{.Mode}}-installer/{{.ID}}:{{.Version}}`,
        },
      }
    );
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

function problems(cluster: TalosClusterSettings, stack: ClusterStack): Iterable<Problem> {
  const manifests = () =>
    cluster.inlineManifests.map(({ name }, index) => ({ path: ["cluster", "inlineManifests", index], key: name }));
  return runChecks(
    ...checks.map((check) => () => problemsOf(check(cluster, stack), ["cluster"])),
    () => machineProblems(cluster),
    () => duplicates(manifests(), "manifest"),
    () => nulls(cluster, ["cluster"]),
    () => (cluster.cni.name === "cilium" ? ciliumConflicts(cluster) : []).map(inValues),
  );
}

function inValues({ path, message }: ReturnType<typeof ciliumConflicts>[number]): Problem {
  return { path: ["cluster", "cni", "values", ...path], message };
}

/** Talos reads null in free-form values as an empty one, or refuses it. In a patch, null changes nothing. */
function* nulls(value: unknown, at: SettingPath): Iterable<Problem> {
  if (value === null) yield { path: at, message: "found nothing; give it a value, or remove it" };
  if (typeof value !== "object" || value === null) return;
  for (const [key, entry] of knownEntries(value as Readonly<Record<string, unknown>>)) {
    if (key !== "patches") yield* nulls(entry, [...at, key]);
  }
}
