import { benchmarkNamespace } from "../model/benchmark-scenarios";
import type { ApplyObject } from "../shared/kubernetes/object";
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

/** The objects of a scenario, in the order in which they are created. */
export function scenarioObjects(scenario: Scenario, plan: BenchmarkPlan, options: ScenarioOptions): ApplyObject[] {
  const name = namespaceOf(scenario);
  const { clientNode, serverNode, revision, pull } = options;
  const hasNearClient = plan.arms.some(({ placement }) => placement === "same-node");
  const labels = { ...ownLabel, ...meshLabels(scenario, revision), "pod-security.kubernetes.io/enforce": "baseline" };
  return [
    { apiVersion: "v1", kind: "Namespace", metadata: { name, labels }, spec: {} },
    ...Object.entries(pull?.secrets ?? {}).map(([secret, content]) =>
      object("v1", "Secret", secret, name, {
        type: "kubernetes.io/dockerconfigjson",
        data: { ".dockerconfigjson": content },
      }),
    ),
    ...["client", "server"].map((account) =>
      object("v1", "ServiceAccount", account, name, { automountServiceAccountToken: false }),
    ),
    ...(scenario === "waypoint" ? waypoint(name, options) : []),
    service(name, plan),
    deployment("server", name, serverNode, plan, pull),
    deployment("client", name, clientNode, plan, pull),
    ...(hasNearClient ? [deployment("client-near", name, serverNode, plan, pull)] : []),
  ];
}

function object(
  apiVersion: string,
  kind: string,
  name: string,
  namespace: string,
  fields: object,
  labels: Readonly<Record<string, string>> = {},
): ApplyObject {
  return {
    apiVersion,
    kind,
    metadata: { name, namespace, labels: { ...ownLabel, ...labels } },
    spec: undefined,
    ...fields,
  };
}

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
function waypoint(namespace: string, { revision, serverNode }: ScenarioOptions): ApplyObject[] {
  const name = "waypoint";
  const pinned = { spec: { replicas: 1, template: { spec: onNode(serverNode) } } };
  const labels = { "istio.io/waypoint-for": "service", ...(revision !== undefined && { "istio.io/rev": revision }) };
  const spec = {
    gatewayClassName: "istio-waypoint",
    infrastructure: { parametersRef: { group: "", kind: "ConfigMap", name } },
    listeners: [{ name: "mesh", port: 15008, protocol: "HBONE" }],
  };
  return [
    object("v1", "ConfigMap", name, namespace, { data: { deployment: JSON.stringify(pinned) } }),
    object("gateway.networking.k8s.io/v1", "Gateway", name, namespace, { spec }, labels),
  ];
}

/** By the node's name, from which its label `kubernetes.io/hostname` may differ. */
function onNode(node: string) {
  const nodeSelectorTerms = [{ matchFields: [{ key: "metadata.name", operator: "In", values: [node] }] }];
  return { affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } } };
}

function service(namespace: string, { target }: BenchmarkPlan): ApplyObject {
  const served = Object.entries(ports).filter(([name]) => target === "details" || name !== "http-details");
  const servicePorts = served.map(([name, port]) => ({ name, port, targetPort: port }));
  return object("v1", "Service", "server", namespace, { spec: { selector: { app: "server" }, ports: servicePorts } });
}

/** One pod on one node. An update replaces it, because two pods would share the load. */
function deployment(name: string, namespace: string, node: string, plan: BenchmarkPlan, pull?: Pull): ApplyObject {
  const { images, target } = plan;
  const role = name === "server" ? "server" : "client";
  const hasDetails = role === "server" && target === "details";
  const imagePullPolicy = pull?.policy ?? "IfNotPresent";
  const imagePullSecrets = Object.keys(pull?.secrets ?? {}).map((secret) => ({ name: secret }));
  const pod = {
    ...{ serviceAccountName: role, automountServiceAccountToken: false, terminationGracePeriodSeconds: 1 },
    ...(imagePullSecrets.length > 0 && { imagePullSecrets }),
    ...onNode(node),
    securityContext: {
      ...{ runAsNonRoot: true, runAsUser: 65532, runAsGroup: 65532, fsGroup: 65532 },
      seccompProfile: { type: "RuntimeDefault" },
    },
    containers: [
      container("fortio", images.fortio, ports.http, fortioServer),
      container("iperf3", images.iperf3, ports["tcp-iperf3"], ["iperf3", "-s"]),
      ...(hasDetails ? [container("details", images.details, ports["http-details"])] : []),
    ].map((each) => ({ ...each, imagePullPolicy })),
    // In memory: a log on disk would add to what is measured.
    volumes: [{ name: "work", emptyDir: { medium: "Memory", sizeLimit: workSize(plan) } }],
  };
  const spec = {
    ...{ replicas: 1, strategy: { type: "Recreate" }, selector: { matchLabels: { app: name } } },
    template: { metadata: { labels: { app: name, ...ownLabel } }, spec: pod },
  };
  return object("apps/v1", "Deployment", name, namespace, { spec });
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
