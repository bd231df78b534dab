import { existsSync, readdirSync, rmdirSync, rmSync } from "node:fs";
import path from "node:path";
import {
  clusterFiles,
  readRecord,
  refuseForeignFolder,
  removeKwokFolder,
  withClusterLock,
  type ClusterFiles,
  type ClusterRecord,
} from "./files";
import { endProcesses, processesOf } from "./processes";

/**
 * Ends the cluster's processes and removes its files and the choice of its charts, whatever state it is in; other files
 * in `.talos-mesh/<stack>` stay.
 */
export async function deleteCluster(projectRoot: string, stack: string, log: (line: string) => void): Promise<void> {
  const files = clusterFiles(projectRoot, stack);
  if (!existsSync(files.folder) && processesOf(files.kwok).length === 0) return log("there is no cluster");
  await withClusterLock(files, log, async () => {
    refuseForeignFolder(files);
    const record = readRecord(files);
    const running = processesOf(files.kwok).length;
    await removeCluster(files, record);
    // An earlier version has written incarnation.json.
    const others = [files.kubeconfig, files.charts, path.join(files.folder, "incarnation.json")];
    for (const file of others) rmSync(file, { force: true });
    if (record !== undefined) log(`cluster ${record.name} deleted`);
    else log(running > 0 ? `ended ${running} processes of a cluster whose files were gone` : "there is no cluster");
  });
  if (readdirSync(files.folder).length === 0) rmdirSync(files.folder);
}

/** Ends a cluster's processes, also where its files were removed, and removes kwokctl's files. */
export async function removeCluster(files: ClusterFiles, record: ClusterRecord | undefined): Promise<void> {
  await endProcesses(files.kwok);
  if (record !== undefined && wasMoved(files, record)) await endProcesses(record.kwok);
  removeKwokFolder(files);
}

/**
 * Whether the project was moved since the last `up`: its processes still run under the old path. A copy is not a move; the
 * old path then exists, and its processes are the original's.
 */
export function wasMoved({ kwok }: ClusterFiles, record: ClusterRecord): boolean {
  return record.kwok !== kwok && !existsSync(record.kwok);
}

/** Whether the next `up` keeps the data of the cluster, and with it its address and certificates. */
export function isKept(files: ClusterFiles, record: ClusterRecord): boolean {
  return record.complete && (record.kwok === files.kwok || wasMoved(files, record));
}
