import type { ExternalServiceSettings } from "../../settings/sections/external-services";
import type { TrafficSettings } from "../../settings/sections/traffic";
import { isIP } from "node:net";
import type { GatewayWorkload, WaypointWorkload } from "../../shared/workload";
import type { SettingPath } from "../../shared/problem";
import { copyWithField, entryReaders, knownFields, readEntries, throwUnknown } from "../../shared/unknown";
import type { MeshWorkload, Names } from "../names";
import { externalHostName } from "../object-names";
import { type ClientCredential, clientCredentials, type SettledSettings, settledSettings } from "./client-credentials";

export type Resolution = NonNullable<ExternalServiceSettings["resolution"]>;

export interface ExternalPort extends Omit<ExternalServiceSettings["ports"][number], "name"> {
  readonly name: string;
}

/** A service outside the mesh, as its entry of `traffic.externalServices` describes it. */
export interface ExternalService {
  readonly path: SettingPath;
  readonly settings: SettledSettings;
  /** Secrets for the proxy that applies its traffic policy. @default none */
  readonly credentials?: readonly ClientCredential[];
  /** Of its ServiceEntry. */
  readonly name: string;
  readonly namespace: string;
  readonly hosts: readonly string[];
  readonly ports: readonly ExternalPort[];
  readonly resolution: Resolution;
  /** Namespaces that know it, with that of its egress gateway. @default all */
  readonly exportTo?: readonly string[];
  /** The egress gateway that sidecars send its requests to. */
  readonly gateway?: GatewayWorkload;
  /** The only client whose proxy applies the traffic policy. @default every client */
  readonly client?: MeshWorkload;
  /** The waypoint that ztunnel sends its requests to. */
  readonly waypoint?: WaypointWorkload;
}

export function externalServices(settings: { readonly traffic: TrafficSettings }, names: Names): ExternalService[] {
  const readers = entryReaders(() => settings.traffic.externalServices).map((read, index) => () => {
    const entry = read();
    const gateway = () => (entry.egressGateway === undefined ? undefined : names.gateway(entry.egressGateway));
    const namespace = () => entry.namespace ?? gateway()?.namespace ?? names.defaultNamespace ?? throwUnknown();
    const name = () => entry.name ?? externalHostName(entry.hosts[0] ?? throwUnknown());
    const path = ["traffic", "externalServices", index];
    const fields = knownFields<Omit<ExternalService, "settings">>({
      path: () => path,
      name,
      // In the namespace of the proxy that applies the traffic policy.
      credentials: () =>
        clientCredentials(entry, path, name).map((credential) => {
          return { ...credential, namespace: gateway()?.namespace ?? namespace() };
        }),
      namespace,
      hosts: () => entry.hosts,
      ports: () => entry.ports.map(withName),
      resolution: () => entry.resolution ?? defaultResolution(entry),
      exportTo: () => withGateway(entry.exportTo, namespace(), gateway()),
      gateway,
      client: () =>
        entry.sourceWorkload === undefined ? undefined : names.workload(entry.sourceWorkload, namespace()),
      waypoint: () => names.namespaceWaypoint(namespace()),
    });
    return copyWithField(fields, "settings", () => settledSettings(entry, name));
  });
  return readEntries(readers);
}

function withGateway(
  exportTo: readonly string[] | undefined,
  namespace: string,
  gateway: GatewayWorkload | undefined,
): readonly string[] | undefined {
  // Istio does not count the namespace of an object among those that it is exported to.
  if (!gateway || exportIncludes(exportTo, namespace, gateway.namespace)) return exportTo;
  return [...(exportTo ?? []), gateway.namespace];
}

function withName(port: ExternalServiceSettings["ports"][number]): ExternalPort {
  return { ...port, name: port.name ?? `${port.protocol.toLowerCase()}-${port.number}` };
}

/** A wildcard has no address to resolve: the proxy keeps the address that the workload connects to. */
export function defaultResolution({
  hosts,
  addresses = [],
  endpoints,
  workloadSelector,
}: Pick<ExternalServiceSettings, "hosts" | "addresses" | "endpoints" | "workloadSelector">): Resolution {
  if (workloadSelector) return "STATIC";
  if (endpoints) return endpoints.every(({ address }) => isIP(address) !== 0) ? "STATIC" : "DNS";
  const ranges = addresses.some((address) => address.includes("/"));
  return ranges || hosts.some((host) => host.startsWith("*")) ? "NONE" : "DNS";
}

/** Whether the workloads of a namespace know the service. */
export function isExportedTo({ namespace, settings: { exportTo } }: ExternalService, client: string): boolean {
  return exportIncludes(exportTo, namespace, client);
}

/** Whether a list of `exportTo` of an object has a namespace. @param from the object's own namespace */
export function exportIncludes(exportTo: readonly unknown[] | undefined, from: string, namespace: string): boolean {
  return exportTo?.some((to) => to === "*" || to === namespace || (to === "." && namespace === from)) ?? true;
}

export function findExternalService<External extends Pick<ExternalService, "hosts">>(
  services: readonly External[],
  host: string,
): External | undefined {
  return services.find(({ hosts }) => hosts.includes(host));
}
