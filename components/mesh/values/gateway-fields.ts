import { stringify } from "yaml";
import { gatewayPorts, openPorts, plainHttp } from "../../model/gateways";
import type { GatewayDeploymentSettings } from "../../settings/sections/gateways";
import type { HelmValues } from "../../shared/helm-release";
import type { Refusal } from "../../shared/problem";
import { knownEntries } from "../../shared/unknown";

export interface Gateway {
  readonly settings: GatewayDeploymentSettings;
  /** Labels of its pods. */
  readonly selector: Readonly<Record<string, string>>;
}

/** The effect of a field of `talos-mesh:gateways.<name>`. */
export interface GatewayField<Value> {
  /** Values of the gateway chart. */
  chart?(value: Value, gateway: Gateway): HelmValues;
  /** Overlays that istiod merges over the objects that it creates from a Gateway of the Gateway API. */
  gatewayApi?(value: Value, gateway: Gateway): Overlays;
  /** The object that istiod creates for the field, and does not delete when the field is no longer set. */
  readonly leaves?: "HorizontalPodAutoscaler" | "PodDisruptionBudget";
  /** Whether it is for a gateway of kind existing: only for it, or also. @default neither */
  readonly ofExisting?: "only" | "also";
  /** Why a value is refused next to other fields of the gateway. */
  readonly refusals?: readonly FieldCheck<Value>[];
}

export type FieldCheck<Value> = (value: Value, gateway: GatewayDeploymentSettings) => Refusal;

export const overlayKinds = ["service", "deployment", "horizontalPodAutoscaler", "podDisruptionBudget"] as const;

/** Lists are merged by their keys, so that an overlay contains only what differs. */
export type Overlays = { readonly [Kind in (typeof overlayKinds)[number]]?: HelmValues };

/** In the order in which values and overlays list them. */
export const fields: {
  readonly [Name in keyof GatewayDeploymentSettings]-?: GatewayField<NonNullable<GatewayDeploymentSettings[Name]>>;
} = {
  kind: { ofExisting: "also" },
  namespace: { ofExisting: "also" },
  selector: { ofExisting: "only" },
  gateway: { ofExisting: "only" },
  gatewayApi: {
    ofExisting: "only",
    refusals: [
      (_, { selector, gateway }) =>
        (selector ?? gateway) !== undefined &&
        "is of the Gateway API, where selector and gateway are of Istio's; set one of the two",
    ],
  },
  listeners: {
    ofExisting: "only",
    refusals: [
      (_, { gatewayApi }) => gatewayApi === undefined && "are those of a Gateway; set gatewayApi, or remove them",
    ],
  },
  serviceAccount: { ofExisting: "only" },
  serviceAnnotations: {
    chart: (annotations) => ({ service: { annotations } }),
    gatewayApi: (annotations) => ({ service: { metadata: { annotations } } }),
  },
  serviceType: { ...ofService("type"), ofExisting: "also" },
  externalTrafficPolicy: {
    ...ofService("externalTrafficPolicy"),
    refusals: [
      (_, { serviceType }) =>
        serviceType === "ClusterIP" && "a Service of type ClusterIP gets no traffic from outside; remove it",
    ],
  },
  gatewayTopology: {
    chart: (topology) => ({ podAnnotations: proxyConfig(topology) }),
    gatewayApi: (topology) => ({
      deployment: { spec: { template: { metadata: { annotations: proxyConfig(topology) } } } },
    }),
  },
  labels: {
    chart: (labels) => ({ labels }),
    // The labels by which its pods are selected are not for others to set.
    refusals: [
      (labels) =>
        ["app", "istio"]
          .filter((name) => Object.hasOwn(labels, name))
          .map((name) => ({ [name]: "is a label by which its pods are selected; remove it" })),
    ],
  },
  annotations: { chart: (annotations) => ({ annotations, podAnnotations: annotations }) },
  loadBalancerIP: { ...ofService("loadBalancerIP"), refusals: [onlyLoadBalancer] },
  loadBalancerSourceRanges: { ...ofService("loadBalancerSourceRanges"), refusals: [onlyLoadBalancer] },
  loadBalancerClass: { ...ofService("loadBalancerClass"), refusals: [onlyLoadBalancer] },
  loadBalancerTimeout: { refusals: [onlyLoadBalancer] },
  ports: {
    ofExisting: "also",
    // Helm replaces lists, so all ports are here.
    chart: (ports, { settings }) => {
      const { extraPorts } = settings;
      const own = openPorts(settings).map(({ key, name, port, targetPort }) => ({
        name,
        port,
        targetPort,
        ...ports[key],
      }));
      const extra = Object.entries(extraPorts).map(([name, given]) => ({ name, targetPort: given.port, ...given }));
      return { service: { ports: [...own, ...extra].map((each) => ({ ...each, protocol: "TCP" })) } };
    },
    // With the names that istiod gives to ports of the first listener.
    gatewayApi: (ports, { settings }) => {
      const own = openPorts(settings).filter(({ key }) => key !== "https" || settings.tls);
      const extra = Object.entries(settings.extraPorts).map(([name, { port, targetPort, nodePort }]) => ({
        name,
        port,
        ...(targetPort !== undefined && { targetPort }),
        ...(nodePort !== undefined && { nodePort }),
      }));
      const all = [...own.map(({ key, name, port }) => ({ name, port, ...ports[key] })), ...extra];
      return { service: { spec: { ports: all } } };
    },
    refusals: [
      noNodePorts,
      ({ status }, { kind }) => {
        const { port } = gatewayPorts[0];
        if (kind !== "gateway-api" || !status || status.port === port) return false;
        return {
          status: { port: `found ${status.port}; a gateway of kind gateway-api has ${port}; or set kind: chart` },
        };
      },
      ({ https }, { kind, tls }) =>
        kind === "gateway-api" &&
        https &&
        !tls && { https: "a gateway of kind gateway-api opens it for tls only; set tls, or remove it" },
      ({ http }, { tls }) =>
        http &&
        tls &&
        plainHttp(tls) === "closed" && {
          http: "tls closes plain HTTP; set tls.plainHttp: redirect, or served, or remove it",
        },
    ],
  },
  extraPorts: {
    ofExisting: "also",
    refusals: [
      noNodePorts,
      (extraPorts) =>
        gatewayPorts
          .filter(({ name }) => Object.hasOwn(extraPorts, name))
          .map(({ key, name }) => ({ [name]: `every gateway has a port of this name; set ports.${key}` })),
      (extraPorts, { tls }) =>
        knownEntries(extraPorts).map(([name, { protocol }]) => {
          const mutual = [...(tls?.servers ?? []), ...(tls ? [tls] : [])].some(({ mode }) => mode === "MUTUAL");
          const refusal =
            (protocol === "HTTPS" && !tls && "found HTTPS; set tls, or protocol: HTTP") ||
            (protocol === "HTTP" && mutual && "found HTTP, and mode MUTUAL requires a client certificate; set HTTPS");
          return refusal && { [name]: { protocol: refusal } };
        }),
    ],
  },
  replicas: {
    chart: (replicaCount) => ({ replicaCount }),
    gatewayApi: (replicas) => ({ deployment: { spec: { replicas } } }),
    refusals: [(_, { autoscale }) => autoscale && "autoscale decides the number of replicas; remove one of the two"],
  },
  autoscale: {
    chart: ({ min: minReplicas, max: maxReplicas, cpuUtilization: targetCPUUtilizationPercentage }) => ({
      autoscaling: { enabled: true, minReplicas, maxReplicas, targetCPUUtilizationPercentage },
    }),
    gatewayApi: ({ min, max, cpuUtilization }) => {
      const target = { type: "Utilization", averageUtilization: cpuUtilization };
      const metrics = [{ type: "Resource", resource: { name: "cpu", target } }];
      return { horizontalPodAutoscaler: { spec: { minReplicas: min, maxReplicas: max, metrics } } };
    },
    leaves: "HorizontalPodAutoscaler",
    refusals: [({ min, max }) => min > max && { min: `found ${min}; expected at most max, ${max}` }],
  },
  podDisruptionBudget: {
    chart: (podDisruptionBudget) => ({ podDisruptionBudget }),
    gatewayApi: (spec) => ({ podDisruptionBudget: { spec } }),
    leaves: "PodDisruptionBudget",
    refusals: [
      ({ minAvailable }, { autoscale, replicas }) => {
        const fewest = autoscale?.min ?? replicas ?? 1;
        if (minAvailable < fewest) {
          return fewest < 2 && "the chart creates none for a single replica; set replicas: 2, or remove it";
        }
        const found = `found ${minAvailable} of ${fewest} replicas`;
        return { minAvailable: `${found}, so that no node could be drained; expected fewer` };
      },
    ],
  },
  antiAffinity: {
    chart: (enabled, gateway) => (enabled ? { affinity: { podAntiAffinity: preferOtherNodes(gateway) } } : {}),
    gatewayApi: (enabled, gateway) =>
      enabled ? inPod({ affinity: { podAntiAffinity: preferOtherNodes(gateway) } }) : {},
  },
  resources: {
    chart: (resources) => ({ resources }),
    gatewayApi: (resources) => inPod({ containers: [{ name: "istio-proxy", resources }] }),
  },
  tls: {
    ofExisting: "also",
    refusals: [
      (_, { gateway, gatewayApi }) =>
        (gateway ?? gatewayApi) !== undefined &&
        `belongs to Gateway ${gateway ?? gatewayApi}; remove it, or name only a selector`,
    ],
  },
};

