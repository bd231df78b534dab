import { gatewayPorts } from "../../model/gateways";
import type { GatewayDeploymentSettings } from "../../settings/sections/gateways";
import type { HelmValues } from "../../shared/helm-release";
import { mergeValues } from "../../shared/merge";
import type { Problem } from "../../shared/problem";
import { knownEntries } from "../../shared/unknown";

/** The effect of a field of `talos-mesh:gateways.<name>`. */
interface GatewayField<Value> {
  /** Values of the gateway chart. */
  chart?(value: Value, gateway: GatewayDeploymentSettings, selector: Selector): HelmValues;
  /** Overlays that istiod merges over the objects that it creates from a Gateway of the Gateway API. */
  gatewayApi?(value: Value, gateway: GatewayDeploymentSettings, selector: Selector): Overlays;
  /** The object that istiod creates for the field, and does not delete when the field is no longer set. */
  readonly leaves?: "HorizontalPodAutoscaler" | "PodDisruptionBudget";
  /** Which values go together with other fields of the gateway; paths start at the gateway. */
  readonly checks?: readonly ((gateway: GatewayDeploymentSettings) => Iterable<Problem>)[];
}

type Selector = Readonly<Record<string, string>>;

const overlayKinds = ["service", "deployment", "horizontalPodAutoscaler", "podDisruptionBudget"] as const;

/** Lists are merged by their keys, so that an overlay contains only what differs. */
type Overlays = { readonly [Kind in (typeof overlayKinds)[number]]?: HelmValues };

