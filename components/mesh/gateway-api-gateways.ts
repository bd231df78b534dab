import { createHash } from "node:crypto";
import type { IGateway } from "@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1/Gateway" with {
  "resolution-mode": "import",
};
import { stringify } from "yaml";
import { type ExposedHost, gatewayPorts, listenerName } from "../model/gateways";
import type { GatewayDeploymentSettings } from "../settings/sections/gateways";
import type { HelmValues } from "../shared/helm-release";
import type { KubernetesObject } from "../shared/kubernetes/object";
import type { GatewayWorkload } from "../shared/workload";
import type { GatewayExtra } from "./lifecycle/steps";
import { apartFrom } from "./values/gateway";

type GatewaySpec = IGateway["spec"];
type Listener = NonNullable<GatewaySpec["listeners"]>[number];

/** A gateway as the Gateway API has it: istiod deploys the `Gateway` as the ConfigMap says. */
export interface GatewayApiObjects {
  readonly parameters: {
    readonly metadata: { readonly name: string; readonly namespace: string };
    readonly data: Readonly<Record<string, string>>;
  };
  readonly gateway: KubernetesObject<GatewaySpec>;
}

/**
 * The objects of a gateway of kind `gateway-api`.
 *
 * https://istio.io/latest/docs/tasks/traffic-management/ingress/gateway-api/
 *
 * @param hosts what services are offered under
 * @param revision of the control plane that is to deploy it, where that has one
 */
export function gatewayApiObjects(
  gateway: GatewayWorkload,
  settings: GatewayDeploymentSettings,
  { hosts, revision }: { readonly hosts: readonly ExposedHost[]; readonly revision?: string },
): GatewayApiObjects {
  const { name, namespace, service } = gateway;
  const data = parameters(gateway, settings);
  // Named by its content: a change is one of the Gateway too, and istiod never misses the one that it reads.
  const digest = createHash("sha256").update(JSON.stringify(data)).digest("hex").slice(0, 8);
  const parametersName = `${service}-${digest}`;
  return {
    parameters: { metadata: { name: parametersName, namespace }, data },
    gateway: {
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "Gateway",
      metadata: { name, namespace, ...(revision !== undefined && { labels: { "istio.io/rev": revision } }) },
      spec: {
        gatewayClassName: "istio",
        infrastructure: {
          // What the chart would write, which alerts and selectors of a user's own objects look for.
          labels: { app: service, istio: name },
          parametersRef: { group: "", kind: "ConfigMap", name: parametersName },
        },
        listeners: listeners(gateway, hosts),
      },
    },
  };
}

/**
 * One listener for each host and protocol, open to routes of the namespace whose service is offered there: no other
 * namespace can take the name over. Where nothing is offered, one that answers 404, as a Gateway needs a listener.
 */
function listeners({ ports, tls }: GatewayWorkload, hosts: readonly ExposedHost[]): Listener[] {
  const http = { port: ports.http2 ?? 80, protocol: "HTTP" };
  if (hosts.length === 0) return [{ name: "http", ...http }];
  const https = tls && {
    port: ports.https ?? 443,
    protocol: "HTTPS",
    tls: {
      mode: "Terminate" as const,
      certificateRefs: [{ name: tls.credentialName }],
      // The Secret holds `ca.crt` as well. Gateway API's own field for it is not in the standard channel yet.
      ...(tls.mode === "MUTUAL" && { options: { "gateway.istio.io/tls-terminate-mode": "MUTUAL" } }),
    },
  };
  const open = (protocol: "http" | "https", listener: Omit<Listener, "name">): Listener[] =>
    hosts.map(({ host, namespace }) => ({
      name: listenerName(protocol, host),
      ...(host !== "*" && { hostname: host }),
      ...listener,
      allowedRoutes: {
        namespaces: { from: "Selector", selector: { matchLabels: { "kubernetes.io/metadata.name": namespace } } },
      },
    }));
  return [...open("http", http), ...(https ? open("https", https) : [])];
}

/**
 * What istiod merges over the objects it makes of a Gateway, by kind: lists by their keys, so that only what differs is
 * here. It makes a HorizontalPodAutoscaler and a PodDisruptionBudget only where something is said of them.
 * Source: istio/istio, manifests/charts/istio-control/istio-discovery/files/kube-gateway.yaml.
 */
function parameters(gateway: GatewayWorkload, settings: GatewayDeploymentSettings): Record<string, string> {
  const { autoscale, podDisruptionBudget } = settings;
  const overlays: Record<string, HelmValues> = {
    service: service(gateway, settings),
    ...deployment(gateway, settings),
    ...(autoscale && { horizontalPodAutoscaler: { spec: autoscaling(autoscale) } }),
    ...(podDisruptionBudget && { podDisruptionBudget: { spec: podDisruptionBudget } }),
  };
  return Object.fromEntries(Object.entries(overlays).map(([kind, overlay]) => [kind, stringify(overlay)]));
}

/** Those that no setting asks for; istiod does not take them away where one did before. */
export function unsetExtras({ autoscale, podDisruptionBudget }: GatewayDeploymentSettings): GatewayExtra[] {
  return [
    ...(autoscale ? [] : ["HorizontalPodAutoscaler" as const]),
    ...(podDisruptionBudget ? [] : ["PodDisruptionBudget" as const]),
  ];
}

function service({ ports, tls }: GatewayWorkload, settings: GatewayDeploymentSettings): HelmValues {
  const { serviceType, externalTrafficPolicy, serviceAnnotations, loadBalancerClass } = settings;
  return {
    ...(serviceAnnotations && { metadata: { annotations: serviceAnnotations } }),
    spec: {
      type: serviceType,
      ...(externalTrafficPolicy && { externalTrafficPolicy }),
      ...(loadBalancerClass !== undefined && { loadBalancerClass }),
      // By name, as istiod would name a port after the first of its listeners.
      ports: gatewayPorts
        .filter(({ key }) => key !== "https" || tls)
        .map(({ key, name }) => {
          const nodePort = settings.ports[key]?.nodePort;
          return { name, port: ports[name], ...(nodePort !== undefined && { nodePort }) };
        }),
    },
  };
}

function deployment(
  { selector }: GatewayWorkload,
  { replicas, antiAffinity, resources }: GatewayDeploymentSettings,
): { readonly deployment?: HelmValues } {
  const pod = {
    ...(antiAffinity && { affinity: { podAntiAffinity: apartFrom(selector) } }),
    ...(resources && { containers: [{ name: "istio-proxy", resources }] }),
  };
  const spec = {
    ...(replicas !== undefined && { replicas }),
    ...(Object.keys(pod).length > 0 && { template: { spec: pod } }),
  };
  return Object.keys(spec).length > 0 ? { deployment: { spec } } : {};
}

function autoscaling({ min, max, cpuUtilization }: NonNullable<GatewayDeploymentSettings["autoscale"]>): HelmValues {
  const target = { type: "Utilization", averageUtilization: cpuUtilization };
  return {
    minReplicas: min,
    maxReplicas: max,
    metrics: [{ type: "Resource", resource: { name: "cpu", target } }],
  };
}
