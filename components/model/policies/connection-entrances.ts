import type { TlsRuleSettings } from "../../settings/sections/connection-rule";
import { throwUnknown } from "../../shared/unknown";
import type { GatewayWorkload } from "../../shared/workload";
import { connectionPort } from "../gateways";
import type { Exposure, MeshService } from "./policy-model";

/** A port of a gateway at which clients connect to a service whose bytes the gateway does not read. */
export interface ConnectionEntrance {
  readonly gateway: GatewayWorkload;
  readonly number: number;
  readonly protocol: "tcp" | "tls";
  /** Namespace of the service. */
  readonly namespace: string;
  /** Names in the handshakes of TLS; TCP has none. */
  readonly hosts: readonly string[];
}

export function connectionEntrances(services: readonly MeshService[]): ConnectionEntrance[] {
  return services.flatMap(({ namespace, exposures }) =>
    exposures.flatMap((exposure) =>
      (["tcp", "tls"] as const).flatMap((protocol) =>
        connectionPorts(exposure, protocol).map((number) => {
          const { gateway, hosts } = exposure;
          return { gateway, number, protocol, namespace, hosts: protocol === "tcp" ? [] : hosts };
        }),
      ),
    ),
  );
}

export function connectionPorts({ gateway, ...exposure }: Exposure, protocol: "tcp" | "tls"): number[] {
  const rules: readonly TlsRuleSettings[] = exposure[protocol] ?? [];
  return rules.flatMap(({ match = [{}] }) => match.map(({ port }) => gatewayPort(gateway, protocol, port)));
}

/** Validation makes sure that there is one. */
export function gatewayPort(gateway: GatewayWorkload, protocol: "tcp" | "tls", named: number | undefined): number {
  return named ?? connectionPort(gateway, protocol) ?? throwUnknown();
}
