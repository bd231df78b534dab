import { type GatewayWorkload, isHttp } from "../../shared/workload";
import { listenerName } from "../object-names";
import { allServices, type Egress } from "./egress";
import type { ExternalPort, ExternalService } from "./external-services";

export type RoutedService = ExternalService & { readonly gateway: GatewayWorkload };

/** Where an egress gateway takes what workloads send to a port of a host: with mTLS, and the host as SNI. */
export interface EgressEntrance {
  readonly service: RoutedService;
  readonly host: string;
  readonly port: ExternalPort;
  /** Of the gateway, which distinguishes HTTP from other bytes of a host by it; the SNI is the same. */
  readonly number: number;
  /** Name of its listener, at a gateway of kind gateway-api. */
  readonly listener: string;
}

type Services = { readonly externalServices: readonly ExternalService[]; readonly egress?: Egress };

/** Services outside the mesh behind an egress gateway. */
export function routedServices(model: Services): RoutedService[] {
  return allServices(model).flatMap((service): RoutedService[] => {
    const { gateway } = service;
    return gateway ? [{ ...service, gateway }] : [];
  });
}

export function egressEntrances(model: Services): EgressEntrance[] {
  return routedServices(model).flatMap((service) => service.hosts.flatMap((host) => entrancesOf(service, host)));
}

export function entrancesOf(service: RoutedService, host: string): EgressEntrance[] {
  const { ports } = service.gateway;
  return service.ports.map((port) => {
    const separate = isHttp(port) && service.ports.length > 1;
    return {
      service,
      host,
      port,
      number: separate ? (ports.http2 ?? 80) : (ports.https ?? 443),
      listener: listenerName(isHttp(port) ? "egress-http" : "egress-tls", host),
    };
  });
}
