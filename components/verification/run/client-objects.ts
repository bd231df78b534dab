import {
  type ApplyObject,
  type LiveObject,
  managedBy,
  unprivileged,
  verificationManager,
} from "../../shared/kubernetes/object";
import { workloadKey } from "../../model/names";
import { digestOf } from "../../shared/digest";
import { strangerNamespaces } from "../access/clients";
import type { ProbeClient, ProbeTarget } from "../probe";
import { clientLabel, ephemeralPrefix } from "./cluster";
import { fittedResources, type Placement, type Resources } from "./placement";
import type { RunPlan, RunWorkload } from "./run-plan";

/** The objects of clients, and of witnesses: pods of ours that answer. */

/** Container of a client's pod, in which requests are sent. */
export const clientContainer = "client";

type Labels = Readonly<Record<string, string>>;

export const witnessPort = 8080;

export const ownLabel = { [managedBy]: verificationManager };

/** Of every client. */
export const clientLabels = { ...ownLabel, [clientLabel]: "true" };

export function clientKey(client: ProbeClient): string {
  switch (client.kind) {
    case "workload":
      return workloadKey(client);
    case "stranger":
      return `stranger (${client.dataPlane})`;
    case "outside":
      return "outside";
  }
}

export function strangerNamespace(client: Exclude<ProbeClient, { kind: "workload" }>): string {
  return client.kind === "stranger" ? strangerNamespaces[client.dataPlane] : strangerNamespaces.outside;
}

/** A namespace of ours, and in it the secrets with which its pods are pulled. */
export function namespaceObjects(name: string, labels: Labels, secrets: ReadonlyMap<string, string>): ApplyObject[] {
  const security = { "pod-security.kubernetes.io/enforce": "baseline" };
  return [
    {
      ...{ apiVersion: "v1", kind: "Namespace", spec: {} },
      metadata: { name, labels: { ...ownLabel, ...labels, ...security } },
    },
    ...[...secrets].map(([secret, content]) => ({
      ...{ apiVersion: "v1", kind: "Secret", type: "kubernetes.io/dockerconfigjson", spec: undefined },
      metadata: { name: secret, namespace: name, labels: ownLabel },
      data: { ".dockerconfigjson": content },
    })),
  ];
}

export interface PodOptions extends Pick<RunPlan, "image" | "pull"> {
  /** After which Kubernetes ends it: a run may be killed. */
  readonly seconds: number;
  /** Where it runs. @default anywhere */
  readonly placement?: Placement;
  /** Of its namespace. */
  readonly limitRanges?: readonly LiveObject[];
  /** @default the cluster's own */
  readonly priorityClassName?: string;
}

/** A client waits for room, and makes none by ending pods of a lower priority. */
export const priorityClass = {
  apiVersion: "scheduling.k8s.io/v1",
  kind: "PriorityClass",
  metadata: { name: verificationManager, labels: ownLabel },
  value: 0,
  preemptionPolicy: "Never",
  description: "Clients of talos-mesh:verification, while it runs.",
  spec: undefined,
};

/** All are named, as a ResourceQuota may demand each. Those of the sidecar are for one client, and less than by default. */
const wantedResources: Readonly<Record<"client" | "proxy", Resources>> = {
  client: { requests: { cpu: "10m", memory: "32Mi" }, limits: { cpu: "500m", memory: "128Mi" } },
  proxy: { requests: { cpu: "10m", memory: "64Mi" }, limits: { cpu: "1", memory: "1Gi" } },
};

const processFile = "/tmp/talos-mesh-probe.pid";

/** Waits to be ended, and for requests to be sent by `exec`. */
export const waiting = (seconds: number) => [
  ...["/bin/sh", "-c"],
  `echo $$ > ${processFile}; trap 'exit 0' TERM; sleep ${Math.ceil(seconds)} & wait`,
];

/** Ends what waits. Process 1 may be the pod's own, where its containers share their processes. */
export const ending = ["/bin/sh", "-c", `kill -TERM "$(cat ${processFile})"`];

export function workloadPod(
  { name, namespace, labels, serviceAccount }: RunWorkload,
  injection: Labels,
  options: PodOptions,
): ApplyObject {
  const pod = { name: podName(name), namespace, labels: { ...ownLabel, ...injection, ...labels } };
  return clientPod(pod, { serviceAccountName: serviceAccount }, options);
}

export function strangerPod(client: Exclude<ProbeClient, { kind: "workload" }>, options: PodOptions): ApplyObject {
  const namespace = strangerNamespace(client);
  const labels = { ...ownLabel, ...(client.kind === "outside" && { "sidecar.istio.io/inject": "false" }) };
  return clientPod({ name: podName(client.kind), namespace, labels }, {}, options);
}

