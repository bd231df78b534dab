import { type ApiServer, type ApplyObject, type LiveObject, UnknownKindError } from "../../shared/api-server";
import { rootNamespace } from "../../shared/root-namespace";
import { ownLabel } from "../objects";
import { type ContainerSample, parseSummary } from "../measure/usage";
import type { NodeFacts } from "../report/report";
import { execIn, type ExecResult } from "./exec";
import { annotate, type Annotation } from "./grafana";
import type { MeshState, ProxyContainer } from "./mesh-facts";

/** A node that pods can be put on. */
export interface BenchNode extends NodeFacts {
  /** Whether it runs no containers and only says so (kwok). */
  readonly simulated: boolean;
  readonly controlPlane: boolean;
}

export interface BenchPod {
  readonly name: string;
  /** Value of its `app` label. */
  readonly app: string;
  readonly node: string;
  readonly ready: boolean;
  /** Why it does not become ready, as far as it says. */
  readonly waitingFor: string;
  readonly containers: readonly string[];
  readonly redirected: boolean;
  /** Its sidecar, or what it is itself: a waypoint, a ztunnel. */
  readonly proxy?: ProxyContainer;
  /** Images with their digests. */
  readonly images: readonly string[];
  /** Restarts by container. */
  readonly restarts: Readonly<Record<string, number>>;
}

/** What a benchmark asks of a cluster. */
export interface BenchCluster {
  version(): Promise<string>;
  /** Nodes that are ready and take ordinary pods. */
  nodes(): Promise<BenchNode[]>;
  /** Nodes with the control plane's pods. */
  istiodNodes(): Promise<string[]>;
  /** Pods of ztunnel on these nodes. */
  ztunnels(nodes: readonly string[]): Promise<BenchPod[]>;
  /** @param revision of the control plane whose proxies are measured; undefined is the default one */
  meshState(revision: string | undefined): Promise<MeshState>;
  /** Why this data plane is not there; undefined where it is. */
  missing(part: "istiod" | "ztunnel"): Promise<string | undefined>;
  apply(object: ApplyObject): Promise<void>;
  pods(namespace: string): Promise<BenchPod[]>;
  /** Namespaces of benchmarks, also those that are being removed. */
  namespaces(): Promise<string[]>;
  removeNamespace(name: string): Promise<void>;
  exec(
    pod: string,
    namespace: string,
    container: string,
    argv: readonly string[],
    signal?: AbortSignal,
  ): Promise<ExecResult>;
  /** Counters of every container of a node. */
  usage(node: string): Promise<ContainerSample[]>;
  /** Content of a pull secret of the mesh's root namespace, in base64; undefined where there is none. */
  pullSecret(name: string): Promise<string | undefined>;
  /** Has the Grafana of a namespace show a moment. */
  annotate(namespace: string, annotation: Annotation): Promise<void>;
}

/** Kinds whose objects in the root namespace hold for every proxy. */
const meshWideKinds = [
  { apiVersion: "telemetry.istio.io/v1", kind: "Telemetry" },
  { apiVersion: "security.istio.io/v1", kind: "PeerAuthentication" },
  { apiVersion: "networking.istio.io/v1", kind: "Sidecar" },
  { apiVersion: "networking.istio.io/v1alpha3", kind: "EnvoyFilter" },
] as const;

/** A cluster behind its API server. */
export class KubernetesCluster implements BenchCluster {
  constructor(private readonly server: ApiServer) {}

  async version(): Promise<string> {
    return ((await this.server.read("/version")) as { gitVersion: string }).gitVersion;
  }

  async nodes(): Promise<BenchNode[]> {
    const nodes = await this.server.list({ apiVersion: "v1", kind: "Node" });
    return nodes.filter(takesPods).map(nodeOf);
  }

  async istiodNodes(): Promise<string[]> {
    const pods = await this.meshPods("istiod");
    return [...new Set(pods.map(({ node }) => node))].filter((node) => node !== "");
  }

  async ztunnels(nodes: readonly string[]): Promise<BenchPod[]> {
    return (await this.meshPods("ztunnel")).filter(({ node }) => nodes.includes(node));
  }

  async meshState(revision: string | undefined): Promise<MeshState> {
    const name = revision === undefined ? "istio" : `istio-${revision}`;
    const found = await this.server.get({ apiVersion: "v1", kind: "ConfigMap", namespace: rootNamespace, name });
    const everyPod = (await this.server.list({ apiVersion: "v1", kind: "Pod" })).map(podOf);
    return {
      config: (found as { data?: Readonly<Record<string, string>> } | undefined)?.data?.mesh,
      objects: (
        await Promise.all(meshWideKinds.map((kind) => this.listKnown({ ...kind, namespace: rootNamespace })))
      ).flat(),
      istiods: (await this.meshPods("istiod")).length,
      proxies: everyPod.filter(({ proxy }) => proxy).length,
      services: (await this.server.list({ apiVersion: "v1", kind: "Service" })).length,
    };
  }

