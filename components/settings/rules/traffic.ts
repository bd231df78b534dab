import type { Problem, SettingPath } from "../errors";
import type { GatewaysSettings } from "../sections/gateways";
import type { TrafficServiceSettings } from "../sections/traffic";
import { listOf } from "../suggest";
import { Workloads } from "../workloads";
import { duplicates, type Entry } from "./duplicates";
import { httpProblems, undeclaredSubsets } from "./routes";
import { rule } from "./rule";
import { isProblem, resolve } from "./workload-names";

interface Indexed {
  readonly index: number;
  readonly service: TrafficServiceSettings;
}

function at(index: number): SettingPath {
  return ["traffic", "services", index];
}

function subsetName(subset: TrafficServiceSettings["subsets"][number]): string {
  return typeof subset === "string" ? subset : subset.name;
}

function* nameProblems(service: TrafficServiceSettings, path: SettingPath, workloads: Workloads): Iterable<Problem> {
  const workload = resolve(workloads, {
    path: [...path, "host"],
    namespacePath: [...path, "namespace"],
    name: service.host,
    namespace: service.namespace,
  });
  if (isProblem(workload)) {
    yield workload;
    return;
  }
  if (service.port !== undefined && service.port !== workload.port) {
    yield { path: [...path, "port"], message: `found ${service.port}; ${service.host} has port ${workload.port}` };
  }
  if (workload.versions.length === 0) return;
  for (const [index, subset] of service.subsets.entries()) {
    const version = typeof subset === "string" ? subset : subset.labels.version;
    if (version === undefined || workload.versions.includes(version)) continue;
    yield {
      path: [...path, "subsets", index],
      message: `found ${version}; ${service.host} has the versions ${listOf(workload.versions)}, so this selects no pod`,
    };
  }
}

function* gatewayProblems(
  service: TrafficServiceSettings,
  path: SettingPath,
  gateways: GatewaysSettings,
): Iterable<Problem> {
  yield* duplicates(
    service.gateways.map((gateway, index) => ({ path: [...path, "gateways", index], key: gateway })),
    "gateway",
  );
  for (const [index, gateway] of service.gateways.entries()) {
    if (gateways[gateway]) continue;
    yield {
      path: [...path, "gateways", index],
      message: `found ${gateway}, which talos-mesh:gateways does not have; add gateways.${gateway} there`,
    };
  }
  if (service.gateways.length > 0 && service.hosts.length === 0) {
    yield { path: [...path, "hosts"], message: "missing; expected the names under which clients ask the gateway" };
  }
  if (service.gateways.length === 0 && service.hosts.length > 0) {
    yield { path: [...path, "hosts"], message: "names are for gateways; add gateways: [ingress] or remove them" };
  }
}

/** Entries by the Service they speak of, with their index: one for the edge and one for the mesh are joined. */
function byService(services: readonly TrafficServiceSettings[], defaultNamespace = ""): Map<string, Indexed[]> {
  const groups = new Map<string, Indexed[]>();
  for (const [index, service] of services.entries()) {
    const namespace = service.namespace ?? defaultNamespace;
    const key = namespace === "" ? service.host : `${namespace}/${service.host}`;
    groups.set(key, [...(groups.get(key) ?? []), { index, service }]);
  }
  return groups;
}

function offeredHosts(services: readonly TrafficServiceSettings[]): Entry[] {
  return services.flatMap(({ hosts }, index) =>
    hosts.map((host, position) => ({ path: [...at(index), "hosts", position], key: host })),
  );
}

export const trafficRules = [
  rule(["traffic", "bookinfo"], function* ({ traffic, bookinfo }) {
    for (const [key, entries] of byService(traffic.services, bookinfo?.namespace)) {
      for (const atEdge of [true, false]) {
        const alike = entries.filter(({ service }) => service.gateways.length > 0 === atEdge);
        yield* duplicates(
          alike.map(({ index }) => ({ path: [...at(index), "host"], key })),
          "service",
        );
      }
      const subsets = new Set(entries.flatMap(({ service }) => service.subsets.map(subsetName)));
      for (const { index, service } of entries) yield* undeclaredSubsets(service, subsets, [...at(index), "http"]);
    }
  }),
  rule(["traffic"], function* ({ traffic: { services } }) {
    yield* duplicates(offeredHosts(services), "host");
    for (const [index, service] of services.entries()) {
      const subsets = service.subsets.map((subset, position) => ({
        path: [...at(index), "subsets", position],
        key: subsetName(subset),
      }));
      yield* duplicates(subsets, "subset");
      yield* httpProblems(service, [...at(index), "http"]);
    }
  }),
  rule(["traffic", "bookinfo", "applications"], function* ({ traffic, ...named }) {
    const workloads = new Workloads(named);
    for (const [index, service] of traffic.services.entries()) yield* nameProblems(service, at(index), workloads);
  }),
  rule(["traffic", "gateways"], function* ({ traffic, gateways }) {
    for (const [index, service] of traffic.services.entries()) yield* gatewayProblems(service, at(index), gateways);
  }),
  rule(["environment", "traffic"], function* ({ environment, traffic }) {
    for (const { path, key } of environment === "dev" ? [] : offeredHosts(traffic.services)) {
      if (key === "*")
        yield { path, message: `found "*", which is for dev; environment ${environment} expected DNS names` };
    }
    if (environment !== "production") return;
    for (const [index, service] of traffic.services.entries()) {
      for (const [position, { fault }] of service.http.entries()) {
        if (!fault) continue;
        yield {
          path: [...at(index), "http", position, "fault"],
          message: "environment production allows no injected faults; remove it",
        };
      }
    }
  }),
];
