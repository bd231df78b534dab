import { defaultRevision } from "../istio";
import type { ApiServer } from "./api-server";
import { conditionsOf, hasCondition, type LiveObject } from "./object";
import { own } from "../own";

export type Pod = Readonly<ReturnType<typeof readPod>>;

interface ContainerStatus {
  readonly name: string;
  readonly image: string;
  readonly imageID?: string;
  readonly restartCount: number;
  readonly state?: { readonly waiting?: { readonly reason?: string; readonly message?: string } };
}

/** @param query such as `labelSelector`; @param namespace undefined for all */
export async function listPods(
  server: Pick<ApiServer, "list">,
  namespace?: string,
  query: Readonly<Record<string, string>> = {},
  signal?: AbortSignal,
): Promise<Pod[]> {
  return (await server.list({ apiVersion: "v1", kind: "Pod", namespace }, query, signal)).map(readPod);
}

export function readPod(pod: Pick<LiveObject, "metadata" | "spec" | "status">) {
  const { metadata, spec, status } = pod;
  const { labels = {}, annotations = {} } = metadata;
  const containers = containersOf(spec);
  const proxy = containers.find(({ name }) => name === "istio-proxy");
  const phase = (status?.phase ?? "") as string;
  const statuses = (["containerStatuses", "initContainerStatuses"] as const).flatMap(
    (field) => (status?.[field] ?? []) as ContainerStatus[],
  );
  const waiting = statuses.flatMap(({ name, state }) =>
    state?.waiting ? [`${name}: ${state.waiting.message ?? state.waiting.reason ?? "waiting"}`] : [],
  );
  const unmet = conditionsOf(pod).flatMap(({ status: is, message }) => (is === "True" || !message ? [] : [message]));
  return {
    name: metadata.name,
    namespace: metadata.namespace ?? "",
    labels,
    annotations,
    phase,
    app: labels.app ?? "",
    /** Empty while it has none. */
    node: (spec?.nodeName ?? "") as string,
    ready: hasCondition(pod, "Ready"),
    ended: phase === "Succeeded" || phase === "Failed",
    deleting: metadata.deletionTimestamp !== undefined,
    hostNetwork: spec?.hostNetwork === true,
    /** Why it is not ready, as far as its containers and conditions say; else its phase. */
    waitingFor: waiting[0] ?? unmet[0] ?? phase,
    /** With init containers: a native sidecar is one. */
    containers: containers.map(({ name }) => name),
    /** Whether ztunnel takes its traffic. */
    redirected: annotations["ambient.istio.io/redirection"] === "enabled",
    /** Its container `istio-proxy`: the sidecar, or the main container of a gateway, a waypoint or a ztunnel. */
    ...(proxy && { proxy: proxyOf(proxy) }),
    /** The control plane that its proxy belongs to: `default`, or a revision, never a tag. */
    revision: revisionOf(metadata),
    images: statuses.map(({ image, imageID = "" }) => `${image} (${imageID.replace(/^.*@/, "")})`),
    restarts: Object.fromEntries(statuses.map(({ name, restartCount }) => [name, restartCount])),
  };
}

interface Container {
  readonly name: string;
  readonly image?: string;
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly resources?: Partial<Record<"requests" | "limits", Readonly<Record<string, string>>>>;
  readonly ports?: readonly { readonly name?: string; readonly containerPort: number }[];
}

/** Containers of a pod's spec or template, init containers first. */
export function containersOf(spec: Readonly<Record<string, unknown>> | undefined): readonly Container[] {
  return ["initContainers", "containers"].flatMap((field) => (own(spec ?? {}, field) ?? []) as Container[]);
}

function proxyOf({ image = "", env, resources = {} }: Container) {
  const config = env?.find(({ name }) => name === "PROXY_CONFIG")?.value ?? "";
  const [, workers] = /"concurrency":\s*(\d+)/.exec(config) ?? [];
  const { requests = {}, limits = {} } = resources;
  // Worker threads, where they are set; 0 is one for each processor.
  return { image, requests, limits, ...(workers !== undefined && { workers: Number(workers) }) };
}

/** As the injector notes it on the pod. A waypoint, which istiod creates, has a label. */
function revisionOf({ annotations = {}, labels = {} }: LiveObject["metadata"]): string {
  const [, injected] = /"revision":\s*"([^"]+)"/.exec(annotations["sidecar.istio.io/status"] ?? "") ?? [];
  return injected ?? annotations["istio.io/rev"] ?? labels["istio.io/rev"] ?? defaultRevision;
}

/** The pods of a Service, if it exists; `target`: a ready one, if any, and its port that the Service's `port` leads to. */
export async function podsBehind(
  server: Pick<ApiServer, "get" | "list">,
  { namespace, service: name, port }: { readonly namespace: string; readonly service: string; readonly port: number },
  signal?: AbortSignal,
) {
  const service = await server.get({ apiVersion: "v1", kind: "Service", namespace, name }, signal);
  if (!service) return undefined;
  const { selector = {}, ports = [] } = (service.spec ?? {}) as {
    selector?: Readonly<Record<string, string>>;
    ports?: readonly { port: number; targetPort?: number | string }[];
  };
  const labelSelector = Object.entries(selector)
    .map(([label, value]) => `${label}=${value}`)
    .join(",");
  const found = await server.list({ apiVersion: "v1", kind: "Pod", namespace }, { labelSelector }, signal);
  const pods = found.map(readPod);
  const index = pods.findIndex(({ ready, deleting }) => ready && !deleting);
  const pod = pods[index];
  if (!pod) return { pods };
  const targetPort = ports.find((each) => each.port === port)?.targetPort ?? port;
  // A Service may name a port of the pod's containers.
  const named = containersOf(found[index]?.spec).flatMap((container) => container.ports ?? []);
  const number =
    typeof targetPort === "number" ? targetPort : named.find(({ name }) => name === targetPort)?.containerPort;
  return { pods, target: { pod: pod.name, port: number ?? port } };
}
