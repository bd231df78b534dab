import { machineConfigProblems } from "../cluster/talos/config/node-plan";
import { projectFiles } from "../cluster/talos/config/user-patches";
import type { Model } from "../model/model";
import type { ClusterSettings } from "../cluster/kinds";
import { compareMinor, minorOf } from "../settings/versions";
import type { Problem, SettingPath } from "../shared/problem";
import { checkEach, runChecks } from "../shared/unknown";
import { type Check, type CheckContext, duplicates } from "./check";

/** Checks of `talos-mesh:cluster` and `platform`. */

type Talos = Extract<ClusterSettings, { kind: "talos" }>;

export const clusterChecks: readonly Check[] = [
  ({ settings: { cluster } }) =>
    cluster.kind === "talos" ? runChecks(...talosChecks.map((check) => () => check(cluster))) : [],
  machineConfigs,
  allowedInProduction,
  servingCertificates,
  metricsServer,
];

const talosChecks: readonly ((cluster: Talos) => Iterable<Problem>)[] = [
  uniqueNodes,
  installDisks,
  controlPlanes,
  workers,
  cniUrls,
  flannelOnly,
  knownFields,
  discovery,
  subnetPairs,
  installerTemplate,
];

function* uniqueNodes({ nodes }: Talos): Iterable<Problem> {
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

function installDisks({ nodes }: Talos): Iterable<Problem> {
  return checkEach(nodes, ["cluster", "nodes"], (node, path) => {
    const given = [node.installDisk, node.installDiskSelector].filter((one) => one !== undefined).length;
    // A cloud's image is installed already, and a container has no disk.
    if (given === 1 || (given === 0 && node.mode !== "metal")) return [];
    const found = given === 0 ? "neither" : "both";
    return [{ path, message: `found ${found}; expected exactly one of: installDisk, installDiskSelector` }];
  });
}

function* controlPlanes({ nodes }: Talos): Iterable<Problem> {
  const path = ["cluster", "nodes"];
  const count = nodes.filter((node) => node.controlPlane).length;
  if (count === 0) yield { path, message: "no node has controlPlane: true; expected 1, 3 or 5" };
  if (count === 2) yield { path, message: "found 2 control planes: etcd stops when either fails; expected 1, 3 or 5" };
}

function* workers({ nodes, allowSchedulingOnControlPlanes }: Talos): Iterable<Problem> {
  if (nodes.some((node) => !node.controlPlane) || allowSchedulingOnControlPlanes) return;
  yield {
    path: ["cluster", "nodes"],
    message: "found no worker, so pods cannot be scheduled; add one, or set allowSchedulingOnControlPlanes: true",
  };
}

function* cniUrls({ cni: { name, urls } }: Talos): Iterable<Problem> {
  const path = ["cluster", "cni"];
  if (name === "custom" && urls === undefined) {
    yield { path, message: "missing urls: cni.name custom needs the addresses of its manifests" };
  }
  if (name !== "custom" && urls !== undefined) {
    yield { path: [...path, "urls"], message: `goes with cni.name custom only; found ${name}` };
  }
}

function* flannelOnly({ cni }: Talos): Iterable<Problem> {
  if (cni.name === "flannel") return;
  const path = ["cluster", "cni"];
  const message = `goes with cni.name flannel only; found ${cni.name}`;
  if (cni.kubeNetworkPoliciesEnabled) yield { path: [...path, "kubeNetworkPoliciesEnabled"], message };
  if (cni.extraArgs.length > 0) yield { path: [...path, "extraArgs"], message };
}

type Group = NonNullable<Talos["worker"]>;

/** Fields that older releases of Talos do not have. */
function* knownFields(cluster: Talos): Iterable<Problem> {
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

function* discovery({ kubespan, discovery: enabled }: Talos): Iterable<Problem> {
  if (!kubespan || enabled) return;
  yield { path: ["cluster", "kubespan"], message: "KubeSpan finds its peers by discovery; set discovery: true" };
}

function* subnetPairs({ podSubnets, serviceSubnets, contract, talosVersion }: Talos): Iterable<Problem> {
  if (podSubnets.length === serviceSubnets.length) return;
  if (compareMinor(minorOf(contract ?? talosVersion), "1.14") < 0) return;
  yield {
    path: ["cluster", "serviceSubnets"],
    message: `found ${serviceSubnets.length}, and ${podSubnets.length} podSubnets; contract v1.14 expects as many of each`,
  };
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

/** Patches and documents of machine configs, and the files that they are in. */
function machineConfigs({ settings: { cluster } }: Model, { projectRoot }: CheckContext): Iterable<Problem> {
  if (cluster.kind !== "talos" && cluster.kind !== "docker") return [];
  return machineConfigProblems(cluster, projectFiles(projectRoot));
}

function* allowedInProduction({ settings: { environment, cluster } }: Model): Iterable<Problem> {
  if (environment !== "production") return;
  if (cluster.kind === "embedded" || cluster.kind === "docker") {
    yield {
      path: ["cluster", "kind"],
      message: `found ${cluster.kind}; environment production expects one of: talos, existing`,
    };
  }
  if (cluster.kind === "talos" && cluster.onDestroy !== "none") {
    yield {
      path: ["cluster", "onDestroy"],
      message: `found ${cluster.onDestroy}; environment production allows none only: a destroy must not wipe disks`,
    };
  }
}

/** In a patch: kubelets request serving certificates from the cluster, and do not sign their own. */
export const requestsCertificates =
  /rotate-server-certificates(?!["']?\s*:\s*["']?false)|serverTLSBootstrap(?!["']?\s*:\s*false)/;

type Patches = Readonly<Partial<Record<"patches" | "documents", readonly unknown[]>>>;

/** Every patch and document of a cluster that Talos runs, with its place. */
function* patches(cluster: ClusterSettings): Iterable<{ readonly path: SettingPath; readonly text: string }> {
  if (cluster.kind !== "talos" && cluster.kind !== "docker") return;
  const holders: [SettingPath, Patches][] = [[["cluster"], cluster]];
  if (cluster.kind === "talos") {
    const { controlPlane = {}, worker = {}, nodes } = cluster;
    holders.push([["cluster", "controlPlane"], controlPlane], [["cluster", "worker"], worker]);
    for (const [index, node] of nodes.entries()) holders.push([["cluster", "nodes", index], node]);
  }
  for (const [path, holder] of holders) {
    for (const list of ["patches", "documents"] as const) {
      for (const [index, one] of (holder[list] ?? []).entries()) {
        yield { path: [...path, list, index], text: typeof one === "string" ? one : JSON.stringify(one) };
      }
    }
  }
}

function* servingCertificates({ settings: { cluster, platform } }: Model): Iterable<Problem> {
  if (platform.kubeletServingCertApprover !== undefined) return;
  for (const { path, text } of patches(cluster)) {
    if (!requestsCertificates.test(text)) continue;
    yield {
      path,
      message:
        "kubelets will request certificates that nothing signs, so that logs, exec and metrics fail; set " +
        "talos-mesh:platform.kubeletServingCertApprover: true, or false where the cluster has an approver of its own",
    };
    return;
  }
}

function* metricsServer({ settings: { cluster, platform } }: Model): Iterable<Problem> {
  if (platform.metricsServer !== true) return;
  const path = ["platform", "metricsServer"];
  // An API that is registered and never answers breaks discovery for every client.
  if (cluster.kind === "embedded") {
    yield { path, message: "found true; nodes of cluster.kind embedded are simulated and have no metrics; remove it" };
  }
  if (cluster.kind !== "talos" && cluster.kind !== "docker") return;
  // What a patch file has is not known here.
  const requested = [...patches(cluster)].some(({ text }) => requestsCertificates.test(text) || text.startsWith("@"));
  if (requested && platform.kubeletServingCertApprover !== undefined) return;
  yield {
    path,
    message:
      "found true; it trusts no certificate that a kubelet has signed itself: set rotate-server-certificates: true in " +
      "machine.kubelet.extraArgs by a patch, and talos-mesh:platform.kubeletServingCertApprover: true",
  };
}
