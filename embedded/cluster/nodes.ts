import type { ApiServer } from "../../components/shared/kubernetes/api-server";
import { ApiError, isNotFound } from "../../components/shared/kubernetes/errors";
import { hasCondition, type LiveObject } from "../../components/shared/kubernetes/object";
import { missing, waitFor } from "../../components/shared/kubernetes/wait";
import { hostPlatform } from "../tools/cache";

/** The label of every node that this program creates. */
const simulatedLabel = "talos-mesh/simulated";

const controlPlaneRole = "node-role.kubernetes.io/control-plane";
const capacity = { cpu: "32", memory: "256Gi", pods: "110", "ephemeral-storage": "1Ti" };

export type SimulatedNode = ReturnType<typeof simulatedNode>;

/**
 * The nodes of a cluster, labelled and tainted as Talos registers its own
 * (https://www.talos.dev/latest/kubernetes-guides/configuration/): one control plane and `workers` workers. Addresses
 * are of the range reserved for documentation (RFC 5737), so that they cannot be a real machine's.
 */
export function simulatedNodes(name: string, workers: number, kubernetesVersion: string): SimulatedNode[] {
  const workerNames = Array.from({ length: workers }, (_, index) => `${name}-worker-${index + 1}`);
  return [`${name}-control-plane`, ...workerNames].map((node, index) =>
    simulatedNode(node, index, index === 0, kubernetesVersion),
  );
}

function simulatedNode(name: string, index: number, isControlPlane: boolean, kubernetesVersion: string) {
  const { arch } = hostPlatform();
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name,
      annotations: { "kwok.x-k8s.io/node": "fake", "node.alpha.kubernetes.io/ttl": "0" },
      labels: {
        "beta.kubernetes.io/arch": arch,
        "beta.kubernetes.io/os": "linux",
        "kubernetes.io/arch": arch,
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        [simulatedLabel]: "true",
        ...(isControlPlane
          ? { [controlPlaneRole]: "", "node.kubernetes.io/exclude-from-external-load-balancers": "" }
          : {}),
      },
    },
    spec: {
      podCIDR: `10.244.${index}.0/24`,
      podCIDRs: [`10.244.${index}.0/24`],
      ...(isControlPlane ? { taints: [{ key: controlPlaneRole, effect: "NoSchedule" }] } : {}),
    },
    status: {
      addresses: [
        { type: "InternalIP", address: `192.0.2.${index + 1}` },
        { type: "Hostname", address: name },
      ],
      allocatable: capacity,
      capacity,
      nodeInfo: {
        architecture: arch,
        bootID: "",
        containerRuntimeVersion: "kwok",
        kernelVersion: "simulated",
        kubeProxyVersion: "",
        kubeletVersion: kubernetesVersion,
        machineID: "",
        operatingSystem: "linux",
        osImage: "Talos (simulated by kwok)",
        systemUUID: "",
      },
    },
  };
}

const nodesPath = "/api/v1/nodes";

/**
 * Creates the missing nodes and removes those that are not in `nodes`, then waits until all are Ready.
 *
 * @returns the names added and removed.
 * @throws WaitTimeout naming the nodes that are not Ready after `timeoutMs`.
 */
export async function reconcileNodes(server: ApiServer, nodes: readonly SimulatedNode[], timeoutMs: number) {
  const names = new Set(nodes.map(({ metadata }) => metadata.name));
  const present = new Set((await listNodes(server)).map(({ metadata }) => metadata.name));
  const added = nodes.filter(({ metadata }) => !present.has(metadata.name));
  const removed = [...present].filter((name) => !names.has(name));
  await Promise.all(added.map((body) => server.request("POST", nodesPath, { body }).catch(unlessExists)));
  for (const name of removed) await removeNode(server, name);
  const check = async () => {
    const unready = (await listNodes(server)).filter((node) => !hasCondition(node, "Ready"));
    return unready.length === 0 || missing(`Ready of ${unready.map(({ metadata }) => metadata.name).join(", ")}`);
  };
  await waitFor(check, { timeoutMs, intervalMs: 100 });
  return { added: added.map(({ metadata }) => metadata.name), removed };
}

/** Frees the nodes from a kwok controller that was killed: its leases would keep them from the new one. */
export async function releaseNodes(server: ApiServer): Promise<void> {
  const leases = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";
  await server.request("DELETE", leases).catch(unlessGone);
}

// The pods are deleted with their node, so that their controllers create them on another one at once and not after the
// garbage collector's quarantine of pods whose node has vanished.
async function removeNode(server: ApiServer, name: string): Promise<void> {
  await server.request("DELETE", `${nodesPath}/${name}`).catch(unlessGone);
  const query = { fieldSelector: `spec.nodeName=${name}` };
  const { items } = (await server.request("GET", "/api/v1/pods", { query })) as { items: LiveObject[] };
  for (const { metadata } of items) {
    const pod = `/api/v1/namespaces/${metadata.namespace}/pods/${metadata.name}`;
    await server.request("DELETE", pod, { query: { gracePeriodSeconds: "0" } }).catch(unlessGone);
  }
}

export async function listNodes(server: ApiServer, timeoutMs?: number): Promise<LiveObject[]> {
  const query = { labelSelector: `${simulatedLabel}=true` };
  return ((await server.request("GET", nodesPath, { query, timeoutMs })) as { items: LiveObject[] }).items;
}

function unlessGone(error: unknown): void {
  if (!isNotFound(error)) throw error;
}

function unlessExists(error: unknown): void {
  if (!(error instanceof ApiError && error.status === 409)) throw error;
}
