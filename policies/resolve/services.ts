import type { TrafficServiceSettings } from "../../components/settings/sections/traffic";
import type { Workload } from "../../components/shared/workload";
import type { PolicyModel } from "../model";
import { type Directory, workloadKey } from "./directory";
import type { MeshService, Offer, Subset } from "./resolved";

/** An entry of `traffic.services` with its place in the settings. */
interface Entry {
  readonly settings: TrafficServiceSettings;
  readonly path: string;
}

/**
 * Joins the entries of each Service. An entry with `gateways` says how the outside reaches the Service, one without
 * says how callers in the mesh do: rules of one never hold for the other, so that a path restriction at the edge does
 * not cut off callers inside. Subsets and the traffic policy belong to the Service, whichever entry names them.
 */
export function resolveServices(model: PolicyModel, directory: Directory): MeshService[] {
  const groups = new Map<string, { workload: Workload; entries: Entry[] }>();
  model.traffic.services.forEach((settings, index) => {
    const workload = directory.workload(settings.namespace ?? model.defaultNamespace, settings.host);
    const entry = { settings, path: `traffic.services[${index}]` };
    const group = groups.get(workloadKey(workload));
    if (group) group.entries.push(entry);
    else groups.set(workloadKey(workload), { workload, entries: [entry] });
  });
  return [...groups.values()].map(({ workload, entries }) => resolveService(workload, entries, directory));
}

function resolveService(workload: Workload, entries: readonly Entry[], directory: Directory): MeshService {
  const rules = entries.find(({ settings }) => settings.gateways.length === 0 && settings.http.length > 0);
  return {
    name: workload.name,
    namespace: workload.namespace,
    port: first("port", entries) ?? workload.port,
    dataPlane: directory.dataPlane(workload),
    waypoint: directory.waypoint(workload),
    versionServices: workload.versionServices ?? false,
    paths: entries.map(({ path }) => path),
    subsets: joinSubsets(entries),
    trafficPolicy: first("trafficPolicy", entries),
    meshRules: rules?.settings.http ?? [],
    meshPath: `${rules?.path ?? ""}.http`,
    offers: resolveOffers(entries, directory),
  };
}

function first<Field extends "port" | "trafficPolicy">(
  field: Field,
  entries: readonly Entry[],
): TrafficServiceSettings[Field] {
  return entries.find(({ settings }) => settings[field] !== undefined)?.settings[field];
}

function joinSubsets(entries: readonly Entry[]): Subset[] {
  const joined = new Map<string, Subset>();
  for (const entry of entries.flatMap(({ settings }) => settings.subsets)) {
    const subset = typeof entry === "string" ? { name: entry, labels: { version: entry } } : entry;
    if (!joined.has(subset.name)) joined.set(subset.name, subset);
  }
  return [...joined.values()];
}

function resolveOffers(entries: readonly Entry[], directory: Directory): Offer[] {
  return entries.flatMap(({ settings, path }) =>
    settings.gateways.map((name) => ({
      path,
      gateway: directory.gateway(name),
      hosts: [...settings.hosts].sort(),
      rules: settings.http,
      tls: settings.tls,
    })),
  );
}
