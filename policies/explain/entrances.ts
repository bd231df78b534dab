import { connectionPort, covers, httpPorts } from "../../components/model/gateways";
import type { Exposure, MeshService } from "../../components/model/policies/policy-model";
import type { TlsRuleSettings } from "../../components/settings/sections/connection-rule";
import type { GatewayWorkload } from "../../components/shared/workload";

/** Where a gateway takes requests or connections for a service. */
export interface Entrance {
  readonly exposure: Exposure;
  readonly protocol: "http" | "tcp" | "tls";
  /** Of the gateway. */
  readonly port: number;
  /** Whether it answers with a redirect to HTTPS. */
  readonly redirects: boolean;
}

interface Wanted {
  readonly port?: number | undefined;
  readonly host?: string | undefined;
}

/** The first that has the host and the port, where they are known. */
export function findEntrance(
  service: MeshService | undefined,
  { name }: GatewayWorkload,
  { port, host }: Wanted,
): Entrance | undefined {
  const isMeant = ({ exposure: { hosts }, protocol, ...entrance }: Entrance) =>
    (port === undefined || entrance.port === port) &&
    (host === undefined || protocol === "tcp" || hosts.some((one) => isFor(one, host)));
  const all = service?.exposures.filter(({ gateway }) => gateway.name === name) ?? [];
  return all.flatMap((exposure) => entrancesOf(exposure, port)).find(isMeant);
}

function isFor(pattern: string, host: string): boolean {
  const name = host.replace(/:\d+$/, "");
  return pattern === name || covers(pattern, name);
}

/** The usual one first: that of HTTPS, where there is one. */
function entrancesOf(exposure: Exposure, asked: number | undefined): Entrance[] {
  const { gateway, rules } = exposure;
  const http = httpPorts(gateway)
    .map(({ number, redirects }) => ({ exposure, protocol: "http" as const, port: number, redirects }))
    .sort((a, b) => Number(a.redirects) - Number(b.redirects));
  // What listens at a gateway of others is not known.
  const foreign =
    gateway.foreign && asked !== undefined ? http.slice(0, 1).map((one) => ({ ...one, port: asked })) : http;
  const connections = (["tls", "tcp"] as const).flatMap((protocol) =>
    connectionRules(exposure, protocol).flatMap(({ match }) =>
      match.flatMap(({ port }) => (port === undefined ? [] : [{ exposure, protocol, port, redirects: false }])),
    ),
  );
  return [...(rules.length > 0 ? foreign : []), ...connections];
}

type CompleteRule = Omit<TlsRuleSettings, "match"> & { readonly match: NonNullable<TlsRuleSettings["match"]> };

/** With the ports and names of the gateway, where they name none. */
export function connectionRules(exposure: Exposure, protocol: "tcp" | "tls"): CompleteRule[] {
  const { gateway, hosts } = exposure;
  const rules: readonly TlsRuleSettings[] = exposure[protocol] ?? [];
  const port = connectionPort(gateway, protocol);
  const names = protocol === "tls" ? { sniHosts: [...hosts] } : {};
  return rules.map(({ match = [{}], ...rule }) => ({
    ...rule,
    match: match.map((one) => ({ ...(port !== undefined && { port }), ...names, ...one })),
  }));
}