type Witness = Extract<ProbeTarget, { kind: "witness" }>;

/** No name of a client: a workload may be called `witness`. */
export const witnessName = "talos-mesh-witness";

/** Answers 200 to any request, and reads it first: a connection that is closed with unread bytes is reset. */
const answer =
  'while read -r line && [ ${#line} -gt 1 ]; do :; done; printf "HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n"';

export function witnessObjects({ namespace, waypoint }: Witness, injection: Labels, options: PodOptions) {
  const labels = { ...ownLabel, ...injection, app: witnessName };
  const pod = clientPod({ name: witnessName, namespace, labels }, {}, options, [
    ...["/bin/nc", "-ll", "-p", String(witnessPort), "-e", "/bin/sh", "-c", answer],
  ]);
  const ports = [{ name: "http", port: witnessPort, targetPort: witnessPort }];
  const selector = { app: witnessName };
  const through: Labels = waypoint === undefined ? {} : { "istio.io/use-waypoint": waypoint };
  const metadata = { name: witnessName, namespace, labels: { ...ownLabel, [clientLabel]: "true", ...through } };
  const spec = { selector, ports, publishNotReadyAddresses: true };
  const service: ApplyObject = { apiVersion: "v1", kind: "Service", metadata, spec };
  return { pod, service };
}

function podName(title: string): string {
  const name = `talos-mesh-probe-${title}`;
  // Names of workloads may be as long, and begin alike.
  return name.length <= 63 ? name : `${name.slice(0, 56).replace(/[.-]+$/, "")}-${digestOf(title, 6)}`;
}

function clientPod(
  metadata: ApplyObject["metadata"],
  identity: Readonly<Record<string, unknown>>,
  { image, pull, seconds, placement, limitRanges = [], priorityClassName }: PodOptions,
  command = waiting(seconds),
): ApplyObject {
  const { tolerations = [], imagePullSecrets = [], hostNetwork, ...where } = placement ?? {};
  void hostNetwork; // there is no proxy in the network of a node
  // Secrets that there are not are left out by the node. Without any, those of the service account apply.
  const secrets = new Set([...imagePullSecrets.map(({ name }) => name), ...pull.secrets]);
  const proxy = fittedResources(wantedResources.proxy, limitRanges);
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      ...metadata,
      labels: { ...metadata.labels, [clientLabel]: "true" },
      annotations: {
        // The first request must not be faster than the sidecar.
        "proxy.istio.io/config": JSON.stringify({ holdApplicationUntilProxyStarts: true }),
        "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
        "sidecar.istio.io/proxyCPU": proxy.requests.cpu,
        "sidecar.istio.io/proxyMemory": proxy.requests.memory,
        "sidecar.istio.io/proxyCPULimit": proxy.limits.cpu,
        "sidecar.istio.io/proxyMemoryLimit": proxy.limits.memory,
      },
    },
    spec: {
      ...identity,
      ...where,
      ...(tolerations.length > 0 && { tolerations }),
      ...(secrets.size > 0 && { imagePullSecrets: [...secrets].map((name) => ({ name })) }),
      ...(priorityClassName !== undefined && { priorityClassName }),
      automountServiceAccountToken: false,
      restartPolicy: "Never",
      terminationGracePeriodSeconds: 1,
      activeDeadlineSeconds: Math.ceil(seconds),
      // No controller sets it, so that the pod is never ready and gets no traffic of the workload's Service.
      readinessGates: [{ conditionType: "talos-mesh/never-ready" }],
      securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
      // Names of Services are complete: without a search in every domain first.
      dnsConfig: { options: [{ name: "ndots", value: "1" }] },
      containers: [
        {
          ...container(clientContainer, image, pull, command),
          resources: fittedResources(wantedResources.client, limitRanges),
        },
      ],
    },
  };
}

function container(name: string, image: string, pull: RunPlan["pull"], command: readonly string[]) {
  // Not the user of the sidecar, whose traffic is not redirected.
  const securityContext = { ...unprivileged, runAsNonRoot: true, runAsUser: 65532 };
  return { name, image, imagePullPolicy: pull.policy, command: [...command], securityContext };
}

/** Seconds for which a container waits for requests of later runs as well: none can be removed from its pod. */
export const ephemeralSeconds = 24 * 3600;

export function ephemeralContainer(run: string, { image, pull }: Pick<RunPlan, "image" | "pull">) {
  return container(`${ephemeralPrefix}${digestOf(run, 6)}`, image, pull, waiting(ephemeralSeconds));
}
