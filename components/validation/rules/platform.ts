import type { Problem, SettingPath } from "../../shared/problem";
import type { ClusterSettings } from "../../cluster/kinds";
import { rule } from "./rule";

/** In a patch: kubelets ask the cluster for their serving certificates, where they would else sign their own. */
export const asksForServingCertificates =
  /rotate-server-certificates(?!["']?\s*:\s*["']?false)|serverTLSBootstrap(?!["']?\s*:\s*false)/;

type Lists = Readonly<Partial<Record<"patches" | "documents", readonly unknown[]>>>;

/** Every patch and document of a cluster that Talos makes, and where it stands. */
function* patches(cluster: ClusterSettings): Iterable<readonly [SettingPath, text: string]> {
  if (cluster.kind !== "talos" && cluster.kind !== "docker") return;
  const holders: [SettingPath, Lists][] = [[["cluster"], cluster]];
  if (cluster.kind === "talos") {
    const { controlPlane = {}, worker = {}, nodes } = cluster;
    holders.push([["cluster", "controlPlane"], controlPlane], [["cluster", "worker"], worker]);
    for (const [index, node] of nodes.entries()) holders.push([["cluster", "nodes", index], node]);
  }
  for (const [path, holder] of holders) {
    for (const list of ["patches", "documents"] as const) {
      for (const [index, one] of (holder[list] ?? []).entries()) {
        yield [[...path, list, index], typeof one === "string" ? one : JSON.stringify(one)];
      }
    }
  }
}

function* servingCertificates(cluster: ClusterSettings, approver: boolean | undefined): Iterable<Problem> {
  if (approver !== undefined) return;
  for (const [path, text] of patches(cluster)) {
    if (!asksForServingCertificates.test(text)) continue;
    yield {
      path,
      message:
        "kubelets will ask for certificates that nobody signs, so that logs, exec and metrics fail; set " +
        "talos-mesh:platform.kubeletServingCertApprover: true, or false where the cluster gets an approver of its own",
    };
    return;
  }
}

function* metricsServer(cluster: ClusterSettings, approver: boolean | undefined): Iterable<Problem> {
  const path = ["platform", "metricsServer"];
  // An API that is registered and never answers makes discovery fail for every client.
  if (cluster.kind === "embedded") {
    yield {
      path,
      message: "found true; nodes of cluster.kind embedded are simulated and have no metrics; remove it",
    };
  }
  if (cluster.kind !== "talos" && cluster.kind !== "docker") return;
  const all = [...patches(cluster)];
  // What a file holds is not known here.
  const asked = all.some(([, text]) => asksForServingCertificates.test(text) || text.startsWith("@"));
  if (asked && approver !== undefined) return;
  yield {
    path,
    message:
      "found true; it trusts no certificate that a kubelet has signed itself: set rotate-server-certificates: true in " +
      "machine.kubelet.extraArgs by a patch, and talos-mesh:platform.kubeletServingCertApprover: true",
  };
}

export const platformRules = [
  rule(["cluster", "platform"], function* ({ cluster, platform }) {
    const { kubeletServingCertApprover: approver } = platform;
    yield* servingCertificates(cluster, approver);
    if (platform.metricsServer === true) yield* metricsServer(cluster, approver);
  }),
];
