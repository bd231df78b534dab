import { type GatewayTlsSettings, protocolFields, type TlsServerSettings } from "../settings/sections/gateway-tls";
import type { GatewayDeploymentSettings, GatewaysSettings } from "../settings/sections/gateways";
import { isIncomplete, knownFields, setUnknown, throwUnknown } from "../shared/unknown";
import type { GatewayTls, GatewayWorkload, TlsServer } from "../shared/workload";
import { credentialName, gatewayDeploymentName, ownNamespace } from "./object-names";
import { own } from "../shared/own";
import type { SettingPath } from "../shared/problem";

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
  const kind = () => gatewayKind(settings());
  const object = () => settings().gateway ?? settings().gatewayApi;
  const deployment = () => gatewayDeploymentName[kind()](object() ?? name);
  return knownFields<GatewayWorkload>({
    name: () => name,
    kind,
    namespace: () => gatewayNamespace(name, settings()),
    service: deployment,
    serviceAccount: () => settings().serviceAccount ?? deployment(),
    foreign: () => {
      const gateway = object();
      return gateway === undefined ? undefined : { gateway, listeners: settings().listeners };
    },
    selector: () => settings().selector ?? podLabels[kind()](object() ?? name),
    ports: () => gatewayServicePorts(settings()),
    targetPorts: () => gatewayTargetPorts(settings()),
    httpServers: () =>
      Object.values(settings().extraPorts).flatMap(({ port: number, protocol }) =>
        protocol ? [{ number, protocol }] : [],
      ),
    tls: () => gatewayTls(name, settings()),
  });
}

export interface HttpPort {
  /** The first part of the names of its servers and listeners. */
  readonly name: string;
  readonly number: number;
  readonly encrypted: boolean;
  /** Whether it answers with a redirect to HTTPS. */
  readonly redirects: boolean;
}

/** The ports on which a gateway serves HTTP. */
export function httpPorts({ ports, tls, httpServers = [] }: Omit<GatewayWorkload, "name">): HttpPort[] {
  const plain = { name: "http", number: ports.http2 ?? 80, encrypted: false, redirects: tls?.plainHttp === "redirect" };
  const https = { name: "https", number: ports.https ?? 443, encrypted: true, redirects: false };
  const others = httpServers.map(({ number, protocol }) => ({
    name: `${protocol.toLowerCase()}${number}`,
    number,
    encrypted: protocol === "HTTPS",
    redirects: false,
  }));
  return [...(tls?.plainHttp === "closed" ? [] : [plain]), ...(tls ? [https] : []), ...others];
}

/** The API that configures a gateway, also one that others deploy. */
function gatewayKind({ kind, gatewayApi }: GatewayDeploymentSettings): NonNullable<GatewayWorkload["kind"]> {
  if (kind !== "existing") return kind;
  return gatewayApi === undefined ? "chart" : "gateway-api";
}

/** Those that this program deploys. */
export function deployedGateways(gateways: GatewaysSettings): [name: string, gateway: GatewayDeploymentSettings][] {
  return Object.entries(gateways).filter(([, { kind }]) => kind !== "existing");
}

/** The labels of a gateway's pods, by which the charts and istiod select them. */
const podLabels = {
  chart: (name: string) => ({ istio: name }),
  "gateway-api": (name: string) => ({ "gateway.networking.k8s.io/gateway-name": name }),
} as const;

function gatewayTls(name: string, { tls, serviceType, ports }: GatewayDeploymentSettings): GatewayTls | undefined {
  if (!tls) return undefined;
  const outsidePort = serviceType === "NodePort" ? ports.https?.nodePort : ports.https?.port;
  return {
    plainHttp: plainHttp(tls),
    ...(outsidePort !== undefined && { outsidePort }),
    servers: tlsServers(name, tls).map(({ server }) => server),
  };
}

interface ConfiguredServer {
  readonly settings: TlsServerSettings;
  /** From the gateway's own settings. */
  readonly path: SettingPath;
  readonly server: TlsServer;
}

/** Servers with hosts of their own, then the one for all other hosts, which may be left out. */
export function tlsServers(gateway: string, tls: GatewayTlsSettings): ConfiguredServer[] {
  const named = tls.servers.map((settings, index) => ({
    settings,
    path: ["tls", "servers", index],
    server: { hosts: settings.hosts, ...tlsServer(gateway, settings, settings.hosts) },
  }));
  const isForOthers = named.length === 0 || namesCertificate(tls);
  return [...named, ...(isForOthers ? [{ settings: tls, path: ["tls"], server: tlsServer(gateway, tls) }] : [])];
}

