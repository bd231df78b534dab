import { ApiServer } from "./api-server";
import { missingNodes, readIncarnation } from "./incarnation";
import { readCredentials } from "./kubeconfig";
import { clusterFolder, layoutOf, type Layout } from "./layout";
import { readMarker, type Marker } from "./marker";
import { isReady, listNodes } from "./nodes";
import { components, processesOf, type Component } from "./processes";

export interface ClusterStatus {
  /**
   * absent: nothing there; incomplete: an `up` was interrupted, the project was moved or copied, or the files were
   * removed while the processes ran; stopped: its data is there, processes are missing.
   */
  readonly state: "absent" | "incomplete" | "stopped" | "running";
  readonly name?: string;
  readonly kubernetesVersion?: string;
  readonly apiServer?: string;
  /** The file with the kubeconfig. */
  readonly kubeconfig?: string;
  readonly incarnation?: number;
  readonly processes?: Readonly<Partial<Record<Component, number>>>;
  /** How many nodes there are and how many are Ready; undefined when the API server does not answer. */
  readonly nodes?: {
    readonly total: number;
    readonly ready: number;
    /** Names of those that were there after the last `up` and have been deleted since. */
    readonly missing: readonly string[];
  };
}

/** What is there of a stack's embedded cluster. Changes nothing. */
export async function clusterStatus(projectRoot: string, stack: string): Promise<ClusterStatus> {
  const layout = layoutOf(projectRoot, stack);
  const marker = readMarker(layout);
  const running = processesOf(layout.kwok);
  const processes = Object.fromEntries(running.map(({ component, pid }) => [component, pid]));
  if (marker === undefined) return running.length === 0 ? { state: "absent" } : { state: "incomplete", processes };
  const known = {
    name: marker.name,
    kubernetesVersion: marker.kubernetesVersion,
    apiServer: `https://127.0.0.1:${marker.apiServerPort}`,
    processes,
  };
  if (!marker.complete || marker.kwok !== layout.kwok) return { state: "incomplete", ...known };
  return {
    state: running.length === components.length ? "running" : "stopped",
    ...known,
    kubeconfig: layout.kubeconfig,
    incarnation: readIncarnation(layout.incarnation)?.incarnation,
    nodes: running.length > 0 ? await nodesOf(layout, marker) : undefined,
  };
}

async function nodesOf(layout: Layout, marker: Marker): Promise<ClusterStatus["nodes"]> {
  const api = new ApiServer(marker.apiServerPort, readCredentials(clusterFolder(layout.kwok, marker.name)));
  const record = readIncarnation(layout.incarnation);
  try {
    const nodes = await listNodes(api);
    const missing = record === undefined ? [] : await missingNodes(layout, record);
    return { total: nodes.length, ready: nodes.filter(isReady).length, missing };
  } catch {
    return undefined;
  } finally {
    api.close();
  }
}
