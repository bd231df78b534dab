import { isHttp, type GatewayWorkload } from "../../shared/workload";
import { httpPorts } from "../gateways";
import type { PolicyTarget } from "../names";
import { connectionEntrances } from "./connection-entrances";
import { egressEntrances } from "./egress-entrances";
import type { PolicyModel } from "./policy-model";

interface TargetPort {
  readonly port: number;
  readonly protocol: string;
  /** Whether Envoy reads requests at it; at a port of a gateway it may read those of some hosts only. */
  readonly readsHttp: boolean;
}

/** What clients of a workload or gateway of a target connect to. */
interface PortsOfOwner {
  /** As messages name it. */
  readonly owner: string;
  readonly ports: readonly TargetPort[];
}

type Services = Pick<PolicyModel, "services" | "externalServices" | "egress">;

/**
 * The ports of a target. Istio leaves conditions of HTTP out of the policies of a connection that Envoy does not read:
 * what is left of a DENY holds for every one.
 * Source: istio/istio, pilot/pkg/security/authz/model/model.go, checkError.
 */
export function targetPorts(
  { workloads, gateways }: Pick<PolicyTarget, "workloads" | "gateways">,
  model: Services,
): PortsOfOwner[] {
  return [
    ...workloads.map(({ name: owner, ports }) => ({
      owner,
      ports: ports.map((one) => ({ port: one.port, protocol: one.protocol, readsHttp: isHttp(one) })),
    })),
    ...gateways.map((gateway) => ({ owner: `gateway ${gateway.name}`, ports: gatewayPorts(gateway, model) })),
  ];
}

/** One port of a gateway may have requests of some hosts, and connections for others. */
function gatewayPorts(gateway: GatewayWorkload, model: Services): TargetPort[] {
  const decrypts = gateway.tls?.servers.some(({ mode }) => mode !== "PASSTHROUGH");
  const ports = [
    ...httpPorts(gateway)
      .filter(({ encrypted }) => !encrypted || decrypts)
      .map(({ number: port, encrypted }) => ({ port, protocol: encrypted ? "https" : "http", readsHttp: true })),
    ...connectionEntrances(model.services)
      .filter((one) => one.gateway.name === gateway.name)
      .map(({ number: port, protocol }) => ({ port, protocol, readsHttp: false })),
    ...egressEntrances(model)
      .filter(({ service }) => service.gateway.name === gateway.name)
      .map(({ number, port }) => ({ port: number, protocol: port.protocol.toLowerCase(), readsHttp: isHttp(port) })),
  ];
  return [...new Map(ports.map((one) => [`${one.port} ${one.protocol}`, one])).values()];
}
