import { ifFound } from "../../shared/kubernetes/errors";
import { listPods } from "../../shared/kubernetes/pods";
import { type StepContext, waitForStep } from "../../shared/step/program";
import { liveAgents, liveControlPlanes, type LiveProxy, proxiesIn } from "./mesh-state";
import type { StepRequests } from "./steps";

type Server = StepContext["server"];

const mostNames = 10;

/**
 * Before a control plane is deleted. A proxy without a control plane keeps its last configuration and gets no new one, and
 * no certificate after its last one has expired. So while another control plane exists, one with proxies may not go; where
 * the whole mesh goes, the remaining proxies are only logged.
 */
export async function retire(context: StepContext, { revision }: StepRequests["retire"]) {
  const { server, log } = context;
  const others = (await liveControlPlanes(server)).filter((each) => each.revision !== revision);
  if (others.length === 0) {
    const proxies = await proxiesOf(server, revision);
    if (proxies.length > 0) {
      log(`${described(proxies, revision)}; they keep their last configuration until they are restarted`);
    }
    await agentsGone(context);
    return { proxies: proxies.length };
  }
  const next =
    "give their namespaces another revision (label istio.io/rev) and restart them (kubectl rollout restart), then run the same command again";
  // Pods that this run has replaced may still be ending.
  await waitForStep(context, { seconds: 60, next }, async () => {
    const proxies = await proxiesOf(server, revision);
    return proxies.length > 0 ? described(proxies, revision) : undefined;
  });
  return { proxies: 0 };
}

/**
 * The agents on nodes should go before their last control plane. No dependency orders them, because both are installed at
 * once; an uninstallation with one deletion at a time continues without them being gone.
 */
async function agentsGone(context: StepContext): Promise<void> {
  await waitForStep(context, { seconds: 60, next: "" }, async () => {
    const names = (await liveAgents(context.server)).map(({ name }) => name);
    return names.length > 0 ? `${names.join(" and ")} to be deleted first` : undefined;
  }).catch(() => undefined);
}

async function proxiesOf(server: Server, revision: string): Promise<LiveProxy[]> {
  return proxiesIn(await listPods(server)).filter((proxy) => proxy.revision === revision);
}

function described(proxies: readonly LiveProxy[], revision: string): string {
  const names = proxies.slice(0, mostNames).map(({ namespace, pod }) => `${namespace}/${pod}`);
  const more = proxies.length > mostNames ? ` and ${proxies.length - mostNames} more` : "";
  return `${proxies.length} pods have a proxy of the control plane ${revision}: ${names.join(", ")}${more}`;
}

interface Removed {
  readonly removed: string[];
  readonly kept: string[];
}

const gatewayClass = { apiVersion: "gateway.networking.k8s.io/v1", kind: "GatewayClass" } as const;
const crd = { apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition" } as const;

/**
 * After the last release is deleted: removes what istiod created and no release owns, and on request the CRDs, which Helm
 * never deletes. What others may still need is kept: everything while another control plane runs, a GatewayClass with
 * Gateways, all CRDs while an object of one exists.
 */
export async function leftovers(context: StepContext, { keepCRDs }: StepRequests["leftovers"]): Promise<Removed> {
  const { server, log } = context;
  const result: Removed = { removed: [], kept: [] };
  const [other] = await liveControlPlanes(server);
  if (other) {
    log(`the control plane ${other.namespace}/${other.name} still runs; what belongs to Istio is kept`);
    return result;
  }
  await removeRootCertificates(server, result);
  await removeGatewayClasses(server, result);
  if (!keepCRDs) await removeCRDs(server, result);
  for (const why of result.kept) log(why);
  return result;
}

/** istiod creates a ConfigMap with its root certificate in every namespace, and deletes none. */
async function removeRootCertificates(server: Server, { removed }: Removed): Promise<void> {
  const found = await server.list({ apiVersion: "v1", kind: "ConfigMap" }, { labelSelector: "istio.io/config=true" });
  for (const { metadata } of found) {
    if (!/^istio-ca-(root-cert|crl)$/.test(metadata.name)) continue;
    await server.delete({ apiVersion: "v1", kind: "ConfigMap", namespace: metadata.namespace, name: metadata.name });
    removed.push(`ConfigMap ${metadata.namespace}/${metadata.name}`);
  }
}

async function removeGatewayClasses(server: Server, { removed, kept }: Removed): Promise<void> {
  const classes = await ifFound(server.list(gatewayClass), []);
  const gateways = await ifFound(server.list({ apiVersion: gatewayClass.apiVersion, kind: "Gateway" }), []);
  const used = new Set(gateways.map(({ spec }) => spec?.gatewayClassName));
  for (const { metadata, spec } of classes) {
    if (!String(spec?.controllerName).startsWith("istio.io/")) continue;
    if (used.has(metadata.name)) {
      kept.push(`GatewayClass ${metadata.name} is kept: it has Gateways`);
    } else {
      await server.delete({ ...gatewayClass, name: metadata.name });
      removed.push(`GatewayClass ${metadata.name}`);
    }
  }
}

interface CRDSpec {
  readonly group: string;
  readonly names: { readonly kind: string };
  readonly versions: readonly { readonly name: string; readonly storage: boolean }[];
}

async function removeCRDs(server: Server, { removed, kept }: Removed): Promise<void> {
  const all = await server.list(crd);
  const ours = all.filter(({ spec }) => String(spec?.group).endsWith(".istio.io"));
  const inUse: string[] = [];
  for (const { spec } of ours) {
    const { group, names, versions } = spec as unknown as CRDSpec;
    const version = versions.find(({ storage }) => storage)?.name ?? "v1";
    const objects = await ifFound(server.list({ apiVersion: `${group}/${version}`, kind: names.kind }), []);
    inUse.push(...objects.map(({ metadata }) => `${names.kind} ${[metadata.namespace, metadata.name].join("/")}`));
  }
  if (inUse.length > 0) {
    const names = inUse.slice(0, mostNames).join(", ");
    const why = `they would delete ${inUse.length} objects that this stack did not create: ${names}`;
    kept.push(`Istio's CRDs are kept, although keepCRDs is false: ${why}`);
    return;
  }
  for (const { metadata } of ours) {
    await server.delete({ ...crd, name: metadata.name });
    removed.push(`CustomResourceDefinition ${metadata.name}`);
  }
}
