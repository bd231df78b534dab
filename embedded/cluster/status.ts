import { hasCondition } from "../../components/shared/kubernetes/object";
import { isSameProcess } from "../../components/shared/process-identity";
import { isKept } from "./delete";
import {
  clusterFiles,
  kubeconfigText,
  openServer,
  readCredentials,
  readRecord,
  serverAddress,
  type ClusterFiles,
  type ClusterRecord,
} from "./files";
import { listNodes } from "./nodes";
import { components, processesOf, type Component } from "./processes";

export interface ClusterStatus {
  /**
   * absent: there is none; incomplete: an `up` was interrupted, the project was copied, or the files were removed while the
   * processes ran; stopped: its data exists, processes are missing, or run under the path that the project was moved from.
   */
  readonly state: "absent" | "incomplete" | "stopped" | "running";
  readonly name?: string;
  readonly kubernetesVersion?: string;
  readonly apiServer?: string;
  readonly processes?: Readonly<Partial<Record<Component, number>>>;
  /** Undefined when the API server does not respond. */
  readonly nodes?: Awaited<ReturnType<typeof nodesOf>>;
}

export async function clusterStatus(projectRoot: string, stack: string): Promise<ClusterStatus> {
  const files = clusterFiles(projectRoot, stack);
  const record = readRecord(files);
  const running = processesOf(files.kwok);
  const processes = Object.fromEntries(running.map(({ component, pid }) => [component, pid]));
  if (record === undefined) return running.length === 0 ? { state: "absent" } : { state: "incomplete", processes };
  const { name, kubernetesVersion } = record;
  const known = { name, kubernetesVersion, apiServer: serverAddress(record), processes };
  if (!isKept(files, record)) return { state: "incomplete", ...known };
  const nodes = running.length > 0 ? await nodesOf(files, record) : undefined;
  return { state: running.length === components.length ? "running" : "stopped", ...known, nodes };
}

/**
 * A cluster of processes does not survive a reboot, but Pulumi's state of it does. Therefore a number is an input of the
 * command that runs it: it increases when processes or nodes are gone, so that a preview shows a changed input, and `up`
 * brings them back. Its name in the request is in the state of deployed stacks.
 *
 * @returns the number for the next `up`: the last one while all processes and nodes are there, else one more. Without a
 *   record it is the time in seconds, which was never used before: a stack whose folder was removed is not unchanged.
 */
export async function nextIncarnation(projectRoot: string, stack: string): Promise<number> {
  const files = clusterFiles(projectRoot, stack);
  const record = readRecord(files);
  if (record?.incarnation === undefined) return Math.floor(Date.now() / 1000);
  const { processes = [], incarnation } = record;
  const runs = record.kwok === files.kwok && processes.length > 0 && processes.every(isSameProcess);
  const missing = runs ? ((await nodesOf(files, record))?.missing ?? []) : [];
  return runs && missing.length === 0 ? incarnation : incarnation + 1;
}

/** What the next `up` prints, where that is certain; undefined where it creates a cluster. */
export function keptKubeconfig(projectRoot: string, stack: string): string | undefined {
  const files = clusterFiles(projectRoot, stack);
  const record = readRecord(files);
  if (record === undefined || !isKept(files, record)) return undefined;
  try {
    // As the command's stdout is kept in the state: without the last line break.
    return kubeconfigText(record, readCredentials(files, record)).replace(/\n$/, "");
  } catch {
    return undefined;
  }
}

/** `missing` are names of nodes that were deleted since the last `up`. */
async function nodesOf(files: ClusterFiles, record: ClusterRecord) {
  try {
    const nodes = await listNodes(openServer(files, record), AbortSignal.timeout(2000));
    const names = new Set(nodes.map(({ metadata }) => metadata.name));
    const missing: readonly string[] = (record.nodes ?? []).filter((name) => !names.has(name));
    return { total: nodes.length, ready: nodes.filter((node) => hasCondition(node, "Ready")).length, missing };
  } catch {
    return undefined;
  }
}
