import { clusterKinds, type ClusterSettings, kindOf } from "../cluster/kinds";
import { machineConfigProblems } from "../cluster/talos/config/node-plan";
import { projectFiles } from "../cluster/talos/config/user-patches";
import type { Model } from "../model/model";
import { expandPath } from "../settings/schema-walk";
import type { Problem } from "../shared/problem";
import { type Check, refuse, rule } from "./check";

/** In a patch: kubelets request serving certificates from the cluster, and do not sign their own. */
export const requestsCertificates =
  /rotate-server-certificates(?!["']?\s*:\s*["']?false)|serverTLSBootstrap(?!["']?\s*:\s*false)/;

export const clusterChecks: readonly Check[] = [
  ({ settings: { cluster } }, context) => kindOf(cluster).problems?.(cluster, context) ?? [],
  rule("cluster.kind", (found, { settings: { environment, cluster } }) => {
    if (kindOf(cluster).environments.includes(environment)) return undefined;
    const allowed = Object.entries(clusterKinds).filter(([, kind]) => kind.environments.includes(environment));
    return `found ${found}; environment ${environment} expects one of: ${allowed.map(([name]) => name).join(", ")}`;
  }),
  // Patches and documents of machine configs, and the files that they are in.
  ({ settings: { cluster } }, { projectRoot }) => machineConfigProblems(cluster, projectFiles(projectRoot)),
  servingCertificates,
  // An API that is registered and never answers breaks discovery for every client.
  rule("platform.metricsServer", (found, { settings: { cluster }, cluster: { simulatedNodes } }) =>
    found && simulatedNodes
      ? `found true; nodes of cluster.kind ${cluster.kind} are simulated and have no metrics; remove it`
      : undefined,
  ),
  refuse(
    "platform.metricsServer",
    (found, { settings: { cluster, platform } }) => {
      if (!found || kindOf(cluster).machineTexts === undefined) return false;
      // Files of patches are not read here.
      const requested = machineTexts(cluster).some(
        ({ text }) => requestsCertificates.test(text) || text.startsWith("@"),
      );
      return !requested || platform.kubeletServingCertApprover === undefined;
    },
    "found true; it trusts no certificate that a kubelet has signed itself: set rotate-server-certificates: true in " +
      "machine.kubelet.extraArgs by a patch, and talos-mesh:platform.kubeletServingCertApprover: true",
  ),
];

function* servingCertificates({ settings: { cluster, platform } }: Model): Iterable<Problem> {
  if (platform.kubeletServingCertApprover !== undefined) return;
  const found = machineTexts(cluster).find(({ text }) => requestsCertificates.test(text));
  const message =
    "kubelets will request certificates that nothing signs, so that logs, exec and metrics fail; set " +
    "talos-mesh:platform.kubeletServingCertApprover: true, or false where the cluster has an approver of its own";
  if (found) yield { path: found.path, message };
}

function machineTexts(cluster: ClusterSettings) {
  const found = (kindOf(cluster).machineTexts ?? []).flatMap((path) => [...expandPath({ cluster }, path)]);
  return found.map(([path, value]) => ({ path, text: typeof value === "string" ? value : JSON.stringify(value) }));
}