/** Whether a wildcard is for a host as well, or for all that another one is for. */
export function covers(wildcard: string, host: string): boolean {
  return wildcard !== host && wildcard.startsWith("*") && host.endsWith(wildcard.slice(1));
}

/** Servers with those of some hosts that each is for. */
export function hostsByServer(gateway: string, tls: GatewayTlsSettings, hosts: readonly string[]) {
  const all = tlsServers(gateway, tls);
  const servers = all.map(({ server }) => server);
  return all.map((one) => ({ ...one, hosts: hosts.filter((host) => tlsServerOf({ servers }, host) === one.server) }));
}

export function plainHttp({ plainHttp, httpsRedirect }: GatewayTlsSettings): GatewayTls["plainHttp"] {
  return plainHttp ?? (httpsRedirect ? "redirect" : "closed");
}

/** Whether settings name what a gateway presents to clients, or that it presents nothing. */
export function namesCertificate(server: TlsServerSettings): boolean {
  return server.mode === "PASSTHROUGH" || certificateSources.some((field) => Boolean(server[field]));
}

export const certificateSources = [
  "selfSigned",
  "certificate",
  "privateKey",
  "credentialName",
  "credentialNames",
  "certManager",
  "issuer",
] as const;

function tlsServer(gateway: string, server: TlsServerSettings, hosts?: readonly string[]): TlsServer {
  const { mode, credentialName: name = credentialName(gateway, hosts?.[0]) } = server;
  const protocol = Object.fromEntries(
    protocolFields.flatMap((field) => (server[field] === undefined ? [] : [[field, server[field]]])),
  );
  return {
    mode,
    credentialNames: mode === "PASSTHROUGH" ? [] : (server.credentialNames ?? [name]),
    ...(Object.keys(protocol).length > 0 && { protocol }),
  };
}

/** The server of a host: the one that names it, else the longest wildcard, else the one for all others. */
export function tlsServerOf({ servers }: Pick<GatewayTls, "servers">, host: string): TlsServer | undefined {
  const named = servers.flatMap((server) => server.hosts?.map((name) => ({ name, server })) ?? []);
  const covering = named.filter(({ name }) => name === host || covers(name, host));
  const [closest] = covering.sort((a, b) => b.name.length - a.name.length);
  return closest?.server ?? servers.find(({ hosts }) => hosts === undefined);
}

/** The port of a gateway for connections where none is named: that of HTTPS for TLS, the only further one for TCP. */
export function connectionPort(
  gateway: Pick<GatewayWorkload, "ports" | "httpServers">,
  protocol: "tcp" | "tls",
): number | undefined {
  if (protocol === "tls") return gateway.ports.https;
  const [only, ...others] = furtherPorts(gateway);
  return others.length === 0 ? only : undefined;
}

/** Those of `extraPorts` at which no hosts are served. */
export function furtherPorts({ ports, httpServers = [] }: Pick<GatewayWorkload, "ports" | "httpServers">): number[] {
  const own = gatewayPorts.map(({ name }): string => name);
  const http = httpServers.map(({ number }) => number);
  return Object.entries(ports).flatMap(([name, port]) => (own.includes(name) || http.includes(port) ? [] : [port]));
}

export function gatewayNamespace(gateway: string, { namespace }: Pick<GatewayDeploymentSettings, "namespace">): string {
  return namespace ?? ownNamespace(gateway);
}

/** Without that of plain HTTP where nothing listens on it. */
export function openPorts({ tls }: Pick<GatewayDeploymentSettings, "tls">) {
  const closed = tls && plainHttp(tls) === "closed";
  return gatewayPorts.filter(({ key }) => key !== "http" || !closed);
}

export function gatewayServicePorts(gateway: GatewayDeploymentSettings): Record<string, number> {
  const { ports, extraPorts } = gateway;
  return Object.fromEntries([
    ...openPorts(gateway).map(({ key, name, port }): [string, number] => [name, ports[key]?.port ?? port]),
    ...Object.entries(extraPorts).map(([name, { port }]): [string, number] => [name, port]),
  ]);
}

/** Of a gateway that others deploy, only those that the settings name are known. */
function gatewayTargetPorts({
  kind,
  extraPorts,
  ...gateway
}: GatewayDeploymentSettings): Map<number, number> | undefined {
  const given = Object.values(extraPorts).flatMap(({ port, targetPort }): [number, number][] =>
    targetPort === undefined ? [] : [[port, targetPort]],
  );
  if (kind === "existing") return new Map(given);
  if (given.length === 0) return undefined;
  const ports = Object.values(gatewayServicePorts({ kind, extraPorts, ...gateway }));
  return new Map([...ports.map((port): [number, number] => [port, port]), ...given]);
}