function ofService(field: string) {
  return {
    chart: (value: string | string[]) => ({ service: { [field]: value } }),
    gatewayApi: (value: string | string[]) => ({ service: { spec: { [field]: value } } }),
  };
}

/** Read by the proxy when it starts, so that a change replaces the pods. */
function proxyConfig(gatewayTopology: GatewayDeploymentSettings["gatewayTopology"]): Readonly<Record<string, string>> {
  return { "proxy.istio.io/config": stringify({ gatewayTopology }) };
}

function onlyLoadBalancer(_: unknown, { serviceType }: GatewayDeploymentSettings): string | false {
  return serviceType !== "LoadBalancer" && `goes with serviceType LoadBalancer only; found ${serviceType}`;
}

type NodePorts = Readonly<Record<string, { readonly nodePort?: number | undefined } | undefined>>;

function noNodePorts(ports: NodePorts, { serviceType }: GatewayDeploymentSettings): Refusal {
  if (serviceType !== "ClusterIP") return false;
  const nodePort = "a Service of type ClusterIP has none; remove it";
  return knownEntries(ports).map(([name, given]) => given?.nodePort !== undefined && { [name]: { nodePort } });
}

/** A preference, so that a cluster with fewer nodes than replicas runs all of them, also during a rolling update. */
function preferOtherNodes({ selector: matchLabels }: Gateway): HelmValues {
  const weights = { "kubernetes.io/hostname": 100, "topology.kubernetes.io/zone": 50 };
  return {
    preferredDuringSchedulingIgnoredDuringExecution: Object.entries(weights).map(([topologyKey, weight]) => ({
      weight,
      podAffinityTerm: { topologyKey, labelSelector: { matchLabels: { ...matchLabels } } },
    })),
  };
}

function inPod(spec: HelmValues): Overlays {
  return { deployment: { spec: { template: { spec } } } };
}
