import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import {
  dnsLabel,
  exactlyOneOf,
  filePath,
  form,
  hostAddress,
  kubernetesVersion,
  secretName,
  talosVersion,
} from "../../settings/fields";
import { asTree, treesIn } from "../../shared/merge";
import { problemsOf, type Refusal } from "../../shared/problem";
import type { ClusterKind, ClusterStack } from "./cluster-kind";
import { type SharedCluster, sharedTraits } from "./shared-cluster";
import { own } from "../../shared/own";

export const existingSettings = z.strictObject({
  kind: z.literal("existing").describe("A cluster that already exists."),
  stackReference: form("[^/\\s]+/[^/\\s]+/[^/\\s]+", "expected organization/project/stack")
    .optional()
    .describe(
      "The stack that owns the cluster: its kubeconfig, versions and nodes are taken from that stack's outputs.",
    ),
  name: dnsLabel.optional().describe("Required without stackReference."),
  kubeconfig: exactlyOneOf(
    {
      file: filePath.optional().describe("Path of a kubeconfig; '~/' and relative paths are allowed."),
      secret: secretName.optional().describe("Name of an entry of talos-mesh:secrets with its text."),
      context: z.string().min(1).optional().describe("Context to use; default: the file's current one."),
    },
    ["file", "secret"],
  )
    .optional()
    .describe("Required without stackReference."),
  kubernetesVersion: kubernetesVersion.optional().describe("Checked against what the Istio version supports."),
  talos: z
    .boolean()
    .default(false)
    .describe("Whether its nodes run Talos, which has nftables and no legacy iptables modules."),
  talosVersion: talosVersion
    .optional()
    .describe("Oldest Talos release of its nodes, with talos: true: Istio uses nftables where that release can."),
  cni: z
    .enum(["cilium", "flannel", "other"])
    .optional()
    .describe("Its CNI: cilium enforces NetworkPolicy, and has to be set up for Istio; flannel alone ignores it."),
  nodeAddress: hostAddress.optional().describe("Address at which NodePorts are reached."),
});

export type ExistingClusterSettings = z.output<typeof existingSettings> & {
  /** Not a setting: see shared-cluster.ts. */
  readonly shared?: SharedCluster;
};

const policies = { cilium: "enforced", flannel: "ignored", other: "unknown" } as const;

export const existing: ClusterKind<ExistingClusterSettings> = {
  environments: ["dev", "staging", "production"],
  traits: (settings) =>
    settings.stackReference === undefined
      ? {
          summary: () => `${settings.name}: existing`,
          simulatedNodes: () => false,
          created: () => false,
          talos: () => settings.talos,
          talosVersion: () => settings.talosVersion,
          kubernetesVersion: () => settings.kubernetesVersion,
          loadBalancers: () => true,
          networkPolicies: () => policies[settings.cni ?? "other"],
          cni: () => settings.cni,
          nodeAddress: () => settings.nodeAddress,
          kubeconfigSource: () => "stack",
          kubeContext: () => settings.kubeconfig?.context,
          standInCharts: () => false,
        }
      : sharedTraits(settings),
  secretPaths: ["cluster.kubeconfig.secret"],
  problems({ stackReference, name, kubeconfig, kubernetesVersion, talos, talosVersion, cni }, stack) {
    if (stackReference !== undefined) {
      const given = { name, kubeconfig, kubernetesVersion, talos: talos || undefined, talosVersion, cni };
      const twice = Object.entries(given).filter(([, value]) => value !== undefined);
      const message = `is given next to stackReference; it comes from the stack ${stackReference}: remove it`;
      return problemsOf(Object.fromEntries(twice.map(([field]) => [field, message])), ["cluster"]);
    }
    const field = kubeconfig?.file === undefined ? "secret" : "file";
    return problemsOf(
      {
        name: name === undefined && "missing; expected a name for the cluster, or stackReference",
        kubeconfig:
          kubeconfig === undefined
            ? "missing; expected file or secret, or the stack that owns the cluster in stackReference"
            : { [field]: kubeconfigRefusal(kubeconfig, stack) },
        talosVersion: [
          talos &&
            talosVersion === undefined &&
            "missing; with talos: true expected the oldest Talos release of the nodes, such as v1.13.9: it decides how Istio redirects traffic",
          !talos && talosVersion !== undefined && `found ${talosVersion} without talos: true; set it, or remove this`,
        ],
      },
      ["cluster"],
    );
  },
};

/** Absolute path of a kubeconfig in the settings. */
export function kubeconfigPath(file: string, projectRoot: string): string {
  return path.resolve(projectRoot, file.replace(/^~(?=\/)/, homedir()));
}

/** The kubeconfig of a deployment: with an empty one, the provider would use the current context of the user. */
function kubeconfigRefusal(
  { file, secret = "" }: NonNullable<ExistingClusterSettings["kubeconfig"]>,
  stack: ClusterStack,
): Refusal {
  let text = stack.secretTexts.get(secret);
  if (file !== undefined && stack.deploys) {
    try {
      text = readFileSync(kubeconfigPath(file, stack.projectRoot), "utf8");
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? "error";
      const expected = "expected the path of the cluster's kubeconfig, or `secret` with a name in talos-mesh:secrets";
      return `found "${file}", which cannot be read (${code}); ${expected}`;
    }
  }
  if (text === undefined) return undefined;
  const config = asTree(parsed(text));
  const entries = (list: string, entry: string) => treesIn(own(config, list)).map((one) => asTree(own(one, entry)));
  const [clusters, users] = [entries("clusters", "cluster"), entries("users", "user")];
  const files = [
    ...clusters.map((cluster) => cluster["certificate-authority"]),
    ...users.flatMap((user) => [user["client-certificate"], user["client-key"]]),
  ];
  const relative = files.find((one): one is string => typeof one === "string" && one !== "" && !path.isAbsolute(one));
  return [
    clusters.length === 0 && "is not a kubeconfig: it has no cluster",
    relative !== undefined &&
      `refers to the file "${relative}" by a relative path, which has another meaning here. ` +
        "Include the content of the file: kubectl config view --raw --flatten",
  ];
}

function parsed(text: string): unknown {
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}
