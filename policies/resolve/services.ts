import type { TrafficServiceSettings } from "../../components/settings/sections/traffic";
import type { Workload } from "../../components/shared/workload";
import type { PolicyModel } from "../model";
import type { Problems } from "../problems";
import { type Directory, workloadKey } from "./directory";
import { checkRules } from "./http-rules";
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
export function resolveServices(model: PolicyModel, directory: Directory, problems: Problems): MeshService[] {
  const groups = new Map<string, { workload: Workload; entries: Entry[] }>();
  model.traffic.services.forEach((settings, index) => {
    const path = `traffic.services[${index}]`;
    const namespace = settings.namespace ?? model.defaultNamespace;
    const workload = directory.workload(namespace, settings.host);
    if (!workload) {
      problems.add(`${path}.host`, directory.missing(namespace, settings.host));
      return;
    }
    const key = workloadKey(workload);
    const group = groups.get(key);
    if (group) group.entries.push({ settings, path });
    else groups.set(key, { workload, entries: [{ settings, path }] });
  });
  const services = [...groups.values()].map(({ workload, entries }) =>
    resolveService(workload, entries, directory, problems),
  );
  checkHostsUnique(services, problems);
  return services;
}

function resolveService(
  workload: Workload,
  entries: readonly Entry[],
  directory: Directory,
  problems: Problems,
): MeshService {
  const { name, namespace } = workload;
  const subsets = joinSubsets(workload, entries, problems);
  for (const { settings, path } of entries) {
    const atGateway = settings.gateways.length > 0;
    checkRules(settings.http, `${path}.http`, { namespace, host: name, subsets, atGateway, directory }, problems);
    if ([settings, ...subsets].some(({ trafficPolicy }) => trafficPolicy?.loadBalancer)) {
      problems.add(path, "loadBalancer is not built yet; remove it");
    }
  }
  const inside = entries.filter(({ settings }) => settings.gateways.length === 0);
  return {
    name,
    namespace,
    port: single("port", entries, problems) ?? workload.port,
    subsets,
    trafficPolicy: single("trafficPolicy", entries, problems),
    meshRules: meshRules(inside, problems),
    offers: resolveOffers(name, entries, directory, problems),
  };
}

/** The one value of a field that belongs to the Service and may therefore stand in one of its entries only. */
function single<Field extends "port" | "trafficPolicy">(
  field: Field,
  entries: readonly Entry[],
  problems: Problems,
): TrafficServiceSettings[Field] {
  const [first, ...others] = entries.filter(({ settings }) => settings[field] !== undefined);
  for (const { path } of others) {
    problems.add(`${path}.${field}`, `${first?.path}.${field} already says it for this service; keep one of them`);
  }
  return first?.settings[field];
}

function meshRules(inside: readonly Entry[], problems: Problems): TrafficServiceSettings["http"] {
  const [first, ...others] = inside.filter(({ settings }) => settings.http.length > 0);
  for (const { path } of others) {
    problems.add(`${path}.http`, `${first?.path}.http already has rules for callers in the mesh; join the two lists`);
  }
  return first?.settings.http ?? [];
}

function resolveOffers(
  service: string,
  entries: readonly Entry[],
  directory: Directory,
  problems: Problems,
): readonly Offer[] {
  const offers = new Map<string, Offer>();
  for (const { settings, path } of entries) {
    if (settings.gateways.length === 0) {
      if (settings.hosts.length > 0) {
        problems.add(`${path}.hosts`, "are names on a gateway, and none is named; add gateways: [ingress]");
      }
      continue;
    }
    if (settings.hosts.length === 0) {
      problems.add(`${path}.hosts`, "expected at least one name under which the gateway offers the service");
    }
    if (settings.http.length === 0) {
      problems.add(`${path}.http`, "expected at least one rule: a gateway admits only what a rule names");
    }
    for (const name of new Set(settings.gateways)) {
      const gateway = directory.gateway(name);
      if (!gateway) {
        problems.add(`${path}.gateways`, `found ${name}, which is no gateway (${directory.gatewayNames()})`);
      } else if (gateway.ports.http2 === undefined) {
        problems.add(`${path}.gateways`, `gateway ${name} has no port http2 to offer ${service} on`);
      } else if (offers.has(name)) {
        problems.add(`${path}.gateways`, `${service} is already offered on ${name}; join the two entries`);
      } else {
        offers.set(name, { gateway, hosts: [...new Set(settings.hosts)].sort(), rules: settings.http });
      }
    }
  }
  return [...offers.values()];
}

function joinSubsets(workload: Workload, entries: readonly Entry[], problems: Problems): Subset[] {
  const joined = new Map<string, Subset>();
  for (const { settings, path } of entries) {
    const own = new Set<string>();
    settings.subsets.forEach((entry, index) => {
      const subset = typeof entry === "string" ? { name: entry, labels: { version: entry } } : entry;
      const where = `${path}.subsets[${index}]`;
      const before = joined.get(subset.name);
      if (own.has(subset.name)) {
        problems.add(where, `found ${subset.name} twice; keep one`);
      } else if (before && !sameLabels(before, subset)) {
        problems.add(where, `found ${subset.name}, which has other labels in another entry; keep one of them`);
      }
      own.add(subset.name);
      joined.set(subset.name, before ?? subset);
      checkSelectsPods(workload, subset, where, problems);
    });
  }
  return [...joined.values()];
}

function sameLabels(a: Subset, b: Subset): boolean {
  const names = Object.keys(a.labels);
  return names.length === Object.keys(b.labels).length && names.every((name) => a.labels[name] === b.labels[name]);
}

/** A subset without pods answers every request with 503 (istioctl's IST0173). */
function checkSelectsPods(workload: Workload, subset: Subset, path: string, problems: Problems): void {
  const { version } = subset.labels;
  if (version === undefined || workload.versions.length === 0 || workload.versions.includes(version)) return;
  problems.add(path, `found ${version}; no pod of ${workload.name} has this version (${workload.versions.join(", ")})`);
}

/** Two services under one name of a gateway would be merged by Istio in an order that nobody has written down. */
function checkHostsUnique(services: readonly MeshService[], problems: Problems): void {
  const owners = new Map<string, string>();
  for (const service of services) {
    for (const { gateway, hosts } of service.offers) {
      for (const host of hosts) {
        const owner = owners.get(`${gateway.name} ${host}`);
        if (owner === undefined) owners.set(`${gateway.name} ${host}`, workloadKey(service));
        else {
          problems.add(
            "traffic.services",
            `host ${host} of gateway ${gateway.name} is offered by ${owner} and by ${workloadKey(service)}; give each its own host`,
          );
        }
      }
    }
  }
}
