import { rootNamespace } from "../../shared/istio";
import type { ApiServer, ApplyObject, LiveObject, ObjectReference } from "../../shared/kubernetes/api-server";
import { ApiError, ifAllowed, ifFound, isUnreachable } from "../../shared/kubernetes/errors";
import { execInPod, type ExecOptions, type ExecResult } from "../../shared/kubernetes/pod-streams";
import { dataOf, managedBy, referenceOf, secretText, verificationManager } from "../../shared/kubernetes/object";
import { containersOf, readPod } from "../../shared/kubernetes/pods";
import { own } from "../../shared/own";
import { analysisFindings } from "../health/analysis";
import { type HealthRequest, meshHealth } from "../health/health";
import type { HealthFinding } from "../result";
import { placementOf } from "./placement";
import type { RunWorkload } from "./run-plan";

/** A workload's own labels may have the other key. */
export const clientLabel = "talos-mesh/verification-client";

/** Of the names of clients that are containers in pods of workloads. */
export const ephemeralPrefix = "talos-mesh-probe-";

export type MeshPod = Readonly<ReturnType<typeof meshPod>>;

/** What a verification needs of a cluster; tests have one in memory. */
export type VerificationCluster = Pick<KubernetesCluster, keyof KubernetesCluster>;

/** Kinds whose controllers, or whose evaluation, take pods by their labels. */
export const selectingKinds = [
  { apiVersion: "apps/v1", kind: "StatefulSet" },
  { apiVersion: "apps/v1", kind: "DaemonSet" },
  { apiVersion: "apps/v1", kind: "ReplicaSet" },
  { apiVersion: "apps/v1", kind: "Deployment" },
  { apiVersion: "v1", kind: "ReplicationController" },
  { apiVersion: "autoscaling/v2", kind: "HorizontalPodAutoscaler" },
  { apiVersion: "v1", kind: "Service" },
] as const;

