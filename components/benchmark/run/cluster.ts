import {
  type ApiServer,
  type ApplyObject,
  type LiveObject,
  UnknownKindError,
} from "../../shared/kubernetes/api-server";
import { rootNamespace } from "../../shared/istio";
import { ownLabel } from "../objects";
import { type ContainerSample, parseSummary } from "../measure/usage";
import type { NodeFacts } from "../report/report";
import { execInPod, type ExecLimits, type ExecResult } from "../../shared/kubernetes/exec";
import { annotate, type Annotation } from "./grafana";
import type { LeaseServer } from "./lease";
import { conditionsOf, nodeOf, podOf, takesPods } from "./live-objects";
import type { MeshState, ProxyContainer } from "./mesh-facts";
import { type Connections, connectionsIn } from "./ztunnel-connections";

/** A node that pods can be put on. */
export interface BenchNode extends NodeFacts {
  /** Of its object: a machine that joins under an old name is another one. */
  readonly uid: string;
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
  readonly leases: LeaseServer;
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
  /** Why pods of a namespace are not made, in the words of who refuses them. */
  refusals(namespace: string): Promise<string[]>;
  /** What the ztunnels of these nodes have opened within a namespace; undefined where they do not tell. */
  connections(namespace: string, nodes: readonly string[]): Promise<Connections | undefined>;
  /** Those of these namespaces that are there and no benchmark's. */
  foreignNamespaces(names: readonly string[]): Promise<string[]>;
  /** Namespaces of benchmarks, also those that are being removed. */
  namespaces(): Promise<string[]>;
  removeNamespace(name: string): Promise<void>;
  exec(
    pod: string,
    namespace: string,
    container: string,
    argv: readonly string[],
    limits?: ExecLimits,
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
  { apiVersion: "security.istio.io/v1", kind: "AuthorizationPolicy" },
  { apiVersion: "security.istio.io/v1", kind: "RequestAuthentication" },
  { apiVersion: "networking.istio.io/v1", kind: "Sidecar" },
  { apiVersion: "networking.istio.io/v1alpha3", kind: "EnvoyFilter" },
  { apiVersion: "networking.istio.io/v1beta1", kind: "ProxyConfig" },
  { apiVersion: "extensions.istio.io/v1alpha1", kind: "WasmPlugin" },
] as const;

/** A cluster behind its API server. */
export class KubernetesCluster implements BenchCluster {
  constructor(private readonly server: ApiServer) {}

  get leases(): LeaseServer {
    return this.server;
  }

  async version(): Promise<string> {
    return ((await this.server.request("GET", "/version")) as { gitVersion: string }).gitVersion;
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

  async refusals(namespace: string): Promise<string[]> {
    const deployments = await this.server.list({ apiVersion: "apps/v1", kind: "Deployment", namespace });
    return deployments
      .flatMap(conditionsOf)
      .flatMap(({ type, status, message }) =>
        type === "ReplicaFailure" && status === "True" ? [message ?? type] : [],
      );
  }

  async connections(namespace: string, nodes: readonly string[]): Promise<Connections | undefined> {
    try {
      const paths = (await this.ztunnels(nodes)).map(
        ({ name }) => `/api/v1/namespaces/${rootNamespace}/pods/${name}:15020/proxy/metrics`,
      );
      const metrics = await Promise.all(paths.map((path) => this.server.request("GET", path)));
      return connectionsIn(metrics.join("\n"), namespace);
    } catch {
      return undefined;
    }
  }

  async foreignNamespaces(names: readonly string[]): Promise<string[]> {
    const found = await Promise.all(
      names.map((name) => this.server.get({ apiVersion: "v1", kind: "Namespace", name })),
    );
    return found.flatMap((namespace) => {
      const { name = "", labels = {} } = namespace?.metadata ?? {};
      const ours = Object.entries(ownLabel).every(([key, value]) => labels[key] === value);
      return namespace === undefined || ours ? [] : [name];
    });
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
    limits?: ExecLimits,
  ): Promise<ExecResult> {
    return execInPod(this.server, { pod, namespace, container }, argv, limits);
  }

  async usage(node: string): Promise<ContainerSample[]> {
    const path = `/api/v1/nodes/${encodeURIComponent(node)}/proxy/stats/summary?only_cpu_and_memory=true`;
    return parseSummary(node, await this.server.request("GET", path));
  }

  async pullSecret(name: string): Promise<string | undefined> {
    const found = await this.server.get({ apiVersion: "v1", kind: "Secret", namespace: rootNamespace, name });
    return (found as { data?: Readonly<Record<string, string>> } | undefined)?.data?.[".dockerconfigjson"];
  }

  annotate(namespace: string, annotation: Annotation): Promise<void> {
    return annotate(this.server, namespace, annotation);
  }
}