  /** None of a kind that the API server does not know. */
  private async listKnown(kind: { apiVersion: string; kind: string; namespace: string }): Promise<LiveObject[]> {
    try {
      // Items of a list do not name their kind.
      return (await this.server.list(kind)).map((object) => ({ ...object, kind: kind.kind }));
    } catch (error) {
      if (error instanceof UnknownKindError) return [];
      throw error;
    }
  }

  async missing(part: "istiod" | "ztunnel"): Promise<string | undefined> {
    const ready = (await this.meshPods(part)).some((pod) => pod.ready);
    return ready ? undefined : `there is no ready ${part} in ${rootNamespace}`;
  }

  /** The charts put `app` on their pods, and not all of them on what makes the pods. */
  private async meshPods(part: "istiod" | "ztunnel"): Promise<BenchPod[]> {
    return (await this.pods(rootNamespace)).filter(({ app }) => app === part);
  }

  async apply(object: ApplyObject): Promise<void> {
    await this.server.apply(object, undefined, "talos-mesh-benchmark");
  }

  async pods(namespace: string): Promise<BenchPod[]> {
    const pods = await this.server.list({ apiVersion: "v1", kind: "Pod", namespace });
    return pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined).map(podOf);
  }

  async namespaces(): Promise<string[]> {
    const [[key, value] = ["", ""]] = Object.entries(ownLabel);
    const found = await this.server.list({ apiVersion: "v1", kind: "Namespace" }, { labelSelector: `${key}=${value}` });
    return found.map(({ metadata }) => metadata.name);
  }

  async removeNamespace(name: string): Promise<void> {
    await this.server.delete({ apiVersion: "v1", kind: "Namespace", name });
  }

  exec(
    pod: string,
    namespace: string,
    container: string,
    argv: readonly string[],
    signal?: AbortSignal,
  ): Promise<ExecResult> {
    return execIn(this.server.config, { pod, namespace, container }, argv, signal);
  }

  async usage(node: string): Promise<ContainerSample[]> {
    const path = `/api/v1/nodes/${encodeURIComponent(node)}/proxy/stats/summary?only_cpu_and_memory=true`;
    return parseSummary(node, await this.server.read(path));
  }

  async pullSecret(name: string): Promise<string | undefined> {
    const found = await this.server.get({ apiVersion: "v1", kind: "Secret", namespace: rootNamespace, name });
    return (found as { data?: Readonly<Record<string, string>> } | undefined)?.data?.[".dockerconfigjson"];
  }

  annotate(namespace: string, annotation: Annotation): Promise<void> {
    return annotate(this.server, namespace, annotation);
  }
}

function takesPods({ spec, status }: LiveObject): boolean {
  const { unschedulable, taints = [] } = (spec ?? {}) as {
    unschedulable?: boolean;
    taints?: { key: string; effect: string }[];
  };
  const conditions = (status?.conditions ?? []) as { type: string; status: string }[];
  const ready = conditions.some(({ type, status: is }) => type === "Ready" && is === "True");
  // The taint of a node that is not ready goes a moment after it has become ready.
  const keepsOut = taints.some(({ key, effect }) => effect !== "PreferNoSchedule" && !key.endsWith("/not-ready"));
  return ready && unschedulable !== true && !keepsOut;
}

function nodeOf({ metadata, status }: LiveObject): BenchNode {
  const { capacity = {}, nodeInfo = {} } = (status ?? {}) as Record<string, Record<string, string> | undefined>;
  const { labels = {}, annotations = {} } = metadata;
  return {
    name: metadata.name,
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

function podOf({ metadata, spec, status }: LiveObject): BenchPod {
  const named = (field: string) => ((spec?.[field] ?? []) as { name: string }[]).map(({ name }) => name);
  const conditions = (status?.conditions ?? []) as { type: string; status: string; message?: string }[];
  const statuses = (["containerStatuses", "initContainerStatuses"] as const).flatMap(
    (field) => (status?.[field] ?? []) as ContainerStatus[],
  );
  const waiting = statuses.flatMap(({ name, state }) =>
    state?.waiting ? [`${name}: ${state.waiting.message ?? state.waiting.reason ?? "waiting"}`] : [],
  );
  const unmet = conditions.flatMap(({ status: is, message }) => (is === "True" || !message ? [] : [message]));
  return {
    name: metadata.name,
    app: metadata.labels?.app ?? "",
    node: text(spec?.nodeName),
    ready: conditions.some(({ type, status: is }) => type === "Ready" && is === "True"),
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
