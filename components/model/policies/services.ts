import { type ExposedPage, exposedPages } from "../../observability/addons/registry";
import type { Settings } from "../../settings/schema";
import type { TrafficServiceSettings } from "../../settings/sections/traffic";
import type { HttpRuleSettings } from "../../settings/sections/http-rule";
import type { SettingPath } from "../../shared/problem";
import { entryReaders, groupKnown, knownEntries, knownFields, readEntries, throwUnknown } from "../../shared/unknown";
import { isEncrypted, isHttp, onlyPort, type ServicePort } from "../../shared/workload";
import { type MeshWorkload, type Names, workloadKey } from "../names";
import type { ExternalService } from "./external-services";
import type { Exposure, MeshService, ResolvedEntry, Subset } from "./policy-model";
import { type RoutedVersions, routedVersions, tlsRules } from "./routed-versions";

type Entries = WorkloadEntries<TrafficServiceSettings>["entries"];

/**
 * Joins the entries of each Service. The rules of an entry with `gateways` are for clients outside the mesh, those of an
 * entry without for clients in the mesh, so that a path restriction at a gateway does not affect clients in the mesh.
 * Subsets and the traffic policy belong to the Service, whichever entry has them; a version that a rule leads to is one,
 * also of a Service without an entry.
 */
export function meshServices(
  settings: Pick<Settings, "traffic" | "observability">,
  names: Names,
  externalServices: readonly ExternalService[],
): MeshService[] {
  const routed = routedVersions(settings, names, externalServices);
  const groups = byWorkload(
    () => settings.traffic.services,
    ["traffic", "services"],
    ({ host, namespace }) => names.workload(host, namespace),
  );
  const pages = exposedPages(() => settings.observability).map((page) => () => addonService(page, names));
  const described = readEntries(groups.map((read) => () => meshService(read(), names, routed)));
  const keys = new Set(knownEntries(described).map(([, service]) => workloadKey(service)));
  const others = [...routed.values()].filter(({ workload }) => !keys.has(workloadKey(workload)));
  const leadTo = others.map(
    ({ workload, path }) =>
      () =>
        meshService({ workload, entries: [] }, names, routed, [path]),
  );
  return readEntries([...entryReaders(() => described), ...leadTo, ...pages]);
}

/** The page of an addon, for clients outside the mesh. Its pods have no proxy. */
function addonService({ path, service, settings }: ExposedPage, names: Names): MeshService {
  return {
    ...service,
    labels: {},
    ports: [{ port: service.port, protocol: "http" }],
    dataPlane: "none",
    paths: [path],
    subsets: [],
    meshRules: [],
    meshTcp: [],
    meshTls: [],
    meshPath: path,
    exposures: readEntries(
      settings.gateways.map((gateway) => () => ({
        path,
        gateway: names.gateway(gateway),
        hosts: [...settings.hosts].sort(),
        port: service.port,
        rules: [everyRequest],
        tcp: [],
      })),
    ),
  };
}

function hasRules({ http, tcp, tls }: TrafficServiceSettings): boolean {
  return http.length + tcp.length > 0 || tls !== undefined;
}

function meshService(
  { workload, entries }: WorkloadEntries<TrafficServiceSettings>,
  names: Names,
  routed: ReadonlyMap<string, RoutedVersions>,
  paths: readonly SettingPath[] = entries.map(({ path }) => path),
): MeshService {
  const forMesh = () => entries.find(({ settings }) => settings.gateways.length === 0 && hasRules(settings));
  return knownFields<MeshService>({
    name: () => workload.name,
    namespace: () => workload.namespace,
    labels: () => workload.labels,
    ports: () => workload.ports,
    dataPlane: () => workload.dataPlane,
    waypoint: () => workload.waypoint,
    versionServices: () => workload.versionServices,
    headless: () => workload.headless,
    paths: () => paths,
    subsets: () => subsets(workload, entries, routed.get(workloadKey(workload))),
    trafficPolicy: () => entries.find(({ settings }) => settings.trafficPolicy !== undefined)?.settings.trafficPolicy,
    meshRules: () => forMesh()?.settings.http ?? [],
    meshPath: () => [...(forMesh()?.path ?? []), "http"],
    meshTcp: () => forMesh()?.settings.tcp ?? [],
    meshTls: () => tlsRules(forMesh()?.settings) ?? [],
    meshPort: () => (workload.ports.length > 1 ? forMesh()?.settings.port : undefined),
    exposures: () => exposures(workload, entries, names),
  });
}

