import { managedBy, verificationManager } from "../../shared/kubernetes/object";

/** What to do where a cluster refuses a pod of ours, or does not start it, by its own words. */

type Advice = readonly [words: RegExp, advice: (found: RegExpExecArray, namespace: string) => string];

const inPods = "set talos-mesh:verification.clients: ephemeral, whose containers are in the workload's own pods";

/**
 * Sources: kubernetes/kubernetes, staging/src/k8s.io/apiserver/pkg/admission/plugin/resourcequota/controller.go, plugin/pkg/
 * admission/{limitranger,serviceaccount,namespace/lifecycle}, pkg/scheduler/framework/plugins; pod-security-admission.
 */
const advices: readonly Advice[] = [
  [
    /exceeded quota: ([^,]+), requested: (.+?), used:/,
    ([, quota, requested], namespace) =>
      `raise ResourceQuota ${quota} of namespace ${namespace} by ${requested} for each client, or ${inPods}, which no quota counts`,
  ],
  [
    /failed quota: ([^:]+): must specify ([^\s;]+)/,
    ([, quota, resource], namespace) =>
      `ResourceQuota ${quota} demands ${resource} of every container: give namespace ${namespace} a LimitRange with a default for it, or ${inPods}`,
  ],
  [
    /violates PodSecurity "([^":]+)[^"]*".*istio-init/s,
    ([, level], namespace) =>
      `Istio's init container is what namespace ${namespace} (pod-security.kubernetes.io/enforce: ${level}) refuses: install istio-cni, which replaces it`,
  ],
  [
    /violates PodSecurity "([^":]+)/,
    ([, level], namespace) =>
      `namespace ${namespace} enforces ${level}, which the client's own container keeps to: what injection adds to it does not`,
  ],
  [
    /(?:maximum|minimum) (?:cpu|memory) usage per Pod|max limit to request ratio per Pod/,
    (_, namespace) =>
      `a LimitRange of namespace ${namespace} limits whole pods, with their sidecar: change its limits of type Pod, or ${inPods}`,
  ],
  [
    /serviceaccount "([^"]+)" not found/,
    ([, account], namespace) =>
      `deploy the workload first; its ServiceAccount ${account} is looked for in namespace ${namespace}`,
  ],
  [
    /RuntimeClass "?([^" ]+)"? not found/,
    ([, name]) => `the workload's pods have runtimeClassName: ${name}: create that RuntimeClass`,
  ],
  [
    /admission webhook "([^"]+)" denied the request/,
    ([, webhook]) =>
      `except pods with the label ${managedBy}=${verificationManager} from what ${webhook} demands, or ${inPods}; ` +
      "where it is about the image, name an allowed one in talos-mesh:verification.image",
  ],
  [
    /failed calling webhook "([^"]+)"/,
    ([, webhook]) => `see whether the server of webhook ${webhook} runs: no pod can be created there before`,
  ],
  [
    /cannot (\w+) resource "([^"]+)"/,
    ([, verb, resource], namespace) =>
      `give the login of the kubeconfig the right to ${verb} ${resource} in namespace ${namespace}`,
  ],
  [
    /is being terminated/,
    (_, namespace) => `namespace ${namespace} is being deleted: wait until it is gone, and run the same command again`,
  ],
  [
    /nodes? (?:are|is) available/,
    () =>
      "the client has the tolerations, the node selector and the node affinity of the workload's pods, and does not preempt others: " +
      `make room for it, or ${inPods}`,
  ],
  [
    /ImagePull|Failed to pull image|pull image|pull access denied|InvalidImageName/,
    () =>
      "the image is talos-mesh:verification.image, by talos-mesh:images: copy it to the registry (npm run images lists it), and give " +
      "the workload's ServiceAccount a pull secret where it needs one",
  ],
];

/** A refusal and what to change, where that is known. */
export function explained(refusal: string, namespace: string): string {
  for (const [words, advice] of advices) {
    const found = words.exec(refusal);
    if (found) return `${refusal}; ${advice(found, namespace)}`;
  }
  return refusal;
}
