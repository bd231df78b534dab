import { benchmarkNamespace } from "../model/benchmark-scenarios";
import type { KubernetesObject } from "../shared/kubernetes/object";
import { hasSchedule, type Scenario } from "./metrics/record";
import type { BenchmarkPlan } from "./plan/plan";

/** Label of everything that a benchmark creates, by which it is found and removed. */
export const ownLabel = { "app.kubernetes.io/managed-by": "talos-mesh-benchmark" } as const;

export function namespaceOf(scenario: Scenario): string {
  return `${benchmarkNamespace}${scenario}`;
}

/** Ports of the server. The names begin with the protocol; Istio treats others as TCP. */
export const ports = { http: 8080, grpc: 8079, "tcp-echo": 8078, "tcp-iperf3": 5201, "http-details": 9080 } as const;

/** A volume that the containers of a client share: fortio writes its log there, and a container with a shell reads it. */
export const workFolder = "/work";

export interface ScenarioOptions {
  readonly clientNode: string;
  readonly serverNode: string;
  /** Revision of the control plane whose proxies are measured. @default the default one */
  readonly revision?: string;
  /** @default pull policy IfNotPresent, without secrets */
  readonly pull?: Pull;
}

export interface Pull {
  readonly policy?: string;
  /** Base64 contents of Secrets of type `kubernetes.io/dockerconfigjson`, by name. */
  readonly secrets: Readonly<Record<string, string>>;
}

/** An object of any kind. */
type AnyObject = KubernetesObject & Readonly<Record<string, unknown>>;

/** The objects of a scenario, in the order in which they are created. */
export function scenarioObjects(scenario: Scenario, plan: BenchmarkPlan, options: ScenarioOptions): AnyObject[] {
  const namespace = namespaceOf(scenario);
  const near = plan.arms.some(({ placement }) => placement === "same-node");
  return [
    {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: namespace, labels: { ...ownLabel, ...meshLabels(scenario, options.revision), ...podSecurity } },
      spec: {},
    },
    ...Object.entries(options.pull?.secrets ?? {}).map(([name, content]) => ({
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
    ...(scenario === "waypoint" ? waypoint(namespace, options) : []),
    service(namespace, plan),
    deployment("server", namespace, options.serverNode, plan, options.pull),
    deployment("client", namespace, options.clientNode, plan, options.pull),
    ...(near ? [deployment("client-near", namespace, options.serverNode, plan, options.pull)] : []),
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
 * A waypoint for Services, on the server's node: placed by the scheduler, it could be on another node in every run, and its
 * latency with it. https://istio.io/latest/docs/ambient/usage/waypoint/
 */
function waypoint(namespace: string, { revision, serverNode }: ScenarioOptions): AnyObject[] {
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

/** By the node's name, from which its label `kubernetes.io/hostname` may differ. */
function onNode(node: string) {
  const nodeSelectorTerms = [{ matchFields: [{ key: "metadata.name", operator: "In", values: [node] }] }];
  return { affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } } };
}

function service(namespace: string, { target }: BenchmarkPlan): AnyObject {
  const served = Object.entries(ports).filter(([name]) => target === "details" || name !== "http-details");
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "server", namespace, labels: ownLabel },
    spec: {
      selector: { app: "server" },
      ports: served.map(([name, port]) => ({ name, port, targetPort: port })),
    },
  };
}

/** One pod on one node. An update replaces it, because two pods would share the load. */
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
          // In memory: a log on disk would add to what is measured.
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
 * Without requests, pods without a sidecar would be of class BestEffort and those with one Burstable, which a busy node
 * treats differently. Small, because all scenarios are deployed at once; without limits, because those would be measured.
 */
const resources = { requests: { cpu: "25m", memory: "32Mi" } } as const;

function container(name: string, image: string, port: number, command?: readonly string[]) {
  return {
    ...{ name, image },
    ...(command && { command: [...command] }),
    ports: [{ containerPort: port }],
    resources,
    // Not for iperf3, which serves one client at a time: a probe would keep out the load generator.
    ...(name !== "iperf3" && { readinessProbe: { tcpSocket: { port }, periodSeconds: 10 } }),
    securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
    volumeMounts: [{ name: "work", mountPath: workFolder }],
  };
}

/** Upper limit of a line of fortio's access log, in bytes. */
const logLine = 160;

function workSize({ arms }: BenchmarkPlan): string {
  const lines = arms.map((arm) => (hasSchedule(arm) ? arm.qps * arm.seconds : 0));
  return `${16 + Math.ceil((logLine * Math.max(0, ...lines)) / 2 ** 20)}Mi`;
}