/**
 * Where a rule leads to a version that the entries do not name, every version is a subset: other weights then change the
 * routes alone, and no route leads, for a moment, to a subset that is already removed.
 */
function subsets({ versions, versionServices }: MeshWorkload, entries: Entries, routed?: RoutedVersions): Subset[] {
  const found = new Map<string, Subset>();
  const given = entries.flatMap(({ settings }) => settings.subsets);
  const names = new Set(given.map((entry) => namedSubset(entry).name));
  const isNamed = (version: string) => names.has(version) || !routed?.versions.has(version);
  for (const entry of [...given, ...(versions.every(isNamed) ? [] : versions)]) {
    const subset = namedSubset(entry);
    const { version, ...otherLabels } = subset.labels;
    const isVersion = version !== undefined && Object.keys(otherLabels).length === 0;
    const service = isVersion ? versionServices?.get(version) : undefined;
    if (!found.has(subset.name)) found.set(subset.name, { ...subset, service });
  }
  return [...found.values()];
}

/** A subset as an object; a string is the name of a version. */
export function namedSubset(entry: TrafficServiceSettings["subsets"][number]): Omit<Subset, "service"> {
  return typeof entry === "string" ? { name: entry, labels: { version: entry } } : entry;
}

const everyRequest: HttpRuleSettings = {};

function exposures({ ports }: MeshWorkload, entries: Entries, names: Names): Exposure[] {
  return readEntries(
    entries.flatMap(({ settings, path }) =>
      entryReaders(() => settings.gateways).map((read) => () => {
        // Without its name, it is not known whether there is an exposure.
        const gateway = read();
        return knownFields<Exposure>({
          path: () => path,
          gateway: () => names.gateway(gateway),
          hosts: () => [...settings.hosts].sort(),
          port: () => exposedPort(settings, ports),
          rules: () => (hasRules(settings) ? settings.http : [everyRequest]),
          tcp: () => settings.tcp,
          tls: () => tlsRules(settings),
        });
      }),
    ),
  );
}

/** Where a gateway sends requests, or connections that it does not decrypt; undefined where the entry has to name it. */
export function exposedPort(
  { port, tcp, tls }: Pick<TrafficServiceSettings, "port" | "tcp" | "tls">,
  ports: readonly ServicePort[],
): number | undefined {
  const isTcp = ({ protocol }: ServicePort) => protocol === "tcp";
  return port ?? onlyPort(ports, tls ? isEncrypted : tcp.length > 0 ? isTcp : isHttp);
}

interface WorkloadEntries<Entry> {
  readonly workload: MeshWorkload;
  readonly entries: readonly ResolvedEntry<Entry>[];
}

/** Entries by workload, each as a function that reads the group; one is unknown where the workload of an entry is. */
export function byWorkload<Entry>(
  list: () => readonly Entry[],
  path: SettingPath,
  workloadOf: (entry: Entry) => MeshWorkload,
): (() => WorkloadEntries<Entry>)[] {
  const { groups, complete } = groupKnown(list, path, (entry) => workloadKey(workloadOf(entry)));
  const readers = [...groups.values()].map((entries) => () => {
    return { workload: workloadOf(entries[0]?.settings ?? throwUnknown()), entries };
  });
  return complete ? readers : [...readers, throwUnknown];
}
