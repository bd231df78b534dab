import type { Problem, SettingPath } from "../../shared/problem";
import type { GatewayDeploymentSettings, GatewaysSettings } from "../../settings/sections/gateways";
import { duplicates, type Entry } from "./duplicates";
import { gatewayTlsProblems, idlePassthrough } from "./gateway-tls";
import { namespaceProblems } from "./namespaces";
import { rule } from "./rule";

/** Port numbers the gateway chart's Service has where the settings name none, and the names it gives them. */
const ownPorts = {
  status: { name: "status-port", port: 15021 },
  http: { name: "http2", port: 80 },
  https: { name: "https", port: 443 },
} as const;

/** Where each port of the settings stands, and the number that nodes open for it. */
function givenPorts(
  name: string,
  { ports, extraPorts }: GatewayDeploymentSettings,
): { readonly path: SettingPath; readonly nodePort: number | undefined }[] {
  return [
    ...Object.entries(ports).map(([key, given]) => ({ path: ["ports", key], nodePort: given?.nodePort })),
    ...Object.entries(extraPorts).map(([key, { nodePort }]) => ({ path: ["extraPorts", key], nodePort })),
  ].map(({ path, nodePort }) => ({ path: ["gateways", name, ...path, "nodePort"], nodePort }));
}

function nodePorts(gateways: GatewaysSettings): Entry[] {
  return Object.entries(gateways).flatMap(([name, gateway]) =>
    givenPorts(name, gateway).flatMap(({ path, nodePort }) =>
      nodePort === undefined ? [] : [{ path, key: nodePort }],
    ),
  );
}

function* portProblems(name: string, gateway: GatewayDeploymentSettings): Iterable<Problem> {
  const { ports, extraPorts, serviceType } = gateway;
  const path = ["gateways", name];
  const numbers = [
    ...Object.entries(ownPorts).map(([key, { port }]) => ({
      path: [...path, "ports", key, "port"],
      key: ports[key as keyof typeof ownPorts]?.port ?? port,
    })),
    ...Object.entries(extraPorts).map(([key, { port }]) => ({ path: [...path, "extraPorts", key, "port"], key: port })),
  ];
  yield* duplicates(numbers, "port");
  for (const [key, { name: taken }] of Object.entries(ownPorts)) {
    if (!extraPorts[taken]) continue;
    yield { path: [...path, "extraPorts", taken], message: `every gateway has a port of this name; set ports.${key}` };
  }
  if (serviceType !== "ClusterIP") return;
  for (const { path, nodePort } of givenPorts(name, gateway)) {
    if (nodePort !== undefined) yield { path, message: "a Service of type ClusterIP has none; remove it" };
  }
}

function* replicaProblems(name: string, gateway: GatewayDeploymentSettings): Iterable<Problem> {
  const path = ["gateways", name];
  const { autoscale, replicas, podDisruptionBudget } = gateway;
  if (autoscale && replicas !== undefined) {
    yield { path: [...path, "replicas"], message: "autoscale decides the number of replicas; remove one of the two" };
  }
  if (autoscale && autoscale.min > autoscale.max) {
    yield {
      path: [...path, "autoscale", "min"],
      message: `found ${autoscale.min}; expected at most max, ${autoscale.max}`,
    };
  }
  const fewest = autoscale?.min ?? replicas ?? 1;
  if (podDisruptionBudget && podDisruptionBudget.minAvailable >= fewest) {
    yield {
      path: [...path, "podDisruptionBudget", "minAvailable"],
      message: `found ${podDisruptionBudget.minAvailable} of ${fewest} replicas, so that no node could be drained; expected fewer`,
    };
  } else if (podDisruptionBudget && fewest < 2) {
    yield {
      path: [...path, "podDisruptionBudget"],
      message: "the chart makes none for a single replica; set replicas: 2, or remove it",
    };
  }
}

/** Settings that hold for some types of Service only. */
function* serviceTypeProblems(name: string, gateway: GatewayDeploymentSettings): Iterable<Problem> {
  const { serviceType } = gateway;
  for (const key of ["loadBalancerTimeout", "loadBalancerClass"] as const) {
    if (gateway[key] === undefined || serviceType === "LoadBalancer") continue;
    yield { path: ["gateways", name, key], message: `goes with serviceType LoadBalancer only; found ${serviceType}` };
  }
  if (gateway.externalTrafficPolicy && serviceType === "ClusterIP") {
    yield {
      path: ["gateways", name, "externalTrafficPolicy"],
      message: "a Service of type ClusterIP gets no traffic from outside; remove it",
    };
  }
}

export const gatewayRules = [
  rule(["gateways"], function* ({ gateways }) {
    yield* duplicates(nodePorts(gateways), "nodePort");
    for (const [name, gateway] of Object.entries(gateways)) {
      const { namespace } = gateway;
      if (namespace !== undefined) yield* namespaceProblems(["gateways", name, "namespace"], namespace, "program");
      else yield* namespaceProblems(["gateways", name], `istio-${name}`, "program");
      yield* portProblems(name, gateway);
      yield* replicaProblems(name, gateway);
      yield* serviceTypeProblems(name, gateway);
    }
  }),
  rule(["gateways", "applications"], function* ({ gateways, applications = [] }) {
    for (const [name, gateway] of Object.entries(gateways)) {
      const namespace = gateway.namespace ?? `istio-${name}`;
      if (!applications.some((application) => application.namespace === namespace)) continue;
      yield {
        path: ["gateways", name, "namespace"],
        message: `found ${namespace}, a namespace of talos-mesh:applications, which others deploy; expected one of your own`,
      };
    }
  }),
  rule(["cluster", "gateways", "platform"], function* ({ cluster, gateways, platform }) {
    for (const [name, { autoscale, serviceType }] of Object.entries(gateways)) {
      // Nothing is known of what an existing cluster has, and simulated nodes carry no load.
      if (autoscale && (cluster.kind === "talos" || cluster.kind === "docker") && platform.metricsServer !== true) {
        yield {
          path: ["gateways", name, "autoscale"],
          message: "scales by what metrics-server measures; set talos-mesh:platform.metricsServer: true",
        };
      }
      if (serviceType === "LoadBalancer" && (cluster.kind === "embedded" || cluster.kind === "docker")) {
        yield {
          path: ["gateways", name, "serviceType"],
          message: `found LoadBalancer; a cluster of kind ${cluster.kind} has no load balancer; expected one of: NodePort, ClusterIP`,
        };
      }
    }
  }),
  rule(["environment", "gateways"], function* ({ environment, gateways }) {
    for (const [name, { tls }] of Object.entries(gateways)) {
      if (tls) yield* gatewayTlsProblems(["gateways", name, "tls"], tls, environment);
    }
  }),
  rule(["gateways", "traffic", "objects"], idlePassthrough),
];
