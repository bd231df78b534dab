import { rootNamespace } from "../../shared/istio";
import type { ApiServer, ApplyObject, LiveObject } from "../../shared/kubernetes/api-server";
import { ifFound } from "../../shared/kubernetes/errors";
import { execInPod, type ExecOptions } from "../../shared/kubernetes/pod-streams";
import { conditionsOf, dataOf, hasCondition, isSimulatedNode, managedBy } from "../../shared/kubernetes/object";
import { listPods, type Pod } from "../../shared/kubernetes/pods";
import { type ContainerSample, parseSummary } from "../measure/usage";
import { benchmarkManager } from "../objects";
import type { NodeFacts } from "../report/report";
import { annotate, type Annotation } from "./grafana";

export interface BenchNode extends NodeFacts {
  /** UID of its object: a machine that joins under an old name is another one. */
  readonly uid: string;
  /** Whether it is simulated by kwok and runs no containers. */
  readonly simulated: boolean;
  readonly controlPlane: boolean;
}

export type BenchPod = Pick<
  Pod,
  "name" | "app" | "node" | "ready" | "waitingFor" | "containers" | "redirected" | "proxy" | "images" | "restarts"
>;

export type MeshState = Awaited<ReturnType<KubernetesCluster["meshState"]>>;

/** Connections that ztunnels have opened, as client or as server, since they started: with mTLS, and without. */
export type Connections = Readonly<Record<"mutual" | "plain", number>>;

/** What a benchmark needs of a cluster; tests have one in memory. */
export type BenchCluster = Pick<KubernetesCluster, keyof KubernetesCluster>;

/** Kinds whose objects in the root namespace apply to every proxy. */
const meshWideKinds = [
  { apiVersion: "telemetry.istio.io/v1", kind: "Telemetry" },
  { apiVersion: "security.istio.io/v1", kind: "PeerAuthentication" },
  { apiVersion: "security.istio.io/v1", kind: "AuthorizationPolicy" },
  { apiVersion: "security.istio.io/v1", kind: "RequestAuthentication" },
  { apiVersion: "networking.istio.io/v1", kind: "Sidecar" },
  { apiVersion: "networking.istio.io/v1alpha3", kind: "EnvoyFilter" },
  { apiVersion: "networking.istio.io/v1beta1", kind: "ProxyConfig" },
  { apiVersion: "extensions.istio.io/v1alpha1", kind: "WasmPlugin" },
] as const;

const namespaceKind = { apiVersion: "v1", kind: "Namespace" } as const;

export class KubernetesCluster {
  readonly leases: Pick<ApiServer, "get" | "write" | "delete">;

  constructor(private readonly server: ApiServer) {
    this.leases = server;
  }

  async version(): Promise<string> {
    return ((await this.server.request("GET", "/version")) as { gitVersion: string }).gitVersion;
  }

  /** Nodes that are ready and take ordinary pods. */
  async nodes(): Promise<BenchNode[]> {
    return (await this.server.list({ apiVersion: "v1", kind: "Node" })).filter(takesPods).map(nodeOf);
  }

  async istiodNodes(): Promise<string[]> {
    return (await this.meshPods("istiod")).map(({ node }) => node).filter((node) => node !== "");
  }

  async ztunnels(nodes: readonly string[]): Promise<BenchPod[]> {
    return (await this.meshPods("ztunnel")).filter(({ node }) => nodes.includes(node));
  }

  /** @param revision of the control plane whose proxies are measured; undefined is the default one */
  async meshState(revision: string | undefined) {
    const objects = meshWideKinds.map((kind) => ifFound(this.server.list({ ...kind, namespace: rootNamespace }), []));
    return {
      /** MeshConfig as YAML; undefined where there is no control plane. */
      config: await this.data("ConfigMap", revision === undefined ? "istio" : `istio-${revision}`, "mesh"),
      objects: (await Promise.all(objects)).flat(),
      istiods: (await this.meshPods("istiod")).length,
      proxies: (await listPods(this.server)).filter(({ proxy }) => proxy).length,
      /** Each is configuration in every sidecar. */
      services: (await this.server.list({ apiVersion: "v1", kind: "Service" })).length,
    };
  }

  async missing(part: "istiod" | "ztunnel"): Promise<string | undefined> {
    const isReady = (await this.meshPods(part)).some((pod) => pod.ready);
    return isReady ? undefined : `there is no ready ${part} in ${rootNamespace}`;
  }

  /** By the label `app`, which the charts put on their pods, and not on all of their workloads. */
  private async meshPods(part: "istiod" | "ztunnel"): Promise<BenchPod[]> {
    return (await this.pods(rootNamespace)).filter(({ app }) => app === part);
  }

  async apply(object: ApplyObject): Promise<void> {
    await this.server.apply(object, undefined, benchmarkManager);
  }

  /** Those that are not being deleted. */
  async pods(namespace: string): Promise<BenchPod[]> {
    return (await listPods(this.server, namespace)).filter(({ deleting }) => !deleting);
  }

