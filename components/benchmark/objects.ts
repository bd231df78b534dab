import { benchmarkNamespace } from "../model/benchmark-scenarios";
import type { KubernetesObject } from "../shared/kubernetes/object";
import { hasSchedule, type Scenario } from "./metrics/record";
import type { BenchmarkPlan } from "./plan/plan";

/** Everything of a benchmark has this label, and so can be found and removed. */
export const ownLabel = { "app.kubernetes.io/managed-by": "talos-mesh-benchmark" } as const;

export function namespaceOf(scenario: Scenario): string {
  return `${benchmarkNamespace}${scenario}`;
}

/** Ports of the server, each with the protocol in its name: a mesh treats one without as TCP. */
export const ports = { http: 8080, grpc: 8079, "tcp-echo": 8078, "tcp-iperf3": 5201, "http-details": 9080 } as const;

/** The folder that the containers of a client share: fortio's image has no shell, and its log must be fetched. */
export const workFolder = "/work";

export interface Places {
  readonly clientNode: string;
  readonly serverNode: string;
  /** Of the control plane whose proxies are measured. @default the default one */
  readonly revision?: string;
  /** How images are pulled. @default as Kubernetes does, without secrets */
  readonly pull?: Pull;
}

export interface Pull {
  readonly policy?: string;
  /** Contents of Secrets of type `kubernetes.io/dockerconfigjson`, in base64, by name. */
  readonly secrets: Readonly<Record<string, string>>;
}

/** An object of any kind, as the API server takes it. */
type AnyObject = KubernetesObject & Readonly<Record<string, unknown>>;

/** What a scenario consists of, in the order in which it is made. */
export function scenarioObjects(scenario: Scenario, plan: BenchmarkPlan, places: Places): AnyObject[] {
  const namespace = namespaceOf(scenario);
  const near = plan.arms.some(({ placement }) => placement === "same-node");
  return [
    {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: namespace, labels: { ...ownLabel, ...meshLabels(scenario, places.revision), ...podSecurity } },
      spec: {},
    },
    ...Object.entries(places.pull?.secrets ?? {}).map(([name, content]) => ({
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name, namespace, labels: ownLabel },
      type: "kubernetes.io/dockerconfigjson",
      data: { ".dockerconfigjson": content },
      spec: undefined,
    })),
    ...(["client", "server"] as const).map((name) => ({
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: { name, namespace, labels: ownLabel },
      automountServiceAccountToken: false,
      spec: undefined,
    })),
    ...(scenario === "waypoint" ? waypoint(namespace, places) : []),
    service(namespace, plan),
    deployment("server", namespace, places.serverNode, plan, places.pull),
    deployment("client", namespace, places.clientNode, plan, places.pull),
    ...(near ? [deployment("client-near", namespace, places.serverNode, plan, places.pull)] : []),
  ];
}

const podSecurity = { "pod-security.kubernetes.io/enforce": "baseline" };

function meshLabels(scenario: Scenario, revision: string | undefined): Record<string, string> {
  switch (scenario) {
    case "sidecar":
      return revision === undefined ? { "istio-injection": "enabled" } : { "istio.io/rev": revision };
    case "ambient":
      return { "istio.io/dataplane-mode": "ambient" };
    case "waypoint":
      return { "istio.io/dataplane-mode": "ambient", "istio.io/use-waypoint": "waypoint" };
    case "none":
    case "control":
      return { "istio-injection": "disabled", "istio.io/dataplane-mode": "none" };
  }
}

/**
 * A waypoint for what is addressed to Services, beside the server: left to the scheduler, it would be near or far from
 * run to run, and that decides its latency. https://istio.io/latest/docs/ambient/usage/waypoint/
 */
function waypoint(namespace: string, { revision, serverNode }: Places): AnyObject[] {
  const name = "waypoint";
  const pinned = { spec: { replicas: 1, template: { spec: onNode(serverNode) } } };
  const labels = {
    ...ownLabel,
    "istio.io/waypoint-for": "service",
    ...(revision !== undefined && { "istio.io/rev": revision }),
  };
  return [
    {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name, namespace, labels: ownLabel },
      data: { deployment: JSON.stringify(pinned) },
      spec: undefined,
    },
    {
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "Gateway",
      metadata: { name, namespace, labels },
      spec: {
        gatewayClassName: "istio-waypoint",
        infrastructure: { parametersRef: { group: "", kind: "ConfigMap", name } },
        listeners: [{ name: "mesh", port: 15008, protocol: "HBONE" }],
      },
    },
  ];
}

