import { existsSync, rmSync } from "node:fs";
import { withLock } from "../tools/lock";
import { clusterFolder, layoutOf } from "./layout";
import { readMarker, refuseForeign, removeKwokFolder } from "./marker";
import { endProcesses } from "./processes";

/**
 * Ends the cluster's processes and removes its files, from any state; other files in `.talos-mesh/<stack>` stay.
 *
 * @throws Error when its folder is not ours (nothing is touched), or a process cannot be ended.
 */
export async function deleteCluster(projectRoot: string, stack: string, say: (line: string) => void): Promise<void> {
  const layout = layoutOf(projectRoot, stack);
  if (!existsSync(layout.folder)) return say("there is no cluster");
  const lock = {
    waitMs: 5 * 60_000,
    purpose: "working on the embedded cluster",
    onWait: ({ pid }: { pid: number }) => say(`waiting for process ${pid}, which works on the same cluster`),
  };
  await withLock(layout.lock, lock, async () => {
    refuseForeign(layout);
    const marker = readMarker(layout);
    if (marker !== undefined) await endProcesses(clusterFolder(layout, marker.name));
    removeKwokFolder(layout);
    rmSync(layout.kubeconfig, { force: true });
    rmSync(layout.incarnation, { force: true });
    say(marker === undefined ? "there is no cluster" : `cluster ${marker.name} deleted`);
  });
}