/** In the order in which values and overlays list them. */
const fields: {
  readonly [Name in keyof GatewayDeploymentSettings]-?: GatewayField<NonNullable<GatewayDeploymentSettings[Name]>>;
} = {
  kind: {},
  namespace: {},
  serviceAnnotations: {
    chart: (annotations) => ({ service: { annotations } }),
    gatewayApi: (annotations) => ({ service: { metadata: { annotations } } }),
  },
  serviceType: {
    chart: (type) => ({ service: { type } }),
    gatewayApi: (type) => ({ service: { spec: { type } } }),
  },
  externalTrafficPolicy: {
    chart: (externalTrafficPolicy) => ({ service: { externalTrafficPolicy } }),
    gatewayApi: (externalTrafficPolicy) => ({ service: { spec: { externalTrafficPolicy } } }),
    checks: [
      function* ({ externalTrafficPolicy, serviceType }) {
        if (!externalTrafficPolicy || serviceType !== "ClusterIP") return;
        yield {
          path: ["externalTrafficPolicy"],
          message: "a Service of type ClusterIP gets no traffic from outside; remove it",
        };
      },
    ],
  },
  loadBalancerClass: {
    chart: (loadBalancerClass) => ({ service: { loadBalancerClass } }),
    gatewayApi: (loadBalancerClass) => ({ service: { spec: { loadBalancerClass } } }),
    checks: [(gateway) => onlyLoadBalancer("loadBalancerClass", gateway)],
  },
  loadBalancerTimeout: { checks: [(gateway) => onlyLoadBalancer("loadBalancerTimeout", gateway)] },
  ports: {
    // Helm replaces lists, so all ports are here.
    chart: (ports, { extraPorts }) => {
      const own = gatewayPorts.map(({ key, name, port, targetPort }) => ({ name, port, targetPort, ...ports[key] }));
      const extra = Object.entries(extraPorts).map(([name, given]) => ({ name, targetPort: given.port, ...given }));
      return { service: { ports: [...own, ...extra].map((each) => ({ ...each, protocol: "TCP" })) } };
    },
    // With the names that istiod gives to ports of the first listener.
    gatewayApi: (ports, { tls }) => ({
      service: {
        spec: {
          ports: gatewayPorts
            .filter(({ key }) => key !== "https" || tls)
            .map(({ key, name, port }) => ({ name, port, ...ports[key] })),
        },
      },
    }),
    checks: [
      ({ ports, serviceType }) => noNodePorts("ports", ports, serviceType),
      function* ({ kind, ports: { status } }) {
        if (kind !== "gateway-api" || !status || status.port === gatewayPorts[0].port) return;
        yield {
          path: ["ports", "status", "port"],
          message: `found ${status.port}; a gateway of kind gateway-api has ${gatewayPorts[0].port}; or set kind: chart`,
        };
      },
      function* ({ kind, ports, tls }) {
        if (kind !== "gateway-api" || !ports.https || tls) return;
        yield {
          path: ["ports", "https"],
          message: "a gateway of kind gateway-api opens it for tls only; set tls, or remove it",
        };
      },
    ],
  },
  extraPorts: {
    checks: [
      ({ extraPorts, serviceType }) => noNodePorts("extraPorts", extraPorts, serviceType),
      function* ({ extraPorts }) {
        for (const { key, name } of gatewayPorts) {
          if (!Object.hasOwn(extraPorts, name)) continue;
          yield { path: ["extraPorts", name], message: `every gateway has a port of this name; set ports.${key}` };
        }
      },
      function* ({ kind, extraPorts }) {
        if (kind !== "gateway-api" || Object.keys(extraPorts).length === 0) return;
        yield {
          path: ["extraPorts"],
          message:
            "a gateway of kind gateway-api opens ports for HTTP and HTTPS only, as routes for others are in Gateway API's " +
            "experimental channel; remove it, or set kind: chart",
        };
      },
    ],
  },
  replicas: {
    chart: (replicaCount) => ({ replicaCount }),
    gatewayApi: (replicas) => ({ deployment: { spec: { replicas } } }),
    checks: [
      function* ({ autoscale, replicas }) {
        if (!autoscale || replicas === undefined) return;
        yield { path: ["replicas"], message: "autoscale decides the number of replicas; remove one of the two" };
      },
    ],
  },
  autoscale: {
    chart: ({ min, max, cpuUtilization }) => ({
      autoscaling: {
        enabled: true,
        minReplicas: min,
        maxReplicas: max,
        targetCPUUtilizationPercentage: cpuUtilization,
      },
    }),
    gatewayApi: ({ min, max, cpuUtilization }) => {
      const target = { type: "Utilization", averageUtilization: cpuUtilization };
      const metrics = [{ type: "Resource", resource: { name: "cpu", target } }];
      return { horizontalPodAutoscaler: { spec: { minReplicas: min, maxReplicas: max, metrics } } };
    },
    leaves: "HorizontalPodAutoscaler",
    checks: [
      function* ({ autoscale }) {
        if (!autoscale || autoscale.min <= autoscale.max) return;
        yield {
          path: ["autoscale", "min"],
          message: `found ${autoscale.min}; expected at most max, ${autoscale.max}`,
        };
      },
    ],
  },
  podDisruptionBudget: {
    chart: (podDisruptionBudget) => ({ podDisruptionBudget }),
    gatewayApi: (spec) => ({ podDisruptionBudget: { spec } }),
    leaves: "PodDisruptionBudget",
    checks: [
      function* ({ podDisruptionBudget, autoscale, replicas }) {
        if (!podDisruptionBudget) return;
        const path = ["podDisruptionBudget"];
        const fewest = autoscale?.min ?? replicas ?? 1;
        const { minAvailable } = podDisruptionBudget;
        if (minAvailable >= fewest) {
          yield {
            path: [...path, "minAvailable"],
            message: `found ${minAvailable} of ${fewest} replicas, so that no node could be drained; expected fewer`,
          };
        } else if (fewest < 2) {
          yield { path, message: "the chart creates none for a single replica; set replicas: 2, or remove it" };
        }
      },
    ],
  },
  antiAffinity: {
    chart: (enabled, _, selector) => (enabled ? { affinity: { podAntiAffinity: preferOtherNodes(selector) } } : {}),
    gatewayApi: (enabled, _, selector) =>
      enabled ? inPod({ affinity: { podAntiAffinity: preferOtherNodes(selector) } }) : {},
  },
  resources: {
    chart: (given) => ({ resources: given }),
    gatewayApi: (given) => inPod({ containers: [{ name: "istio-proxy", resources: given }] }),
  },
  tls: {
    checks: [
      function* ({ kind, tls }) {
        if (kind !== "gateway-api" || tls?.mode !== "PASSTHROUGH") return;
        yield {
          path: ["tls", "mode"],
          message:
            "found PASSTHROUGH; a gateway of kind gateway-api expects one of: SIMPLE, MUTUAL, as TLSRoute is in Gateway " +
            "API's experimental channel; or set kind: chart",
        };
      },
    ],
  },
};

