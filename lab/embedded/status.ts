import { ApiServer } from "./api-server";
import { readIncarnation } from "./incarnation";
import { readCredentials } from "./kubeconfig";
import { clusterFolder, layoutOf } from "./layout";
import { readMarker } from "./marker";
import { isReady, listNodes } from "./nodes";
import { components, processesOf, type Component } from "./processes";

export interface ClusterStatus {
  /** absent: nothing there; incomplete: an `up` was interrupted, or the project was moved or copied; stopped: its data is there, processes are missing. */
  readonly state: "absent" | "incomplete" | "stopped" | "running";
  readonly name?: string;
  readonly kubernetesVersion?: string;
  readonly apiServer?: string;
  /** The file with the kubeconfig. */
  readonly kubeconfig?: string;
  readonly incarnation?: number;
  readonly processes?: Readonly<Partial<Record<Component, number>>>;
  /** How many nodes there are and how many are Ready; undefined when the API server does not answer. */
  readonly nodes?: { readonly total: number; readonly ready: number };
}

/** What is there of a stack's embedded cluster. Changes nothing. */
export async function clusterStatus(projectRoot: string, stack: string): Promise<ClusterStatus> {
  const layout = layoutOf(projectRoot, stack);
  const marker = readMarker(layout);
  if (marker === undefined) return { state: "absent" };
  const running = processesOf(layout.kwok, marker.name);
  const known = {
    name: marker.name,
    kubernetesVersion: marker.kubernetesVersion,
    apiServer: `https://127.0.0.1:${marker.apiServerPort}`,
    processes: Object.fromEntries(running.map(({ component, pid }) => [component, pid])),
  };
  if (!marker.complete || marker.kwok !== layout.kwok) return { state: "incomplete", ...known };
  return {
    state: running.length === components.length ? "running" : "stopped",
    ...known,
    kubeconfig: layout.kubeconfig,
    incarnation: readIncarnation(layout.incarnation)?.incarnation,
    nodes:
      running.length > 0 ? await countNodes(marker.apiServerPort, clusterFolder(layout.kwok, marker.name)) : undefined,
  };
}

async function countNodes(port: number, folder: string): Promise<ClusterStatus["nodes"]> {
  const api = new ApiServer(port, readCredentials(folder));
  try {
    const nodes = await listNodes(api);
    return { total: nodes.length, ready: nodes.filter(isReady).length };
  } catch {
    return undefined;
  } finally {
    api.close();
  }
}
