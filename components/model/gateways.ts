import { type ApplicationName, defaultNamespace } from "../apps/registry";
import type { Settings } from "../settings/schema";
import type { GatewayDeploymentSettings, GatewaysSettings, GatewayTlsSettings } from "../settings/sections/gateways";
import type { TrafficSettings } from "../settings/sections/traffic";
import { isIncomplete, knownFields, setUnknown, throwUnknown } from "../shared/unknown";
import type { GatewayTls, GatewayWorkload } from "../shared/workload";
import { own } from "../shared/own";

/** Ports of every gateway's Service; the settings may change the numbers. */
export const gatewayPorts = [
  { key: "status", name: "status-port", port: 15021, targetPort: 15021 },
  { key: "http", name: "http2", port: 80, targetPort: 80 },
  { key: "https", name: "https", port: 443, targetPort: 443 },
] as const;

export function gatewayWorkloads(gateways: GatewaysSettings): readonly GatewayWorkload[] {
  const workloads = Object.keys(gateways).map((name) =>
    gatewayWorkload(name, () => own(gateways, name) ?? throwUnknown()),
  );
  if (isIncomplete(gateways)) setUnknown(workloads, workloads.length);
  return workloads;
}

function gatewayWorkload(name: string, settings: () => GatewayDeploymentSettings): GatewayWorkload {
  const deployed = () => deployedAs[settings().kind](name);
  return knownFields<GatewayWorkload>({
    name: () => name,
    kind: () => settings().kind,
    namespace: () => gatewayNamespace(name, settings()),
    service: () => deployed().deployment,
    serviceAccount: () => deployed().deployment,
    selector: () => deployed().selector,
    ports: () => gatewayServicePorts(settings()),
    tls: () => gatewayTls(name, settings()),
  });
}

/**
 * Name of a gateway's Deployment, which is also that of its Service and its service account, and the labels of its pods.
 * Source: istio/istio, manifests/charts/gateway/templates/_helpers.tpl, where `istio` is the release without "istio-";
 * pilot/pkg/config/kube/gatewaycommon/deploymentcontroller.go.
 */
const deployedAs = {
  chart: (name: string) => ({ deployment: releaseName(name), selector: { istio: name } }),
  "gateway-api": (name: string) => ({
    deployment: `${name}-istio`,
    selector: { "gateway.networking.k8s.io/gateway-name": name },
  }),
} as const;

function gatewayTls(name: string, { tls, serviceType, ports }: GatewayDeploymentSettings): GatewayTls | undefined {
  if (!tls) return undefined;
  const { mode, httpsRedirect }: GatewayTlsSettings = tls;
  const outsidePort = serviceType === "NodePort" ? ports.https?.nodePort : ports.https?.port;
  return {
    mode,
    httpsRedirect,
    credentialName: credentialName(name),
    ...(outsidePort !== undefined && { outsidePort }),
  };
}

/** The Secret with a gateway's certificate, in the gateway's namespace. */
export function credentialName(gateway: string): string {
  return `${releaseName(gateway)}-certificate`;
}

export function gatewayNamespace(gateway: string, { namespace }: Pick<GatewayDeploymentSettings, "namespace">): string {
  return namespace ?? releaseName(gateway);
}

function releaseName(gateway: string): string {
  return `istio-${gateway}`;
}

export function gatewayServicePorts({ ports, extraPorts }: GatewayDeploymentSettings): Record<string, number> {
  return Object.fromEntries([
    ...gatewayPorts.map(({ key, name, port }): [string, number] => [name, ports[key]?.port ?? port]),
    ...Object.entries(extraPorts).map(([name, { port }]): [string, number] => [name, port]),
  ]);
}

/** Host names under which a gateway exposes services, each once, sorted; `*` is any name. */
export function exposedHosts({ services }: Pick<TrafficSettings, "services">, gateway: string): string[] {
  const exposed = services.filter(({ gateways }) => gateways.includes(gateway));
  return [...new Set(exposed.flatMap(({ hosts }) => hosts))].sort();
}

export interface ExposedHost {
  readonly host: string;
  /** Namespace of the service, and so of its routes. */
  readonly namespace: string;
}

/** The host names that a gateway exposes, sorted, with the namespace of the one service that each belongs to. */
export function hostOwners(
  { traffic, ...sections }: Pick<Settings, "traffic" | ApplicationName>,
  gateway: string,
): ExposedHost[] {
  return exposedHosts(traffic, gateway).map((host) => {
    const owner = traffic.services.find(({ gateways, hosts }) => gateways.includes(gateway) && hosts.includes(host));
    return { host, namespace: owner?.namespace ?? defaultNamespace(sections) ?? "" };
  });
}

/**
 * Name of the listener of a Gateway (Gateway API) for a host, by which a route attaches to it: `https.shop.example.com`,
 * `https-any.example.com` for `*.example.com`, and `https` for any host.
 */
export function listenerName(protocol: "http" | "https", host: string): string {
  if (host === "*") return protocol;
  return host.startsWith("*.") ? `${protocol}-any${host.slice(1)}` : `${protocol}.${host}`;
}
