import { readFileSync } from "node:fs";
import path from "node:path";
import { parseAllDocuments } from "yaml";
import { benchmarkNamespace } from "../model/data-planes";
import { type ApplyObject, managedBy } from "../shared/kubernetes/object";
import { hasSchedule, type Scenario } from "./metrics/record";
import type { BenchmarkPlan } from "./plan/plan";
import { own } from "../shared/own";

/** Value of the label of everything that a benchmark creates, by which it is found and removed. */
export const benchmarkManager = "talos-mesh-benchmark";
export const ownLabel = { [managedBy]: benchmarkManager };

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
  readonly pull?: Pull;
}

export interface Pull {
  readonly policy?: string;
  /** Base64 contents of Secrets of type `kubernetes.io/dockerconfigjson`, by name. */
  readonly secrets: Readonly<Record<string, string>>;
}

/** In the order in which they are created. */
export function scenarioObjects(scenario: Scenario, plan: BenchmarkPlan, options: ScenarioOptions): ApplyObject[] {
  const { clientNode, serverNode, revision, pull } = options;
  const servicePorts = Object.entries(ports)
    .filter(([name]) => plan.target === "details" || name !== "http-details")
    .map(([name, port]) => ({ name, port, targetPort: port }));
  const gatewayLabels = { "istio.io/waypoint-for": "service", ...(revision && { "istio.io/rev": revision }) };
  const hasNearClient = plan.arms.some(({ placement }) => placement === "same-node");
  const objects = [
    ...Object.entries(pull?.secrets ?? {}).flatMap(([name, content]) => manifests(["Secret"], { name, content })),
    ...manifests(["ServiceAccount", "Service"], { ports: servicePorts }),
    ...(scenario === "waypoint" ? manifests(["ConfigMap", "Gateway"], { serverNode, labels: gatewayLabels }) : []),
    ...deployment("server", serverNode, plan, pull),
    ...deployment("client", clientNode, plan, pull),
    ...(hasNearClient ? deployment("client-near", serverNode, plan, pull) : []),
  ];
  const namespace = namespaceOf(scenario);
  const labels = { ...ownLabel, ...meshLabels(scenario, revision), "pod-security.kubernetes.io/enforce": "baseline" };
  return [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace, labels }, spec: {} },
    ...objects.map(({ metadata, ...object }) => ({
      ...object,
      metadata: { ...metadata, namespace, labels: { ...ownLabel, ...metadata.labels } },
    })),
  ];
}

/** The objects of these kinds in scenario.yaml, with the values that it names as `$name`. */
function manifests(kinds: readonly string[], values: Readonly<Record<string, unknown>>): ApplyObject[] {
  const text = readFileSync(path.join(__dirname, "scenario.yaml"), "utf8");
  const filled = text.replace(/("?)\$([\w-]+)\1/g, (_, quote: string, name: string) =>
    JSON.stringify(quote ? String(own(values, name)) : own(values, name)),
  );
  return parseAllDocuments(filled)
    .map((document) => document.toJS() as ApplyObject)
    .filter(({ kind }) => kinds.includes(kind));
}

function meshLabels(scenario: Scenario, revision: string | undefined): Record<string, string> {
  const injected: Record<string, string> =
    revision === undefined ? { "istio-injection": "enabled" } : { "istio.io/rev": revision };
  const ambient = { "istio.io/dataplane-mode": "ambient" };
  const none = { "istio-injection": "disabled", "istio.io/dataplane-mode": "none" };
  const waypoint = { ...ambient, "istio.io/use-waypoint": "waypoint" };
  return { none, control: none, sidecar: injected, ambient, waypoint }[scenario];
}

function deployment(name: string, node: string, plan: BenchmarkPlan, pull?: Pull): ApplyObject[] {
  const role = name === "server" ? "server" : "client";
  const pullSecrets = Object.keys(pull?.secrets ?? {}).map((secret) => ({ name: secret }));
  const pullPolicy = pull?.policy ?? "IfNotPresent";
  const values = { name, node, role, pullSecrets, pullPolicy, workSize: workSize(plan), ...ports, ...plan.images };
  return manifests(["Deployment"], values).map((object) => {
    const { spec: pod } = (object.spec as { template: { spec: { containers: { name: string }[] } } }).template;
    const hasDetails = role === "server" && plan.target === "details";
    pod.containers = pod.containers.filter((container) => hasDetails || container.name !== "details");
    return object;
  });
}

/** Upper limit of a line of fortio's access log, in bytes. */
const logLine = 160;

function workSize({ arms }: BenchmarkPlan): string {
  const lines = arms.map((arm) => (hasSchedule(arm) ? arm.qps * arm.seconds : 0));
  return `${16 + Math.ceil((logLine * Math.max(0, ...lines)) / 2 ** 20)}Mi`;
}
