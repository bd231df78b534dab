import type { LiveObject } from "../../shared/kubernetes/api-server";
import type { BenchNode, BenchPod } from "./cluster";
import type { ProxyContainer } from "./mesh-facts";

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly message?: string;
}

export function conditionsOf({ status }: LiveObject): readonly Condition[] {
  return (status?.conditions ?? []) as Condition[];
}

export function isReady(object: LiveObject): boolean {
  return conditionsOf(object).some(({ type, status }) => type === "Ready" && status === "True");
}

/** Whether it is ready and runs ordinary pods of Linux. */
export function takesPods(node: LiveObject): boolean {
  const { spec, status } = node;
  const { unschedulable, taints = [] } = (spec ?? {}) as {
    unschedulable?: boolean;
    taints?: { key: string; effect: string }[];
  };
  // The taint of a node that is not ready goes a moment after it has become ready.
  const keepsOut = taints.some(({ key, effect }) => effect !== "PreferNoSchedule" && !key.endsWith("/not-ready"));
  const { operatingSystem } = (status?.nodeInfo ?? {}) as { operatingSystem?: string };
  return isReady(node) && unschedulable !== true && !keepsOut && operatingSystem !== "windows";
}

export function nodeOf({ metadata, status }: LiveObject): BenchNode {
  const { capacity = {}, nodeInfo = {} } = (status ?? {}) as Record<string, Record<string, string> | undefined>;
  const { labels = {}, annotations = {} } = metadata;
  return {
    name: metadata.name,
    uid: metadata.uid,
    cores: Number(capacity.cpu ?? 1),
    memoryBytes: 1024 * Number.parseInt(capacity.memory ?? "0", 10),
    architecture: nodeInfo.architecture ?? "",
    osImage: nodeInfo.osImage ?? "",
    kernel: nodeInfo.kernelVersion ?? "",
    containerRuntime: nodeInfo.containerRuntimeVersion ?? "",
    simulated: annotations["kwok.x-k8s.io/node"] !== undefined || labels.type === "kwok",
    controlPlane: "node-role.kubernetes.io/control-plane" in labels,
  };
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

interface ContainerStatus {
  readonly name: string;
  readonly image: string;
  readonly imageID: string;
  readonly restartCount: number;
  readonly state?: { readonly waiting?: { readonly reason?: string; readonly message?: string } };
}

export function podOf(pod: LiveObject): BenchPod {
  const { metadata, spec, status } = pod;
  const named = (field: string) => ((spec?.[field] ?? []) as { name: string }[]).map(({ name }) => name);
  const statuses = (["containerStatuses", "initContainerStatuses"] as const).flatMap(
    (field) => (status?.[field] ?? []) as ContainerStatus[],
  );
  const waiting = statuses.flatMap(({ name, state }) =>
    state?.waiting ? [`${name}: ${state.waiting.message ?? state.waiting.reason ?? "waiting"}`] : [],
  );
  const unmet = conditionsOf(pod).flatMap(({ status: is, message }) => (is === "True" || !message ? [] : [message]));
  return {
    name: metadata.name,
    app: metadata.labels?.app ?? "",
    node: text(spec?.nodeName),
    ready: isReady(pod),
    waitingFor: waiting[0] ?? unmet[0] ?? text(status?.phase),
    containers: [...named("containers"), ...named("initContainers")],
    redirected: metadata.annotations?.["ambient.istio.io/redirection"] === "enabled",
    proxy: proxyOf(spec),
    images: statuses.map(({ image, imageID }) => `${image} (${imageID.replace(/^.*@/, "")})`),
    restarts: Object.fromEntries(statuses.map(({ name, restartCount }) => [name, restartCount])),
  };
}

interface Container {
  readonly name: string;
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly resources?: Partial<Pick<ProxyContainer, "requests" | "limits">>;
}

/** A sidecar may be an init container that goes on. */
function proxyOf(spec: LiveObject["spec"]): ProxyContainer | undefined {
  const containers = ["containers", "initContainers"].flatMap((field) => (spec?.[field] ?? []) as Container[]);
  const proxy = containers.find(({ name }) => name === "istio-proxy");
  if (!proxy) return undefined;
  const config = proxy.env?.find(({ name }) => name === "PROXY_CONFIG")?.value ?? "";
  const [, workers] = /"concurrency":\s*(\d+)/.exec(config) ?? [];
  const { requests = {}, limits = {} } = proxy.resources ?? {};
  return { requests, limits, ...(workers !== undefined && { workers: Number(workers) }) };
}
