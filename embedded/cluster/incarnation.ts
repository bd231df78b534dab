import { readFileSync } from "node:fs";
import { isSameProcess, type ProcessIdentity } from "../../components/shared/process-identity";
import { ApiServer } from "./api-server";
import { readCredentials } from "./kubeconfig";
import { clusterFolder, layoutOf, type Layout } from "./layout";
import { readMarker } from "./marker";
import { listNodes } from "./nodes";
import { writeJson } from "./write-file";

/**
 * A cluster of processes does not outlive a reboot, but Pulumi's state of it does. So each life of the cluster has a
 * number, and the number is an input of the command that runs it: when the processes are gone, or a simulated node is,
 * the number goes up, the preview shows a changed input, and `up` brings them back. While they live nothing changes.
 */
export interface IncarnationRecord {
  readonly incarnation: number;
  /** Where it runs: the record in a copy of the project is not about a cluster of the copy's own. */
  readonly kwok: string;
  /** The processes of the control plane when `up` was done. */
  readonly processes: readonly ProcessIdentity[];
  /** Names of its nodes then. */
  readonly nodes: readonly string[];
}

/**
 * The number the next `up` must be given: the recorded one while all its processes and nodes are there, else one more.
 * Without a record it is one never given before, the time in seconds: a stack whose folder was removed by hand must not
 * look unchanged.
 */
export async function plannedIncarnation(projectRoot: string, stack: string): Promise<number> {
  const layout = layoutOf(projectRoot, stack);
  const record = readIncarnation(layout.incarnation);
  if (record === undefined) return Math.floor(Date.now() / 1000);
  const alive = record.kwok === layout.kwok && record.processes.length > 0 && record.processes.every(isSameProcess);
  const whole = alive && (await missingNodes(layout, record)).length === 0;
  return whole ? record.incarnation : record.incarnation + 1;
}

/** Nodes that were there after the last `up` and have been deleted since; none where the API server does not answer. */
export async function missingNodes(layout: Layout, { nodes }: IncarnationRecord): Promise<string[]> {
  const marker = readMarker(layout);
  if (marker === undefined) return [];
  const api = new ApiServer(marker.apiServerPort, readCredentials(clusterFolder(layout.kwok, marker.name)));
  try {
    const present = new Set((await listNodes(api)).map(({ metadata }) => metadata.name));
    return nodes.filter((name) => !present.has(name));
  } catch {
    return [];
  } finally {
    api.close();
  }
}

/** The record, or undefined where there is none that can be read. */
export function readIncarnation(file: string): IncarnationRecord | undefined {
  try {
    const record = JSON.parse(readFileSync(file, "utf8")) as Partial<IncarnationRecord>;
    const { incarnation, processes, nodes = [] } = record;
    if (!Number.isInteger(incarnation) || !Array.isArray(processes)) return undefined;
    return { ...(record as IncarnationRecord), nodes };
  } catch {
    return undefined;
  }
}

export function recordIncarnation(file: string, record: IncarnationRecord): void {
  writeJson(file, record);
}
