import type { HttpRuleSettings } from "../../settings/sections/http-rule";
import { grouped } from "../../shared/grouped";
import type { SettingPath } from "../../shared/problem";
import { knownEntries } from "../../shared/unknown";
import type { GatewayWorkload } from "../../shared/workload";
import { covers } from "../gateways";
import { gatewayHostName, policyName } from "../object-names";
import { type Exposure, isIstioGateway, type MeshService } from "./policy-model";

/** The rules of an entry of `traffic.services` at a gateway. */
export interface RoutePart {
  readonly service: MeshService;
  readonly exposure: Exposure;
}

/** What becomes one object at a gateway. */
export interface GatewayRoute {
  readonly name: string;
  readonly namespace: string;
  readonly path: SettingPath;
  readonly gateway: GatewayWorkload;
  readonly hosts: readonly string[];
  /** In the order of the entries: the first rule that matches decides, whichever service it is of. */
  readonly parts: readonly RoutePart[];
}

/**
 * The routes of all gateways: one for the hosts of each entry, and one for each host that several entries share, because
 * Istio would merge several in an order that nothing guarantees. It is in the namespace of the first of them. A wildcard
 * next to a host that it is for is one of its own too: Istio refuses both in one VirtualService.
 * Source: istio/istio, pkg/config/validation, ValidateVirtualService.
 */
export function gatewayRoutes(services: readonly MeshService[]): GatewayRoute[] {
  const parts = knownEntries(services).flatMap(([, service]) =>
    knownEntries(service.exposures).map(([, exposure]): RoutePart => ({ service, exposure })),
  );
  const byHost = grouped(
    parts.filter(hasPosition).flatMap((part) => part.exposure.hosts.map((host) => ({ host, part }))),
    ({ host, part }) => `${part.exposure.gateway.name} ${host}`,
  );
  const shared = byHost.filter(([, all]) => all.length > 1);
  const sharedNames = new Set(shared.map(([{ host, part }]) => `${part.exposure.gateway.name} ${host}`));
  const alone = parts.flatMap((part): GatewayRoute[] => {
    const { service, exposure } = part;
    const { gateway, path } = exposure;
    const hosts = exposure.hosts.filter((host) => !sharedNames.has(`${gateway.name} ${host}`));
    const apart = isIstioGateway(gateway) ? hosts.filter((one) => hosts.some((host) => covers(one, host))) : [];
    const together = hosts.filter((host) => !apart.includes(host));
    const ofEntry = { namespace: service.namespace, path, gateway, parts: [part] };
    const name = policyName(service.name, gateway.name, ...(exposure.tls && alsoReadsHttp(part) ? ["tls"] : []));
    return [
      ...(together.length > 0 ? [{ ...ofEntry, name, hosts: together }] : []),
      ...apart.map((host) => ({ ...ofEntry, name: gatewayHostName(gateway.name, host), hosts: [host] })),
    ];
  });
  return [
    ...alone,
    ...shared.map(([{ host, part }, all]): GatewayRoute => {
      const ordered = all.map((one) => one.part).sort((a, b) => positionOf(a) - positionOf(b));
      const [{ service, exposure } = part] = ordered;
      const { gateway, path } = exposure;
      const name = gatewayHostName(gateway.name, host);
      return { name, namespace: service.namespace, path, gateway, hosts: [host], parts: ordered };
    }),
  ];
}

/** A rule of an entry of `traffic.services` at a gateway. */
export interface PlacedRule {
  readonly rule: HttpRuleSettings;
  readonly path: SettingPath;
  readonly part: RoutePart;
}

/** The rules of a route in their order, with their paths. */
export function rulesOf({ parts }: GatewayRoute): PlacedRule[] {
  return parts.flatMap((part) => {
    const { path, rules } = part.exposure;
    return rules.map((rule, index) => ({ rule, path: [...path, "http", index], part }));
  });
}

/** Whether the gateway has rules of HTTP for the same service too, which are another object. */
function alsoReadsHttp({ service, exposure: { gateway } }: RoutePart): boolean {
  const exposures = knownEntries(service.exposures).map(([, one]) => one);
  return exposures.some((one) => one.gateway === gateway && one.rules.length > 0);
}

/** The page of an addon shares no host, which validation makes sure of. */
function hasPosition({ exposure }: RoutePart): boolean {
  return exposure.path[0] === "traffic";
}

/** In `traffic.services`. */
function positionOf({ exposure }: RoutePart): number {
  return Number(exposure.path.at(-1));
}
