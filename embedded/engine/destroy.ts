import { existsSync, rmSync } from "node:fs";
import type { EngineRun } from "../../cli/engine/engine";
import { messageOf } from "../../components/shared/problem";
import { deleteCluster } from "../cluster/delete";
import { clusterStatus } from "../cluster/status";
import { connectToStack } from "./deploy";
import { listOwned } from "./prune";
import { removeEmptyFolders, stackFolder, withStackLock } from "./stack-folder";

/** Deletes the cluster, with all that is in it, and the stack's folder; false when there was nothing. */
export async function destroyStack(run: Omit<EngineRun, "configFile" | "yes">): Promise<boolean> {
  const { projectRoot, stack, observer } = run;
  const files = stackFolder(projectRoot, stack);
  const { state, name } = await clusterStatus(projectRoot, stack);
  if (state === "absent" && !existsSync(files.folder)) return false;
  await withStackLock(files, async () => {
    if (state === "absent") return;
    const found = await connectToStack(run);
    const inside = found === undefined ? [] : await listOwned(found.server, stack, found.records);
    const item = { layer: "cluster", label: `Cluster ${name ?? ""}`.trim() };
    observer.started(item);
    try {
      await deleteCluster(projectRoot, stack, (line) => observer.progressed(item, line));
    } catch (error) {
      observer.failed(item, messageOf(error));
      throw error;
    }
    observer.finished(item, "deleted");
    // They went with the cluster; listed for the summary.
    for (const each of inside.sort((a, b) => a.layer.localeCompare(b.layer))) {
      observer.started(each);
      observer.finished(each, "deleted");
    }
  });
  rmSync(files.folder, { recursive: true, force: true });
  removeEmptyFolders(files);
  return state !== "absent";
}
