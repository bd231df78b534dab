import { existsSync, readdirSync, rmdirSync, rmSync } from "node:fs";
import { forgetCharts } from "./auto-charts";
import { withClusterLock } from "./cluster-lock";
import { discard } from "./discard";
import { layoutOf } from "./layout";
import { readMarker, refuseForeign } from "./marker";
import { processesOf } from "./processes";

/**
 * Ends the cluster's processes and removes its files, and the decision which charts it got, from any state; other
 * files in `.talos-mesh/<stack>` stay.
 *
 * @throws Error when its folder is not ours (nothing is touched), or a process cannot be ended.
 */
export async function deleteCluster(projectRoot: string, stack: string, say: (line: string) => void): Promise<void> {
  const layout = layoutOf(projectRoot, stack);
  if (!existsSync(layout.folder) && processesOf(layout.kwok).length === 0) return say("there is no cluster");
  await withClusterLock(layout, say, async () => {
    refuseForeign(layout);
    const marker = readMarker(layout);
    const running = processesOf(layout.kwok).length;
    await discard(layout, marker);
    rmSync(layout.kubeconfig, { force: true });
    rmSync(layout.incarnation, { force: true });
    forgetCharts(projectRoot, stack);
    if (marker !== undefined) say(`cluster ${marker.name} deleted`);
    else say(running > 0 ? `ended ${running} processes of a cluster whose files were gone` : "there is no cluster");
  });
  if (readdirSync(layout.folder).length === 0) rmdirSync(layout.folder);
}
