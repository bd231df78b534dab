import { setTimeout as delay } from "node:timers/promises";
import { hostPlatform } from "../tools/cache";
import { ApiError, type ApiServer } from "./api-server";

/** The label of every node this program makes. */
const simulatedLabel = "talos-mesh/simulated";

const controlPlaneRole = "node-role.kubernetes.io/control-plane";
const capacity = { cpu: "32", memory: "256Gi", pods: "110", "ephemeral-storage": "1Ti" };

/** What is read of a node. */
interface Node {
  readonly metadata: { readonly name: string };
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}
export type SimulatedNode = ReturnType<typeof simulatedNode>;

/**
 * The nodes of a cluster, labelled and tainted as Talos registers its own
 * (https://www.talos.dev/latest/kubernetes-guides/configuration/): one control plane and `workers` workers. Addresses
 * are of the range reserved for documentation (RFC 5737), so that nobody can take them for machines.
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
const ours = `?labelSelector=${encodeURIComponent(`${simulatedLabel}=true`)}`;

/**
 * Makes the missing nodes and removes those beyond the wanted ones, then waits until all are Ready.
 *
 * @returns the names added and removed.
 * @throws Error naming the nodes that are not Ready after `waitMs`.
 */
export async function reconcileNodes(api: ApiServer, wanted: readonly SimulatedNode[], waitMs: number) {
  const names = new Set(wanted.map(({ metadata }) => metadata.name));
  const existing = await listNodes(api);
  const present = new Set(existing.map(({ metadata }) => metadata.name));
  const added = wanted.filter(({ metadata }) => !present.has(metadata.name));
  const removed = [...present].filter((name) => !names.has(name));
  await Promise.all(added.map((node) => ignoring(409, api.request("POST", nodesPath, node))));
  for (const name of removed) await removeNode(api, name);

  const deadline = Date.now() + waitMs;
  for (;;) {
    const waiting = (await listNodes(api)).filter((node) => names.has(node.metadata.name) && !isReady(node));
    if (waiting.length === 0) return { added: added.map(({ metadata }) => metadata.name), removed };
    if (Date.now() > deadline) {
      const list = waiting.map(({ metadata }) => metadata.name).join(", ");
      throw new Error(`not Ready after ${waitMs / 1000} s: ${list}`);
    }
    await delay(100);
  }
}

/** Takes the nodes from a kwok controller that was killed: its leases would keep the new one from them. */
export async function releaseNodes(api: ApiServer): Promise<void> {
  await ignoring(404, api.request("DELETE", "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"));
}

// The pods go with their node: the controllers make them again elsewhere at once, instead of after the garbage
// collector's quarantine of pods whose node has vanished.
async function removeNode(api: ApiServer, name: string): Promise<void> {
  await ignoring(404, api.request("DELETE", `${nodesPath}/${name}`));
  const selector = encodeURIComponent(`spec.nodeName=${name}`);
  const pods = JSON.parse(await api.request("GET", `/api/v1/pods?fieldSelector=${selector}`)) as {
    items: { metadata: { namespace: string; name: string } }[];
  };
  for (const { metadata } of pods.items) {
    const path = `/api/v1/namespaces/${metadata.namespace}/pods/${metadata.name}?gracePeriodSeconds=0`;
    await ignoring(404, api.request("DELETE", path));
  }
}

export async function listNodes(api: ApiServer): Promise<Node[]> {
  return (JSON.parse(await api.request("GET", nodesPath + ours)) as { items: Node[] }).items;
}

export function isReady(node: Node): boolean {
  return node.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false;
}

async function ignoring(status: number, answer: Promise<string>): Promise<void> {
  try {
    await answer;
  } catch (error) {
    if (!(error instanceof ApiError && error.status === status)) throw error;
  }
}
