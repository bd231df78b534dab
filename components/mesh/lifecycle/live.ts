import type { LiveObject } from "../../shared/kubernetes/api-server";
import { rootNamespace } from "../../shared/istio";
import { defaultRevision } from "../../model/control-planes";
import type { StepContext } from "./context";

/** What of Istio is in a cluster, as its API server tells it. */

type Server = Pick<StepContext["server"], "list">;

/** An istiod that is there. */
export interface LiveControlPlane {
  readonly name: string;
  readonly namespace: string;
  /** `default` for the one without a revision. */
  readonly revision: string;
  /** Version its Deployment asks for; undefined where nothing tells it. */
  readonly version: string | undefined;
  /** What is missing until all its replicas are of that version and available; undefined where nothing is. */
  readonly missing: string | undefined;
}

/** A DaemonSet of the mesh's agents on nodes. */
export interface LiveAgent {
  readonly name: string;
  readonly version: string | undefined;
}

/** A pod with a proxy. */
export interface LiveProxy {
  readonly namespace: string;
  readonly pod: string;
  /** The control plane that gave it the proxy: `default`, or a revision, never a tag. */
  readonly revision: string;
  readonly version: string | undefined;
  /** Whether an injector has put its image in; a gateway's chart leaves that to it. */
  readonly completed: boolean;
  readonly ready: boolean;
}

/** Every istiod, of whatever owner. */
export async function liveControlPlanes(server: Server): Promise<LiveControlPlane[]> {
  const deployments = await server.list({ apiVersion: "apps/v1", kind: "Deployment" }, { labelSelector: "app=istiod" });
  return deployments.map((deployment) => ({
    name: deployment.metadata.name,
    namespace: deployment.metadata.namespace ?? rootNamespace,
    revision: deployment.metadata.labels?.["istio.io/rev"] ?? defaultRevision,
    version: versionOf(deployment, "discovery"),
    missing: missingOf(deployment),
  }));
}

/** istio-cni, ztunnel. */
export async function liveAgents(server: Server): Promise<LiveAgent[]> {
  const sets = await server.list({ apiVersion: "apps/v1", kind: "DaemonSet", namespace: rootNamespace });
  const containers: Readonly<Record<string, string>> = { "istio-cni-node": "install-cni", ztunnel: "istio-proxy" };
  return sets.flatMap((set) => {
    const container = containers[set.metadata.name];
    return container === undefined ? [] : [{ name: set.metadata.name, version: versionOf(set, container) }];
  });
}

/** Every pod with a proxy that is not on its way out: sidecars, gateways, waypoints. */
export async function liveProxies(server: Server): Promise<LiveProxy[]> {
  const pods = await server.list({ apiVersion: "v1", kind: "Pod" });
  return pods.flatMap((pod): LiveProxy[] => {
    const { metadata, status } = pod;
    const proxy = containersOf(pod.spec).find(({ name }) => name === "istio-proxy");
    const ended = status?.phase === "Succeeded" || status?.phase === "Failed";
    // ztunnel's container has the same name, and is no proxy of a workload.
    if (!proxy || ended || metadata.deletionTimestamp !== undefined || metadata.labels?.app === "ztunnel") return [];
    return [
      {
        namespace: metadata.namespace ?? "",
        pod: metadata.name,
        revision: revisionOfProxy(metadata),
        version: versionIn(proxy.image),
        completed: proxy.image !== "auto",
        ready: conditionOf(status, "Ready"),
      },
    ];
  });
}

/** A pod without a proxy. */
export interface LiveBarePod {
  readonly namespace: string;
  readonly pod: string;
  /** What its own labels or annotations say of a sidecar; undefined where they leave it to the namespace. */
  readonly asked: boolean | undefined;
}

/** Every running pod without a proxy that could have one: not on the node's network, not of the ambient data plane. */
export async function liveBarePods(server: Server): Promise<LiveBarePod[]> {
  const pods = await server.list({ apiVersion: "v1", kind: "Pod" });
  return pods.flatMap(({ metadata, spec, status }): LiveBarePod[] => {
    const { name: pod, namespace = "", labels = {}, annotations = {} } = metadata;
    if (containersOf(spec).some(({ name }) => name === "istio-proxy")) return [];
    if (status?.phase === "Succeeded" || status?.phase === "Failed" || metadata.deletionTimestamp !== undefined)
      return [];
    if (spec?.hostNetwork === true || labels["istio.io/dataplane-mode"] === "ambient") return [];
    const said = labels["sidecar.istio.io/inject"] ?? annotations["sidecar.istio.io/inject"];
    return [{ namespace, pod, asked: said === undefined ? undefined : said === "true" }];
  });
}

/** What the injector has noted on a pod. Waypoints, which no injector makes, have a label. */
export function revisionOfProxy(metadata: LiveObject["metadata"]): string {
  const { annotations = {}, labels = {} } = metadata;
  return (
    noted(annotations["sidecar.istio.io/status"]) ??
    annotations["istio.io/rev"] ??
    labels["istio.io/rev"] ??
    defaultRevision
  );
}

function noted(status: string | undefined): string | undefined {
  try {
    return (JSON.parse(status ?? "{}") as { revision?: string }).revision;
  } catch {
    return undefined;
  }
}

interface Container {
  readonly name: string;
  readonly image?: string;
}

/** Containers of a pod's spec, init containers as well: a native sidecar is one of them. */
export function containersOf(spec: Readonly<Record<string, unknown>> | undefined): readonly Container[] {
  const of = (key: string) => (spec?.[key] ?? []) as Container[];
  return [...of("initContainers"), ...of("containers")];
}

/** The chart's label says it even where the image goes by a digest. */
function versionOf({ metadata, spec }: LiveObject, container: string): string | undefined {
  const template = spec?.template as { spec?: Record<string, unknown> } | undefined;
  const image = containersOf(template?.spec).find(({ name }) => name === container)?.image;
  return versionIn(metadata.labels?.["app.kubernetes.io/version"]) ?? versionIn(image);
}

/** `1.31.1` of `docker.io/istio/pilot:1.31.1-distroless`. */
function versionIn(text: string | undefined): string | undefined {
  return /(?:^|:)v?(\d+\.\d+\.\d+(?:-(?:alpha|beta|rc)[.\d]*)?)/.exec(text ?? "")?.[1];
}

/** What is missing until a Deployment's replicas are all of its newest template and available; undefined where nothing is. */
export function missingOf({ metadata, spec, status }: LiveObject): string | undefined {
  const wanted = Number(spec?.replicas ?? 1);
  const count = (key: string) => Number(status?.[key] ?? 0);
  if (count("observedGeneration") < (metadata.generation ?? 0)) return `${metadata.name} has not been looked at yet`;
  if (count("updatedReplicas") < wanted)
    return `${metadata.name} has ${count("updatedReplicas")} of ${wanted} new replicas`;
  if (count("replicas") > count("updatedReplicas")) return `${metadata.name} still has old replicas`;
  if (count("availableReplicas") < wanted) {
    return `${metadata.name} has ${count("availableReplicas")} of ${wanted} replicas available`;
  }
  return undefined;
}

function conditionOf(status: Readonly<Record<string, unknown>> | undefined, type: string): boolean {
  const conditions = (status?.conditions ?? []) as { type: string; status: string }[];
  return conditions.some((condition) => condition.type === type && condition.status === "True");
}
