import type { LiveObject } from "../../shared/kubernetes/api-server";
import { ifFound } from "../../shared/kubernetes/errors";
import { fullName, referenceOf } from "../../shared/kubernetes/object";
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

/**
 * After the last release is deleted: removes what istiod created and no release owns, and on request the CRDs, which Helm
 * never deletes. What others may still need is kept: everything while another control plane runs, a GatewayClass with
 * Gateways, all CRDs while an object of one exists.
 */
export async function leftovers({ server, log }: StepContext, { keepCRDs }: StepRequests["leftovers"]) {
  const removed: string[] = [];
  const kept: string[] = [];
  const [other] = await liveControlPlanes(server);
  if (other) {
    log(`the control plane ${other.namespace}/${other.name} still runs; what belongs to Istio is kept`);
    return { removed, kept };
  }
  const remove = async (object: LiveObject) => {
    await server.delete(referenceOf(object));
    removed.push(`${object.kind} ${fullName(object)}`);
  };

  // istiod creates a ConfigMap with its root certificate in every namespace, and deletes none.
  const configMaps = { apiVersion: "v1", kind: "ConfigMap" };
  for (const configMap of await server.list(configMaps, { labelSelector: "istio.io/config=true" })) {
    if (/^istio-ca-(root-cert|crl)$/.test(configMap.metadata.name)) await remove(configMap);
  }
  const apiVersion = "gateway.networking.k8s.io/v1";
  const classes = await ifFound(server.list({ apiVersion, kind: "GatewayClass" }), []);
  const gateways = await ifFound(server.list({ apiVersion, kind: "Gateway" }), []);
  const used = new Set(gateways.map(({ spec }) => spec?.gatewayClassName));
  for (const gatewayClass of classes) {
    const { metadata, spec } = gatewayClass;
    if (!String(spec?.controllerName).startsWith("istio.io/")) continue;
    if (used.has(metadata.name)) kept.push(`GatewayClass ${metadata.name} is kept: it has Gateways`);
    else await remove(gatewayClass);
  }
  if (!keepCRDs) {
    const all = await server.list({ apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition" });
    const ours = all.filter(({ spec }) => String(spec?.group).endsWith(".istio.io"));
    const inUse = await objectsOf(server, ours);
    if (inUse.length > 0) {
      const names = inUse.slice(0, mostNames).join(", ");
      const why = `they would delete ${inUse.length} objects that this stack did not create: ${names}`;
      kept.push(`Istio's CRDs are kept, although keepCRDs is false: ${why}`);
    } else for (const crd of ours) await remove(crd);
  }
  for (const why of kept) log(why);
  return { removed, kept };
}

interface CRDSpec {
  readonly group: string;
  readonly names: { readonly kind: string };
  readonly versions: readonly { readonly name: string; readonly storage: boolean }[];
}

async function objectsOf(server: Server, crds: readonly LiveObject[]): Promise<string[]> {
  const objects: string[] = [];
  for (const { spec } of crds) {
    const { group, names, versions } = spec as unknown as CRDSpec;
    const version = versions.find(({ storage }) => storage)?.name ?? "v1";
    const found = await ifFound(server.list({ apiVersion: `${group}/${version}`, kind: names.kind }), []);
    objects.push(...found.map((object) => `${names.kind} ${fullName(object)}`));
  }
  return objects;
}
