import type { TrafficSettings } from "./sections/traffic";

/** Names under which a gateway offers services, each once, sorted; `*` where one is offered under any name. */
export function offeredHosts({ services }: Pick<TrafficSettings, "services">, gateway: string): string[] {
  const offered = services.filter(({ gateways }) => gateways.includes(gateway));
  return [...new Set(offered.flatMap(({ hosts }) => hosts))].sort();
}
