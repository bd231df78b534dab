import type { TrafficServiceSettings, TrafficSettings } from "../../settings/sections/traffic";
import type { SettingPath } from "../../shared/problem";
import { entryReaders, ifKnown, knownFields, readEntries, throwUnknown } from "../../shared/unknown";
import { type MeshWorkload, type Names, workloadKey } from "../names";
import type { Exposure, MeshService, Subset } from "./policy-model";

type Entries = WorkloadEntries<TrafficServiceSettings>["entries"];

/**
 * Joins the entries of each Service. The rules of an entry with `gateways` are for clients outside the mesh, those of an
 * entry without for clients in the mesh, so that a path restriction at a gateway does not affect clients in the mesh.
 * Subsets and the traffic policy belong to the Service, whichever entry has them.
 */
export function meshServices(settings: { readonly traffic: TrafficSettings }, names: Names): MeshService[] {
  const groups = byWorkload(
    () => settings.traffic.services,
    ["traffic", "services"],
    ({ host, namespace }) => names.workload(host, namespace),
  );
  return readEntries(groups.map((read) => () => meshService(read(), names)));
}

function meshService({ workload, entries }: WorkloadEntries<TrafficServiceSettings>, names: Names): MeshService {
  const forMesh = () => entries.find(({ settings }) => settings.gateways.length === 0 && settings.http.length > 0);
  return knownFields<MeshService>({
    name: () => workload.name,
    namespace: () => workload.namespace,
    port: () => first("port", entries) ?? workload.port,
    dataPlane: () => workload.dataPlane,
    waypoint: () => workload.waypoint,
    versionServices: () => workload.versionServices ?? false,
    paths: () => entries.map(({ path }) => path),
    subsets: () => subsets(workload, entries),
    trafficPolicy: () => first("trafficPolicy", entries),
    meshRules: () => forMesh()?.settings.http ?? [],
    meshPath: () => [...(forMesh()?.path ?? []), "http"],
    exposures: () => exposures(entries, names),
  });
}

function first<Field extends "port" | "trafficPolicy">(field: Field, entries: Entries): TrafficServiceSettings[Field] {
  return entries.find(({ settings }) => settings[field] !== undefined)?.settings[field];
}

function subsets({ name, versionServices }: MeshWorkload, entries: Entries): Subset[] {
  const found = new Map<string, Subset>();
  for (const entry of entries.flatMap(({ settings }) => settings.subsets)) {
    const subset = namedSubset(entry);
    const { version, ...otherLabels } = subset.labels;
    const isVersion = version !== undefined && Object.keys(otherLabels).length === 0;
    const service = versionServices && isVersion ? `${name}-${version}` : undefined;
    if (!found.has(subset.name)) found.set(subset.name, { ...subset, service });
  }
  return [...found.values()];
}

/** A subset as an object; a string is the name of a version. */
export function namedSubset(entry: TrafficServiceSettings["subsets"][number]): Omit<Subset, "service"> {
  return typeof entry === "string" ? { name: entry, labels: { version: entry } } : entry;
}

function exposures(entries: Entries, names: Names): Exposure[] {
  return readEntries(
    entries.flatMap(({ settings, path }) =>
      entryReaders(() => settings.gateways).map((gateway) => () => {
        return knownFields<Exposure>({
          path: () => path,
          gateway: () => names.gateway(gateway()),
          hosts: () => [...settings.hosts].sort(),
          rules: () => settings.http,
          tls: () => settings.tls,
        });
      }),
    ),
  );
}

interface WorkloadEntries<Entry> {
  readonly workload: MeshWorkload;
  readonly entries: { readonly settings: Entry; readonly path: SettingPath }[];
}

/** Entries by workload, each as a function that reads the group; one is unknown where the workload of an entry is. */
export function byWorkload<Entry>(
  list: () => readonly Entry[],
  path: SettingPath,
  workloadOf: (entry: Entry) => MeshWorkload,
): (() => WorkloadEntries<Entry>)[] {
  const groups = new Map<string, WorkloadEntries<Entry>>();
  let complete = true;
  for (const [index, read] of entryReaders(list).entries()) {
    const workload = ifKnown(() => workloadOf(read()));
    if (!workload) {
      complete = false;
      continue;
    }
    const group = groups.get(workloadKey(workload)) ?? { workload, entries: [] };
    group.entries.push({ settings: read(), path: [...path, index] });
    groups.set(workloadKey(workload), group);
  }
  return [...[...groups.values()].map((group) => () => group), ...(complete ? [] : [throwUnknown])];
}
