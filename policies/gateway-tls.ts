import { workloadKey } from "../components/model/names";
import type { PolicyModel } from "../components/model/policies/policy-model";
import { RouteTargets } from "../components/model/policies/route-targets";
import type { ClientTlsSettings, TrafficPolicySettings } from "../components/settings/sections/traffic-policy";
import { type GatewayWorkload, isEncrypted, type Workload } from "../components/shared/workload";
import { gatewayDestinations } from "./destinations";

/**
 * Services that speak TLS behind gateways that read the requests for them: the gateway speaks TLS to the service again.
 * Clients in the mesh speak it themselves, and their proxies must not encrypt it once more.
 */

/** Gateways that send requests to each port of protocol https or tls of a service. */
export type EncryptedPorts = ReadonlyMap<number, ReadonlySet<GatewayWorkload>>;

type Routed = Pick<PolicyModel, "services" | "names" | "externalServices">;

/** @returns those of a service; all routes are read when it is first called */
export function encryptedPorts(model: Routed): (service: Pick<Workload, "namespace" | "name">) => EncryptedPorts {
  let all: ReadonlyMap<string, EncryptedPorts> | undefined;
  return (service) => (all ??= allEncryptedPorts(model)).get(workloadKey(service)) ?? new Map<number, never>();
}

function allEncryptedPorts(model: Routed): ReadonlyMap<string, EncryptedPorts> {
  const targets = new RouteTargets(model);
  const found = new Map<string, Map<number, Set<GatewayWorkload>>>();
  for (const service of model.services) {
    for (const exposure of service.exposures) {
      for (const { target, port, gateway } of gatewayDestinations(service, exposure, targets)) {
        if (!isEncrypted(port)) continue;
        const ports = found.get(workloadKey(target)) ?? new Map<number, Set<GatewayWorkload>>();
        found.set(workloadKey(target), ports.set(port.port, (ports.get(port.port) ?? new Set()).add(gateway)));
      }
    }
  }
  return found;
}

/** How proxies speak to a port. */
export function tlsAt(policy: TrafficPolicySettings | undefined, port: number): ClientTlsSettings | undefined {
  const level = policy?.portLevelSettings?.find((one) => one.port.number === port);
  return (level ?? policy)?.tls;
}

export function originatesTls(tls: ClientTlsSettings | undefined): boolean {
  return tls?.mode === "SIMPLE" || tls?.mode === "MUTUAL";
}

/** Of a policy, what clients in the mesh apply: nothing of it is for the ports to which they speak TLS themselves. */
export function policyInMesh(
  policy: TrafficPolicySettings | undefined,
  { ports }: Pick<Workload, "ports">,
  encrypted: EncryptedPorts,
): TrafficPolicySettings | undefined {
  if (!policy || encrypted.size === 0) return policy;
  const { tls, portLevelSettings = [], ...others } = policy;
  const isForGateways = (port: number) => encrypted.has(port) && originatesTls(tlsAt(policy, port));
  const levels = portLevelSettings.filter(({ port }) => !isForGateways(port.number));
  const remaining = ports.filter(({ port }) => !portLevelSettings.some((level) => level.port.number === port));
  return {
    ...others,
    ...(tls && !remaining.every(({ port }) => isForGateways(port)) && { tls }),
    ...(levels.length > 0 && { portLevelSettings: levels }),
  };
}
