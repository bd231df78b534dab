import semver from "semver";
import { rootNamespace } from "../../../shared/istio";
import { type StepContext, waitFor } from "../context";
import { liveAgents, liveControlPlanes } from "../live";
import type { StepRequests } from "../requests";

/**
 * istio-cni may be one minor version behind istiod, never ahead. Where there is none yet, or it is to stay as it is, or to go
 * back, nothing holds it up, so that a first installation makes both side by side; an upgrade waits for istiod.
 */
export async function cniGate(
  context: StepContext,
  { version, controlPlanes }: StepRequests["cni-gate"],
): Promise<{ readonly waited: boolean }> {
  const running = (await liveAgents(context.server)).find(({ name }) => name === "istio-cni-node");
  if (!running || (running.version !== undefined && semver.gte(running.version, version))) return { waited: false };

  const next = `see kubectl -n ${rootNamespace} get deployments,pods -l app=istiod; then run the same command again`;
  await waitFor(context, { seconds: 900, next }, async () => {
    const live = await liveControlPlanes(context.server);
    for (const wanted of controlPlanes) {
      const found = live.find(({ name, namespace }) => name === wanted.istiod && namespace === rootNamespace);
      if (!found) return `${wanted.istiod} is not there yet`;
      if (found.version !== wanted.version) {
        return `${wanted.istiod} is of version ${found.version ?? "unknown"}, and ${wanted.version} is to come`;
      }
      if (found.missing !== undefined) return found.missing;
    }
    return undefined;
  });
  return { waited: true };
}
