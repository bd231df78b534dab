import type { Settings } from "../settings/schema";
import type { TrafficSettings } from "../settings/sections/traffic";

/** Names under which a gateway offers services, each once, sorted; `*` where one is offered under any name. */
export function offeredHosts({ services }: Pick<TrafficSettings, "services">, gateway: string): string[] {
  const offered = services.filter(({ gateways }) => gateways.includes(gateway));
  return [...new Set(offered.flatMap(({ hosts }) => hosts))].sort();
}

/** A name under which a gateway offers a service. */
export interface OfferedHost {
  readonly host: string;
  /** Of the service, and so of what says where requests go. */
  readonly namespace: string;
}

/** The names that a gateway offers with the namespaces they belong to, sorted; a name belongs to one service. */
export function hostOwners(
  { traffic, bookinfo }: Pick<Settings, "traffic" | "bookinfo">,
  gateway: string,
): OfferedHost[] {
  return offeredHosts(traffic, gateway).map((host) => {
    const owner = traffic.services.find(({ gateways, hosts }) => gateways.includes(gateway) && hosts.includes(host));
    return { host, namespace: owner?.namespace ?? bookinfo?.namespace ?? "" };
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