const networkPolicyKinds = [
  { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy" },
  { apiVersion: "cilium.io/v2", kind: "CiliumNetworkPolicy" },
  { apiVersion: "cilium.io/v2", kind: "CiliumClusterwideNetworkPolicy" },
] as const;

export class KubernetesCluster {
  readonly leases: Pick<ApiServer, "get" | "write" | "delete">;

  constructor(private readonly server: ApiServer) {
    this.leases = server;
  }

  async nodes(): Promise<LiveObject[]> {
    return this.server.list({ apiVersion: "v1", kind: "Node" });
  }

  /** @param namespace undefined for all */
  async pods(namespace?: string): Promise<MeshPod[]> {
    return (await this.server.list({ apiVersion: "v1", kind: "Pod", namespace })).map(meshPod);
  }

  async pod(namespace: string, name: string): Promise<MeshPod | undefined> {
    const found = await this.server.get({ apiVersion: "v1", kind: "Pod", namespace, name });
    return found && meshPod(found);
  }

  limitRanges(namespace: string): Promise<LiveObject[]> {
    return ifAllowed(this.server.list({ apiVersion: "v1", kind: "LimitRange", namespace }), []);
  }

  /** Names of the pull secrets that the pods of a service account get. */
  async accountSecrets({ namespace, serviceAccount: name }: RunWorkload): Promise<string[]> {
    const reference = { apiVersion: "v1", kind: "ServiceAccount", namespace, name };
    const account = await ifAllowed(this.server.get(reference), undefined);
    const { imagePullSecrets = [] } = (account ?? {}) as { imagePullSecrets?: readonly { readonly name: string }[] };
    return imagePullSecrets.map((secret) => secret.name);
  }

  service(namespace: string, name: string): Promise<LiveObject | undefined> {
    return this.server.get({ apiVersion: "v1", kind: "Service", namespace, name });
  }

  /** Objects of a namespace that may take pods by their labels, as far as the login may see them. */
  async selecting(namespace: string): Promise<LiveObject[]> {
    const lists = selectingKinds.map((kind) => this.listed({ ...kind, namespace }));
    return (await Promise.all(lists)).flat();
  }

  /** Of the whole cluster, as far as it has the kinds and the login may see them. */
  async networkPolicies(): Promise<LiveObject[]> {
    return (await Promise.all(networkPolicyKinds.map((kind) => this.listed(kind)))).flat();
  }

  telemetries(): Promise<LiveObject[]> {
    return this.listed({ apiVersion: "telemetry.istio.io/v1", kind: "Telemetry" });
  }

  private listed(kind: Parameters<ApiServer["list"]>[0]): Promise<LiveObject[]> {
    return ifAllowed(ifFound(this.server.list(kind), []), []);
  }

  endpointSlices(namespace: string): Promise<LiveObject[]> {
    return this.server.list({ apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", namespace });
  }

  async apply(object: ApplyObject): Promise<void> {
    await this.server.apply(object, undefined, verificationManager);
  }

  /** A request to one container of a pod that runs already, which stays in it until the pod ends. */
  async addEphemeralContainer(namespace: string, pod: string, container: object): Promise<void> {
    await this.server.request(
      "PATCH",
      `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(pod)}/ephemeralcontainers`,
      { body: { spec: { ephemeralContainers: [container] } }, contentType: "application/strategic-merge-patch+json" },
    );
  }

  exec(
    { namespace, pod, container }: Readonly<Record<"namespace" | "pod" | "container", string>>,
    argv: readonly string[],
    options?: ExecOptions,
  ): Promise<ExecResult> {
    return execInPod(this.server, { namespace, pod, container }, argv, options);
  }

  /**
   * The log of a pod's proxy, line by line with the node's time first, as long as it is written. It ends where there is none
   * to read for the moment: the pod is gone, its proxy has not started (400), or its node does not answer.
   */
  async followLog(
    { namespace, name }: Pick<MeshPod, "namespace" | "name">,
    from: Readonly<Record<string, string>>,
    onLine: (line: string) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(name)}/log`;
    const query = { container: "istio-proxy", follow: "true", timestamps: "true", ...from };
    try {
      const stream = (await this.server.stream(path, query, signal)).setEncoding("utf8");
      let rest = "";
      for await (const part of stream as AsyncIterable<string>) {
        const lines = `${rest}${part}`.split("\n");
        // Without its end it comes again when the log is read on.
        rest = lines.pop() ?? "";
        for (const line of lines) if (!signal.aborted) onLine(line);
      }
    } catch (error) {
      const isNone = error instanceof ApiError && (error.status === 400 || error.status === 404);
      if (!(signal.aborted || isNone || isUnreachable(error))) throw error;
    }
  }

  /** Everything of a verification, of this run or of an earlier one. */
  async leftovers(): Promise<LiveObject[]> {
    const ours = { labelSelector: `${managedBy}=${verificationManager}` };
    const priorityClass = { apiVersion: "scheduling.k8s.io/v1", kind: "PriorityClass" };
    const found = await Promise.all([
      this.server.list({ apiVersion: "v1", kind: "Pod" }, { labelSelector: clientLabel }),
      this.server.list({ apiVersion: "v1", kind: "Service" }, { labelSelector: clientLabel }),
      this.server.list({ apiVersion: "v1", kind: "Namespace" }, ours),
      ifAllowed(this.server.list(priorityClass, ours), []),
    ]);
    return found.flat();
  }

  async remove(object: LiveObject | ObjectReference): Promise<void> {
    const reference = "metadata" in object ? referenceOf(object) : object;
    await this.server.delete(reference, undefined, reference.kind === "Pod" ? { gracePeriodSeconds: 1 } : {});
  }

  namespace(name: string): Promise<LiveObject | undefined> {
    return this.server.get({ apiVersion: "v1", kind: "Namespace", name });
  }

  /** The state of the mesh besides its policies. */
  health(request: HealthRequest, signal?: AbortSignal): Promise<HealthFinding[]> {
    return meshHealth(request, { server: this.server, signal });
  }

  /** What istioctl finds, which may take a minute. */
  analysis(telemetries: readonly LiveObject[], signal?: AbortSignal): Promise<HealthFinding[]> {
    return analysisFindings(this.server.kubeConfig.exportConfig(), { telemetries, signal });
  }

  /** The certificate in a Secret, PEM; undefined where there is none that the login may read. */
  async certificate(namespace: string, name: string): Promise<string | undefined> {
    const secret = { apiVersion: "v1", kind: "Secret", namespace, name };
    return secretText(await ifAllowed(this.server.get(secret), undefined), "tls.crt");
  }

  /** Content of a pull secret of the root namespace, in base64; undefined where there is none. */
  async pullSecret(name: string): Promise<string | undefined> {
    const secret = { apiVersion: "v1", kind: "Secret", namespace: rootNamespace, name };
    return dataOf(await this.server.get(secret), ".dockerconfigjson");
  }
}

interface ContainerState {
  readonly name: string;
  readonly ready?: boolean;
  readonly state?: Readonly<
    Record<string, { readonly reason?: string; readonly message?: string; readonly startedAt?: string } | undefined>
  >;
}

interface EphemeralContainer {
  readonly name: string;
  readonly image: string;
  readonly command?: readonly string[];
}

function meshPod(pod: LiveObject) {
  const { status = {}, metadata } = pod;
  const states = ["containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"].flatMap(
    (field) => (own(status, field) ?? []) as ContainerState[],
  );
  const { name, namespace, labels, phase, ready, deleting, ended, waitingFor, redirected } = readPod(pod);
  const { ephemeralContainers = [] } = (pod.spec ?? {}) as { ephemeralContainers?: readonly EphemeralContainer[] };
  return {
    ...{ name, namespace, labels, phase, ready, deleting, ended, waitingFor, redirected },
    addresses: ((status.podIPs ?? []) as { ip: string }[]).map(({ ip }) => ip),
    nodeAddress: (status.hostIP ?? "") as string,
    /** Names of containers of its specification, without ephemeral ones. */
    containers: containersOf(pod.spec).map((container) => container.name),
    running: states.filter(({ state }) => state?.running !== undefined).map((container) => container.name),
    containersReady: states.filter((container) => container.ready === true).map((container) => container.name),
    /** Why containers do not run, by name. */
    waiting: new Map(
      states.flatMap((container) => {
        const why = container.state?.waiting ?? container.state?.terminated;
        return why ? [[container.name, why.message ?? why.reason ?? "waiting"] as const] : [];
      }),
    ),
    /** What a pod in its place needs. */
    placement: placementOf(pod.spec),
    /** Clients in it, of any run; `startedAt` of those that run. */
    ephemeral: ephemeralContainers
      .filter((container) => container.name.startsWith(ephemeralPrefix))
      .map(({ name: of, image, command = [] }) => {
        const startedAt = states.find((state) => state.name === of)?.state?.running?.startedAt;
        return { name: of, image, command, startedAt };
      }),
    owners: (metadata.ownerReferences ?? []).map((owner) => `${owner.kind} ${owner.name}`),
  };
}
