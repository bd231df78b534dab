import type { Settings } from "../settings/schema";
import type { GatewayDeploymentSettings, GatewaysSettings, GatewayTlsSettings } from "../settings/sections/gateways";
import type { TrafficSettings } from "../settings/sections/traffic";
import { isIncomplete, knownFields, setUnknown, throwUnknown } from "../shared/unknown";
import type { GatewayTls, GatewayWorkload } from "../shared/workload";
import { credentialName, gatewayDeploymentName, ownNamespace } from "./object-names";
import { own } from "../shared/own";
import { defaultNamespace, type WorkloadSections } from "./workloads";

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
  const deployment = () => gatewayDeploymentName[settings().kind](name);
  return knownFields<GatewayWorkload>({
    name: () => name,
    kind: () => settings().kind,
    namespace: () => gatewayNamespace(name, settings()),
    service: deployment,
    serviceAccount: deployment,
    selector: () => podLabels[settings().kind](name),
    ports: () => gatewayServicePorts(settings()),
    tls: () => gatewayTls(name, settings()),
  });
}

/** The labels of a gateway's pods, by which the charts and istiod select them. */
const podLabels = {
  chart: (name: string) => ({ istio: name }),
  "gateway-api": (name: string) => ({ "gateway.networking.k8s.io/gateway-name": name }),
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

export function gatewayNamespace(gateway: string, { namespace }: Pick<GatewayDeploymentSettings, "namespace">): string {
  return namespace ?? ownNamespace(gateway);
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
  { traffic, ...sections }: WorkloadSections & Pick<Settings, "traffic">,
  gateway: string,
): ExposedHost[] {
  return exposedHosts(traffic, gateway).map((host) => {
    const owner = traffic.services.find(({ gateways, hosts }) => gateways.includes(gateway) && hosts.includes(host));
    return { host, namespace: owner?.namespace ?? defaultNamespace(sections) ?? "" };
  });
}