/** By its name: the label `kubernetes.io/hostname` may be another. */
function onNode(node: string) {
  const nodeSelectorTerms = [{ matchFields: [{ key: "metadata.name", operator: "In", values: [node] }] }];
  return { affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } } };
}

function service(namespace: string, { target }: BenchmarkPlan): AnyObject {
  const offered = Object.entries(ports).filter(([name]) => target === "details" || name !== "http-details");
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "server", namespace, labels: ownLabel },
    spec: {
      selector: { app: "server" },
      ports: offered.map(([name, port]) => ({ name, port, targetPort: port })),
    },
  };
}

/** One pod on one node. It is recreated, never doubled: a second one would share the load. */
function deployment(name: string, namespace: string, node: string, plan: BenchmarkPlan, pull?: Pull): AnyObject {
  const role = name === "server" ? "server" : "client";
  const details = role === "server" && plan.target === "details";
  const imagePullPolicy = pull?.policy ?? "IfNotPresent";
  const imagePullSecrets = Object.keys(pull?.secrets ?? {}).map((secret) => ({ name: secret }));
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace, labels: ownLabel },
    spec: {
      replicas: 1,
      strategy: { type: "Recreate" },
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name, ...ownLabel } },
        spec: {
          serviceAccountName: role,
          automountServiceAccountToken: false,
          ...(imagePullSecrets.length > 0 && { imagePullSecrets }),
          ...onNode(node),
          terminationGracePeriodSeconds: 1,
          securityContext: {
            ...{ runAsNonRoot: true, runAsUser: 65532, runAsGroup: 65532, fsGroup: 65532 },
            seccompProfile: { type: "RuntimeDefault" },
          },
          containers: [
            container("fortio", plan.images.fortio, ports.http, fortioServer),
            container("iperf3", plan.images.iperf3, ports["tcp-iperf3"], ["iperf3", "-s"]),
            ...(details ? [container("details", plan.images.details, ports["http-details"])] : []),
          ].map((each) => ({ ...each, imagePullPolicy })),
          // In memory: writing a log to a disk would be a part of what is measured.
          volumes: [{ name: "work", emptyDir: { medium: "Memory", sizeLimit: workSize(plan) } }],
        },
      },
    },
  };
}

const fortioServer = [
  ...["/usr/bin/fortio", "server", "-http-port", String(ports.http), "-grpc-port", String(ports.grpc)],
  ...["-tcp-port", String(ports["tcp-echo"]), "-udp-port", "disabled", "-redirect-port", "disabled"],
  ...["-data-dir", workFolder, "-config-dir", ""],
];

/**
 * Without any, pods would be of class BestEffort where they have no sidecar and Burstable where they have one, and a node
 * that is short of processors would treat them differently. Small, as all scenarios are there at once; no limits, as these
 * would be measured.
 */
const resources = { requests: { cpu: "25m", memory: "32Mi" } } as const;

function container(name: string, image: string, port: number, command?: readonly string[]) {
  return {
    ...{ name, image },
    ...(command && { command: [...command] }),
    ports: [{ containerPort: port }],
    resources,
    // None for iperf3: a probe would be its one client, and turn away the one that measures.
    ...(name !== "iperf3" && { readinessProbe: { tcpSocket: { port }, periodSeconds: 10 } }),
    securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
    volumeMounts: [{ name: "work", mountPath: workFolder }],
  };
}

/** Bytes of a line of fortio's access log, with room to spare. */
const logLine = 160;

function workSize({ arms }: BenchmarkPlan): string {
  const lines = arms.map((arm) => (hasSchedule(arm) ? arm.qps * arm.seconds : 0));
  return `${16 + Math.ceil((logLine * Math.max(0, ...lines)) / 2 ** 20)}Mi`;
}
