import path from "node:path";
import { parse } from "yaml";
import { filledIn } from "../../components/shared/files";
import type { ApiServer, ApplyObject, LiveObject } from "../../components/shared/kubernetes/api-server";
import { ApiError, ifFound } from "../../components/shared/kubernetes/errors";
import { hasCondition, referenceOf } from "../../components/shared/kubernetes/object";
import { Missing, waitFor } from "../../components/shared/kubernetes/wait";
import { hostPlatform } from "../tools/cache";

/** Of every node that this program creates; see node.yaml. */
const simulatedLabel = "talos-mesh/simulated";

const controlPlaneRole = "node-role.kubernetes.io/control-plane";

interface SimulatedNode extends ApplyObject {
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> };
  readonly spec: {
    readonly podCIDR: string;
    readonly taints?: readonly { readonly key: string; readonly effect: string }[];
  };
  readonly status: { readonly addresses: readonly { readonly address: string }[] };
}

/** The nodes of a cluster: one control plane and `workers` workers, each as node.yaml describes it. */
export function simulatedNodes(name: string, workers: number, kubernetesVersion: string): SimulatedNode[] {
  const template = path.join(__dirname, "node.yaml");
  const { arch } = hostPlatform();
  const workerNames = Array.from({ length: workers }, (_, index) => `${name}-worker-${index + 1}`);
  return [`${name}-control-plane`, ...workerNames].map((node, index) => {
    const values = { name: node, index: `${index}`, number: `${index + 1}`, arch, kubernetesVersion };
    const worker = parse(filledIn(template, values)) as SimulatedNode;
    if (index > 0) return worker;
    const { metadata, spec } = worker;
    const roles = { [controlPlaneRole]: "", "node.kubernetes.io/exclude-from-external-load-balancers": "" };
    return {
      ...worker,
      metadata: { ...metadata, labels: { ...metadata.labels, ...roles } },
      spec: { ...spec, taints: [{ key: controlPlaneRole, effect: "NoSchedule" }] },
    };
  });
}

const nodeKind = { apiVersion: "v1", kind: "Node" };

/** Creates the missing nodes and removes those that are not in `nodes`, then waits until all are Ready. */
export async function reconcileNodes(server: ApiServer, nodes: readonly SimulatedNode[], timeoutMs: number) {
  const names = new Set(nodes.map(({ metadata }) => metadata.name));
  const present = new Set((await listNodes(server)).map(({ metadata }) => metadata.name));
  const added = nodes.filter(({ metadata }) => !present.has(metadata.name));
  const removed = [...present].filter((name) => !names.has(name));
  const unlessExists = (error: unknown) => {
    if (!(error instanceof ApiError && error.status === 409)) throw error;
  };
  await Promise.all(added.map((node) => server.write(node).catch(unlessExists)));
  for (const name of removed) await removeNode(server, name);
  const check = async () => {
    const unready = (await listNodes(server)).filter((node) => !hasCondition(node, "Ready"));
    return unready.length === 0 || new Missing(`Ready of ${unready.map(({ metadata }) => metadata.name).join(", ")}`);
  };
  await waitFor(check, { timeoutMs, intervalMs: 100 });
  return { added: added.map(({ metadata }) => metadata.name), removed };
}

/** Frees the nodes from a kwok controller that was killed: its leases would keep them from the new one. */
export async function releaseNodes(server: ApiServer): Promise<void> {
  const leases = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";
  await ifFound(server.request("DELETE", leases), undefined);
}

// The pods are deleted with their node, so that their controllers create them on another one at once and not after the
// garbage collector's quarantine of pods whose node has vanished.
async function removeNode(server: ApiServer, name: string): Promise<void> {
  await server.delete({ ...nodeKind, name });
  const pods = await server.list({ apiVersion: "v1", kind: "Pod" }, { fieldSelector: `spec.nodeName=${name}` });
  for (const pod of pods) await server.delete(referenceOf(pod), undefined, { gracePeriodSeconds: 0 });
}

export function listNodes(server: ApiServer, signal?: AbortSignal): Promise<LiveObject[]> {
  return server.list(nodeKind, { labelSelector: `${simulatedLabel}=true` }, signal);
}
