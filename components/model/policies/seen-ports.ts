import type { GatewayWorkload, Workload } from "../../shared/workload";
import type { MeshWorkload, PolicyTarget } from "../names";

/** A port of a Service, and what the proxy that enforces a policy takes for the port of a connection to it. */
export interface SeenPort {
  readonly owner: string;
  readonly port: number;
  /** Undefined where the settings do not say it. */
  readonly seen: number | undefined;
}

/**
 * The ports of a target. A waypoint sees the port of the Service, or of that of a version; sidecars, ztunnel and gateways
 * see that of the pod.
 *
 * Source: istio/istio, pilot/pkg/networking/core/listener_inbound.go (TargetPort) and listener_waypoint.go.
 */
export function seenPorts({ workloads, gateways }: Pick<PolicyTarget, "workloads" | "gateways">): SeenPort[] {
  return [
    ...workloads.filter(({ dataPlane }) => dataPlane !== "none").flatMap(portsOfWorkload),
    ...gateways.flatMap(portsOfGateway),
  ];
}

function portsOfWorkload({ waypoint, versionServices, ...workload }: MeshWorkload): SeenPort[] {
  if (!waypoint) return portsAtPod(workload);
  const { name: owner, ports } = workload;
  return ports.flatMap(({ port }) => {
    const ofVersions = [...(versionServices?.values() ?? [])].map((version) => version.port ?? port);
    return [...new Set([port, ...ofVersions])].map((seen) => ({ owner, port, seen }));
  });
}

/** As a sidecar or ztunnel sees them, also behind a waypoint. */
export function portsAtPod({ name: owner, ports, podPorts = [] }: Workload): SeenPort[] {
  return [
    ...ports.map(({ port, targetPort = port }) => ({ owner, port, seen: targetPort })),
    ...podPorts.map((port) => ({ owner, port, seen: port })),
  ];
}

function portsOfGateway({ name, ports, targetPorts }: GatewayWorkload): SeenPort[] {
  const seenAt = (port: number) => (targetPorts ? targetPorts.get(port) : port);
  return Object.values(ports).map((port) => ({ owner: `gateway ${name}`, port, seen: seenAt(port) }));
}

/** Ports of the settings, which are those of Services, as the proxies of the target see them. */
export function portsSeen(
  target: Pick<PolicyTarget, "workloads" | "gateways">,
  ports: readonly number[] | undefined,
): number[] | undefined {
  const all = seenPorts(target);
  // Validation refuses one that the target does not have.
  const seenOf = (number: number) => {
    const found = all.flatMap(({ port, seen }) => (port === number && seen !== undefined ? [seen] : []));
    return found.length > 0 ? found : [number];
  };
  return ports && [...new Set(ports.flatMap(seenOf))];
}
