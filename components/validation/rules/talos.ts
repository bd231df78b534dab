import type { Problem, SettingPath } from "../../shared/problem";
import type { ClusterSettings } from "../../cluster/kinds";
import { rule } from "./rule";
import { compareMinor, minorOf } from "../../settings/versions";

type Talos = Extract<ClusterSettings, { kind: "talos" }>;
type Group = NonNullable<Talos["worker"]>;

/** Groups and nodes, and where they stand. */
function* machines({ nodes, controlPlane, worker }: Talos): Iterable<readonly [SettingPath, Partial<Group>]> {
  yield [["cluster", "controlPlane"], controlPlane ?? {}];
  yield [["cluster", "worker"], worker ?? {}];
  for (const [index, node] of nodes.entries()) yield [["cluster", "nodes", index], node];
}

/** Fields that a node's Talos must know, since which release it does, and whether they are in use. */
function* fieldsInUse(cluster: Talos): Iterable<readonly [SettingPath, since: string]> {
  if (cluster.cni.kubeNetworkPoliciesEnabled) yield [["cluster", "cni", "kubeNetworkPoliciesEnabled"], "1.13"];
  for (const [path, { nodeAnnotations, volumes }] of machines(cluster)) {
    if (Object.keys(nodeAnnotations ?? {}).length > 0) yield [[...path, "nodeAnnotations"], "1.8"];
    if ((volumes ?? []).length > 0) yield [[...path, "volumes"], "1.8"];
  }
}

function* knownFields(cluster: Talos): Iterable<Problem> {
  const talos = minorOf(cluster.talosVersion);
  for (const [path, since] of fieldsInUse(cluster)) {
    if (compareMinor(talos, since) >= 0) continue;
    yield { path, message: `needs Talos 1.${since.split(".")[1]}; talosVersion is ${cluster.talosVersion}` };
  }
}

function* networks({
  kubespan,
  discovery,
  podSubnets,
  serviceSubnets,
  contract,
  talosVersion,
}: Talos): Iterable<Problem> {
  if (kubespan && !discovery) {
    yield { path: ["cluster", "kubespan"], message: "KubeSpan finds its peers by discovery; set discovery: true" };
  }
  const pairs = podSubnets.length === serviceSubnets.length;
  if (!pairs && compareMinor(minorOf(contract ?? talosVersion), "1.14") >= 0) {
    yield {
      path: ["cluster", "serviceSubnets"],
      message: `found ${serviceSubnets.length} beside ${podSubnets.length} podSubnets; contract v1.14 expects as many of each`,
    };
  }
}

const placeholders = /{{\s*(\.(RegistryURL|Mode|ID|Version)|if \.Secureboot|end)\s*}}/g;

function* installerTemplate({ imageFactory: { installerURLTmpl = "" } }: Talos): Iterable<Problem> {
  const [unknown] = /{{.*?}}/.exec(installerURLTmpl.replaceAll(placeholders, "")) ?? [];
  if (unknown === undefined) return;
  yield {
    path: ["cluster", "imageFactory", "installerURLTmpl"],
    message: `found ${unknown}; expected {{.RegistryURL}}, {{.Mode}}, {{.ID}}, {{.Version}} and {{if .Secureboot}}...{{end}}`,
  };
}

/** What Talos itself would refuse, found before a node is asked. */
export const talosRules = [
  rule(["cluster"], function* ({ cluster }) {
    if (cluster.kind !== "talos") return;
    yield* knownFields(cluster);
    yield* networks(cluster);
    yield* installerTemplate(cluster);
  }),
];