  /** Why pods of a namespace cannot be created, such as an exceeded quota. */
  async refusals(namespace: string): Promise<string[]> {
    const deployments = await this.server.list({ apiVersion: "apps/v1", kind: "Deployment", namespace });
    return deployments
      .flatMap(conditionsOf)
      .flatMap(({ type, status, message }) =>
        type === "ReplicaFailure" && status === "True" ? [message ?? type] : [],
      );
  }

  /** Within a namespace; undefined where the metrics of ztunnels cannot be read. */
  async connections(namespace: string, nodes: readonly string[]): Promise<Connections | undefined> {
    const metricsOf = ({ name }: BenchPod) =>
      this.server.request("GET", `/api/v1/namespaces/${rootNamespace}/pods/${name}:15020/proxy/metrics`);
    try {
      const metrics = await Promise.all((await this.ztunnels(nodes)).map(metricsOf));
      return connectionsIn(metrics.join("\n"), namespace);
    } catch {
      return undefined;
    }
  }

  /** Those of these namespaces that exist and were not created by a benchmark. */
  async foreignNamespaces(names: readonly string[]): Promise<string[]> {
    const found = await Promise.all(names.map((name) => this.server.get({ ...namespaceKind, name })));
    return found.flatMap((namespace) => {
      const { name, labels = {} } = namespace?.metadata ?? {};
      return name === undefined || labels[managedBy] === benchmarkManager ? [] : [name];
    });
  }

  async namespaces(): Promise<string[]> {
    const ours = await this.server.list(namespaceKind, { labelSelector: `${managedBy}=${benchmarkManager}` });
    return ours.map(({ metadata }) => metadata.name);
  }

  async removeNamespace(name: string): Promise<void> {
    await this.server.delete({ ...namespaceKind, name });
  }

  exec(pod: string, namespace: string, container: string, argv: readonly string[], options?: ExecOptions) {
    return execInPod(this.server, { pod, namespace, container }, argv, options);
  }

  async usage(node: string): Promise<ContainerSample[]> {
    const path = `/api/v1/nodes/${encodeURIComponent(node)}/proxy/stats/summary?only_cpu_and_memory=true`;
    return parseSummary(node, await this.server.request("GET", path));
  }

  /** Content of a pull secret of the root namespace, in base64; undefined where there is none. */
  pullSecret(name: string): Promise<string | undefined> {
    return this.data("Secret", name, ".dockerconfigjson");
  }

  private async data(kind: "ConfigMap" | "Secret", name: string, key: string): Promise<string | undefined> {
    return dataOf(await this.server.get({ apiVersion: "v1", kind, namespace: rootNamespace, name }), key);
  }

  annotate(namespace: string, annotation: Annotation): Promise<void> {
    return annotate(this.server, namespace, annotation);
  }
}

function takesPods(node: LiveObject): boolean {
  const { unschedulable, taints = [] } = node.spec ?? {};
  // The taint of a node that was not ready is removed a moment after it becomes ready.
  const isTainted = (taints as { key: string; effect: string }[]).some(
    ({ key, effect }) => effect !== "PreferNoSchedule" && !key.endsWith("/not-ready"),
  );
  const { operatingSystem } = (node.status?.nodeInfo ?? {}) as { operatingSystem?: string };
  return hasCondition(node, "Ready") && unschedulable !== true && !isTainted && operatingSystem !== "windows";
}

function nodeOf({ metadata, status }: LiveObject): BenchNode {
  const { capacity = {}, nodeInfo = {} } = (status ?? {}) as Record<string, Record<string, string> | undefined>;
  const { labels = {} } = metadata;
  return {
    name: metadata.name,
    uid: metadata.uid,
    cores: Number(capacity.cpu ?? 1),
    memoryBytes: 1024 * Number.parseInt(capacity.memory ?? "0", 10),
    architecture: nodeInfo.architecture ?? "",
    osImage: nodeInfo.osImage ?? "",
    kernel: nodeInfo.kernelVersion ?? "",
    containerRuntime: nodeInfo.containerRuntimeVersion ?? "",
    simulated: isSimulatedNode({ metadata }),
    controlPlane: "node-role.kubernetes.io/control-plane" in labels,
  };
}

/** Those within a namespace, waypoint included. https://istio.io/latest/docs/reference/config/metrics/ */
function connectionsIn(metrics: string, namespace: string): Connections {
  const within = ["source", "destination"].map((side) => `${side}_workload_namespace="${namespace}"`);
  const count = { mutual: 0, plain: 0 };
  for (const [, labels = "", value] of metrics.matchAll(/^istio_tcp_connections_opened_total\{(.*)\} (\S+)/gm)) {
    if (!within.every((label) => labels.includes(label))) continue;
    count[labels.includes('connection_security_policy="mutual_tls"') ? "mutual" : "plain"] += Number(value);
  }
  return count;
}
