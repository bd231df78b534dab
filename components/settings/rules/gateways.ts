import type { Problem } from "../errors";
import type { GatewayDeploymentSettings, GatewaysSettings } from "../sections/gateways";
import { duplicates, type Entry } from "./duplicates";
import { namespaceProblems } from "./namespaces";
import { rule } from "./rule";

/** Port numbers the gateway chart's Service has where the settings name none. */
const defaultPorts = { status: 15021, http: 80, https: 443 } as const;

function configured(gateways: GatewaysSettings): [name: string, gateway: GatewayDeploymentSettings][] {
  return Object.entries(gateways).flatMap(([name, gateway]) => (gateway ? [[name, gateway]] : []));
}

function nodePorts(gateways: GatewaysSettings): Entry[] {
  return configured(gateways).flatMap(([name, { ports }]) =>
    Object.entries(ports).flatMap(([key, given]) =>
      given?.nodePort === undefined
        ? []
        : [{ path: ["gateways", name, "ports", key, "nodePort"], key: given.nodePort }],
    ),
  );
}

function* portProblems(name: string, { ports, serviceType }: GatewayDeploymentSettings): Iterable<Problem> {
  const path = ["gateways", name, "ports"];
  const numbers = Object.entries(defaultPorts).map(([key, port]) => ({
    path: [...path, key, "port"],
    key: ports[key as keyof typeof defaultPorts]?.port ?? port,
  }));
  yield* duplicates(numbers, "port");
  if (serviceType !== "ClusterIP") return;
  for (const [key, given] of Object.entries(ports)) {
    if (given?.nodePort === undefined) continue;
    yield { path: [...path, key, "nodePort"], message: "a Service of type ClusterIP has none; remove it" };
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
  }
}

function* tlsProblems(name: string, { tls }: GatewayDeploymentSettings, environment: string): Iterable<Problem> {
  const path = ["gateways", name, "tls"];
  if (!tls) return;
  const given = [tls.certificate, tls.privateKey].filter((value) => value !== undefined).length;
  if (tls.selfSigned ? given > 0 : given < 2) {
    yield { path, message: "expected both certificate and privateKey, or selfSigned: true" };
  }
  if (tls.selfSigned && environment !== "dev") {
    yield {
      path: [...path, "selfSigned"],
      message: `found true; environment ${environment} expected a certificate of your own`,
    };
  }
}

export const gatewayRules = [
  rule(["gateways"], function* ({ gateways }) {
    yield* duplicates(nodePorts(gateways), "nodePort");
    for (const [name, gateway] of configured(gateways)) {
      if (gateway.namespace !== undefined) {
        yield* namespaceProblems(["gateways", name, "namespace"], gateway.namespace, "program");
      }
      yield* portProblems(name, gateway);
      yield* replicaProblems(name, gateway);
      if (gateway.loadBalancerTimeout !== undefined && gateway.serviceType !== "LoadBalancer") {
        yield {
          path: ["gateways", name, "loadBalancerTimeout"],
          message: `goes with serviceType LoadBalancer only; found ${gateway.serviceType}`,
        };
      }
    }
  }),
  rule(["gateways", "applications"], function* ({ gateways, applications = [] }) {
    for (const [name, gateway] of configured(gateways)) {
      const namespace = gateway.namespace ?? `istio-${name}`;
      if (!applications.some((application) => application.namespace === namespace)) continue;
      yield {
        path: ["gateways", name, "namespace"],
        message: `found ${namespace}, a namespace of talos-mesh:applications, which others deploy; expected one of your own`,
      };
    }
  }),
  rule(["environment", "gateways"], function* ({ environment, gateways }) {
    for (const [name, gateway] of configured(gateways)) yield* tlsProblems(name, gateway, environment);
  }),
];
