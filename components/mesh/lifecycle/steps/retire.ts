import { type StepContext, StepError } from "../context";
import { liveControlPlanes, liveProxies } from "../live";
import type { StepRequests } from "../requests";

/** Names of pods that a message shows. */
const shown = 10;

/**
 * Before a control plane goes. A proxy that has lost its control plane goes on with what it knows and gets nothing new, and
 * no certificate after its last one has run out. So as long as others stay, the one in use may not go; where
 * the whole mesh goes, what is left is told.
 */
export async function retire(
  { server, say }: StepContext,
  { revision }: StepRequests["retire"],
): Promise<{ readonly proxies: number }> {
  const proxies = (await liveProxies(server)).filter((proxy) => proxy.revision === revision);
  if (proxies.length === 0) return { proxies: 0 };
  const names = proxies.slice(0, shown).map(({ namespace, pod }) => `${namespace}/${pod}`);
  const more = proxies.length > shown ? ` and ${proxies.length - shown} more` : "";
  const found = `${proxies.length} pods have a proxy of the control plane ${revision}: ${names.join(", ")}${more}`;

  const others = (await liveControlPlanes(server)).filter((each) => each.revision !== revision);
  if (others.length > 0) {
    throw new StepError(
      found,
      "give their namespaces another revision (label istio.io/rev) and restart them (kubectl rollout restart), then run the same command again",
    );
  }
  say(`${found}; they keep what they know until they are restarted`);
  return { proxies: proxies.length };
}
