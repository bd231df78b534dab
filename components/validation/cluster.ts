import { clusterKinds, kindOf } from "../cluster/kinds";
import { machineConfigProblems } from "../cluster/talos/config/node-plan";
import { projectFiles } from "../cluster/talos/config/user-patches";
import type { Model } from "../model/model";
import type { Problem } from "../shared/problem";
import type { Check, CheckContext } from "./check";

/** Checks of `talos-mesh:cluster` and `platform`. */
export const clusterChecks: readonly Check[] = [
  ofKind,
  environments,
  machineConfigs,
  servingCertificates,
  metricsServer,
];

function ofKind({ settings }: Model, { projectRoot, secretTexts, deploys }: CheckContext): Iterable<Problem> {
  const { cluster } = settings;
  const stack = {
    get environment() {
      return settings.environment;
    },
    projectRoot,
    secretTexts,
    deploys,
  };
  return kindOf(cluster).problems?.(cluster, stack) ?? [];
}

function* environments({ settings: { environment, cluster } }: Model): Iterable<Problem> {
  if (kindOf(cluster).environments.includes(environment)) return;
  const allowed = Object.entries(clusterKinds).filter(([, kind]) => kind.environments.includes(environment));
  yield {
    path: ["cluster", "kind"],
    message: `found ${cluster.kind}; environment ${environment} expects one of: ${allowed.map(([name]) => name).join(", ")}`,
  };
}

/** Patches and documents of machine configs, and the files that they are in. */
function machineConfigs({ settings: { cluster } }: Model, { projectRoot }: CheckContext): Iterable<Problem> {
  return machineConfigProblems(cluster, projectFiles(projectRoot));
}

/** In a patch: kubelets request serving certificates from the cluster, and do not sign their own. */
export const requestsCertificates =
  /rotate-server-certificates(?!["']?\s*:\s*["']?false)|serverTLSBootstrap(?!["']?\s*:\s*false)/;

function* servingCertificates({ settings: { cluster, platform } }: Model): Iterable<Problem> {
  if (platform.kubeletServingCertApprover !== undefined) return;
  for (const { path, text } of kindOf(cluster).machineTexts?.(cluster) ?? []) {
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

function* metricsServer({ settings: { cluster, platform }, cluster: { simulatedNodes } }: Model): Iterable<Problem> {
  if (platform.metricsServer !== true) return;
  const path = ["platform", "metricsServer"];
  // An API that is registered and never answers breaks discovery for every client.
  if (simulatedNodes) {
    const nodes = `nodes of cluster.kind ${cluster.kind}`;
    yield { path, message: `found true; ${nodes} are simulated and have no metrics; remove it` };
  }
  const texts = kindOf(cluster).machineTexts?.(cluster);
  if (!texts) return;
  // Files of patches are not read here.
  const requested = [...texts].some(({ text }) => requestsCertificates.test(text) || text.startsWith("@"));
  if (requested && platform.kubeletServingCertApprover !== undefined) return;
  yield {
    path,
    message:
      "found true; it trusts no certificate that a kubelet has signed itself: set rotate-server-certificates: true in " +
      "machine.kubelet.extraArgs by a patch, and talos-mesh:platform.kubeletServingCertApprover: true",
  };
}