function* onlyLoadBalancer(
  field: "loadBalancerClass" | "loadBalancerTimeout",
  gateway: GatewayDeploymentSettings,
): Iterable<Problem> {
  if (gateway[field] === undefined || gateway.serviceType === "LoadBalancer") return;
  yield { path: [field], message: `goes with serviceType LoadBalancer only; found ${gateway.serviceType}` };
}

function* noNodePorts(
  field: "ports" | "extraPorts",
  ports: Readonly<Record<string, { readonly nodePort?: number | undefined } | undefined>>,
  serviceType: GatewayDeploymentSettings["serviceType"],
): Iterable<Problem> {
  if (serviceType !== "ClusterIP") return;
  for (const [name, given] of knownEntries(ports)) {
    if (given?.nodePort === undefined) continue;
    yield { path: [field, name, "nodePort"], message: "a Service of type ClusterIP has none; remove it" };
  }
}

/** A preference, so that a cluster with fewer nodes than replicas runs all of them, also during a rolling update. */
function preferOtherNodes(matchLabels: Selector): HelmValues {
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

interface Gateway {
  readonly settings: GatewayDeploymentSettings;
  /** Labels of its pods. */
  readonly selector: Selector;
}

/** Values of the gateway chart that the settings determine, without those that are the same for every gateway. */
export function gatewayChartValues(gateway: Gateway): HelmValues {
  return effects(gateway, "chart").reduce(mergeValues, { service: {}, autoscaling: { enabled: false } });
}

/**
 * What istiod merges over the objects that it creates from a Gateway. It creates a HorizontalPodAutoscaler and a
 * PodDisruptionBudget only where there is an overlay for them.
 * Source: istio/istio, manifests/charts/istio-control/istio-discovery/files/kube-gateway.yaml.
 */
export function gatewayOverlays(gateway: Gateway): readonly (readonly [kind: string, overlay: HelmValues])[] {
  const overlays: Overlays = effects(gateway, "gatewayApi").reduce(mergeValues, {});
  return overlayKinds.flatMap((kind) => {
    const overlay = overlays[kind];
    return overlay ? [[kind, overlay] as const] : [];
  });
}

function effects({ settings, selector }: Gateway, api: "chart" | "gatewayApi"): HelmValues[] {
  return fieldNames.flatMap((name) => {
    const field: GatewayField<unknown> = fields[name];
    const value = settings[name];
    const effect: HelmValues | undefined = value === undefined ? undefined : field[api]?.(value, settings, selector);
    return effect ? [effect] : [];
  });
}

const fieldNames = Object.keys(fields) as (keyof GatewayDeploymentSettings)[];

/** The objects that istiod may have created for fields that are no longer set. */
export function leftByUnsetFields(settings: GatewayDeploymentSettings) {
  return fieldNames.flatMap((name) => (settings[name] === undefined ? (fields[name].leaves ?? []) : []));
}

/** The checks of all fields, each to be made on its own; paths start at the gateway. */
export const gatewayFieldChecks = fieldNames.flatMap((name) => fields[name].checks ?? []);
