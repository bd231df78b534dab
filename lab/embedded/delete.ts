import { existsSync, readdirSync, rmdirSync, rmSync } from "node:fs";
import { decisionFile } from "../../components/mesh/chart-source";
import { withClusterLock } from "./cluster-lock";
import { discard } from "./discard";
import { layoutOf } from "./layout";
import { readMarker, refuseForeign } from "./marker";

/**
 * Ends the cluster's processes and removes its files, and the decision which charts it got, from any state; other
 * files in `.talos-mesh/<stack>` stay.
 *
 * @throws Error when its folder is not ours (nothing is touched), or a process cannot be ended.
 */
export async function deleteCluster(projectRoot: string, stack: string, say: (line: string) => void): Promise<void> {
  const layout = layoutOf(projectRoot, stack);
  if (!existsSync(layout.folder)) return say("there is no cluster");
  await withClusterLock(layout, say, async () => {
    refuseForeign(layout);
    const marker = readMarker(layout);
    await discard(layout, marker);
    rmSync(layout.kubeconfig, { force: true });
    rmSync(layout.incarnation, { force: true });
    rmSync(decisionFile(projectRoot, stack), { force: true });
    say(marker === undefined ? "there is no cluster" : `cluster ${marker.name} deleted`);
  });
  if (readdirSync(layout.folder).length === 0) rmdirSync(layout.folder);
}
