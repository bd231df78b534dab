import type { StepContext } from "../context";
import { type LiveObject, UnknownKindError } from "../../../shared/kubernetes/api-server";
import { liveControlPlanes } from "../live";
import type { StepRequests } from "../requests";

interface Removed {
  readonly removed: readonly string[];
  readonly kept: readonly string[];
}

const gatewayClass = { apiVersion: "gateway.networking.k8s.io/v1", kind: "GatewayClass" } as const;
const crd = { apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition" } as const;

/**
 * After the last release has gone: what istiod made and no release owns, and on request the CRDs, which Helm never
 * deletes. What somebody else may still need stays: everything while another control plane runs, a GatewayClass with
 * Gateways, all CRDs while there is an object of one.
 */
export async function leftovers(context: StepContext, { keepCRDs }: StepRequests["leftovers"]): Promise<Removed> {
  const { server, say } = context;
  const [other] = await liveControlPlanes(server);
  if (other) {
    say(`the control plane ${other.namespace}/${other.name} is still there; what belongs to Istio stays`);
    return { removed: [], kept: [] };
  }
  const parts = [
    await removeRootCertificates(server),
    await removeGatewayClasses(server),
    ...(keepCRDs ? [] : [await removeCRDs(server)]),
  ];
  const result = { removed: parts.flatMap(({ removed }) => removed), kept: parts.flatMap(({ kept }) => kept) };
  for (const why of result.kept) say(why);
  return result;
}

type Server = StepContext["server"];

/** istiod puts its root certificate into every namespace, and takes it away from none. */
async function removeRootCertificates(server: Server): Promise<Removed> {
  const found = await server.list({ apiVersion: "v1", kind: "ConfigMap" }, { labelSelector: "istio.io/config=true" });
  const removed: string[] = [];
  for (const { metadata } of found) {
    if (!/^istio-ca-(root-cert|crl)$/.test(metadata.name)) continue;
    await server.delete({ apiVersion: "v1", kind: "ConfigMap", namespace: metadata.namespace, name: metadata.name });
    removed.push(`ConfigMap ${metadata.namespace}/${metadata.name}`);
  }
  return { removed, kept: [] };
}

async function removeGatewayClasses(server: Server): Promise<Removed> {
  const classes = await listed(server, gatewayClass);
  const gateways = await listed(server, { apiVersion: gatewayClass.apiVersion, kind: "Gateway" });
  const used = new Set(gateways.map(({ spec }) => spec?.gatewayClassName));
  const [removed, kept]: [string[], string[]] = [[], []];
  for (const { metadata, spec } of classes) {
    if (!String(spec?.controllerName).startsWith("istio.io/")) continue;
    if (used.has(metadata.name)) {
      kept.push(`GatewayClass ${metadata.name} stays: there are Gateways of it`);
    } else {
      await server.delete({ ...gatewayClass, name: metadata.name });
      removed.push(`GatewayClass ${metadata.name}`);
    }
  }
  return { removed, kept };
}

interface CRDSpec {
  readonly group: string;
  readonly names: { readonly kind: string };
  readonly versions: readonly { readonly name: string; readonly storage: boolean }[];
}

async function removeCRDs(server: Server): Promise<Removed> {
  const all = await server.list(crd);
  const ours = all.filter(({ spec }) => String(spec?.group).endsWith(".istio.io"));
  const inUse: string[] = [];
  for (const { spec } of ours) {
    const { group, names, versions } = spec as unknown as CRDSpec;
    const version = versions.find(({ storage }) => storage)?.name ?? "v1";
    const objects = await listed(server, { apiVersion: `${group}/${version}`, kind: names.kind });
    inUse.push(...objects.map(({ metadata }) => `${names.kind} ${[metadata.namespace, metadata.name].join("/")}`));
  }
  if (inUse.length > 0) {
    return {
      removed: [],
      kept: [
        `Istio's CRDs stay, although keepCRDs is false: with them ${inUse.length} objects that this stack did not make would go: ${inUse.slice(0, 10).join(", ")}`,
      ],
    };
  }
  for (const { metadata } of ours) await server.delete({ ...crd, name: metadata.name });
  return { removed: ours.map(({ metadata }) => `CustomResourceDefinition ${metadata.name}`), kept: [] };
}

/** Objects of a kind; none where the API server does not know it. */
async function listed(server: Server, kind: { apiVersion: string; kind: string }): Promise<LiveObject[]> {
  try {
    return await server.list(kind);
  } catch (error) {
    if (error instanceof UnknownKindError) return [];
    throw error;
  }
}
