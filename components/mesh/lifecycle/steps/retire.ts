import { type StepContext, waitFor } from "../context";
import { liveAgents, liveControlPlanes, liveProxies, type LiveProxy } from "../live";
import type { StepRequests } from "../requests";

/** Names of pods that a message shows. */
const shown = 10;

/**
 * Before a control plane goes. A proxy that has lost its control plane goes on with what it knows and gets nothing new, and
 * no certificate after its last one has run out. So as long as others stay, the one in use may not go; where
 * the whole mesh goes, what is left is told.
 */
export async function retire(
  context: StepContext,
  { revision }: StepRequests["retire"],
): Promise<{ readonly proxies: number }> {
  const { server, say } = context;
  const others = (await liveControlPlanes(server)).filter((each) => each.revision !== revision);
  if (others.length === 0) {
    const proxies = await proxiesOf(server, revision);
    if (proxies.length > 0) say(`${described(proxies, revision)}; they keep what they know until they are restarted`);
    await agentsGone(context);
    return { proxies: proxies.length };
  }
  const next =
    "give their namespaces another revision (label istio.io/rev) and restart them (kubectl rollout restart), then run the same command again";
  // Pods that this very run has replaced may not all be told to end yet.
  await waitFor(context, { seconds: 60, next }, async () => {
    const proxies = await proxiesOf(server, revision);
    return proxies.length > 0 ? described(proxies, revision) : undefined;
  });
  return { proxies: 0 };
}

/**
 * The agents on nodes go before their last control plane. They are installed side by side with it, so that no dependency
 * says so; an uninstallation that does one thing at a time goes on without.
 */
async function agentsGone(context: StepContext): Promise<void> {
  await waitFor(context, { seconds: 60, next: "" }, async () => {
    const names = (await liveAgents(context.server)).map(({ name }) => name);
    return names.length > 0 ? `${names.join(" and ")} to go first` : undefined;
  }).catch(() => undefined);
}

async function proxiesOf(server: StepContext["server"], revision: string): Promise<LiveProxy[]> {
  return (await liveProxies(server)).filter((proxy) => proxy.revision === revision);
}

function described(proxies: readonly LiveProxy[], revision: string): string {
  const names = proxies.slice(0, shown).map(({ namespace, pod }) => `${namespace}/${pod}`);
  const more = proxies.length > shown ? ` and ${proxies.length - shown} more` : "";
  return `${proxies.length} pods have a proxy of the control plane ${revision}: ${names.join(", ")}${more}`;
}
