import type { Problem, SettingPath } from "../../shared/problem";
import type { Names as Workloads } from "../../model/names";
import type { GatewaysSettings } from "../../settings/sections/gateways";
import type { TrafficServiceSettings } from "../../settings/sections/traffic";
import { listOf, suggestion } from "../../settings/suggest";
import { duplicates, type Entry } from "./duplicates";
import { httpProblems, retryProblems, undeclaredSubsets } from "./routes";
import { rule } from "./rule";
import { trafficPolicyProblems } from "./traffic-policy";
import { isProblem, resolve, workloadsByName } from "./workload-names";

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

function subsetLabels(subset: TrafficServiceSettings["subsets"][number]): Record<string, string> {
  return typeof subset === "string" ? { version: subset } : subset.labels;
}

/** A gateway does not know which workload asks; anywhere else the workload must be there. */
function* sourceProblems(service: TrafficServiceSettings, path: SettingPath, workloads: Workloads): Iterable<Problem> {
  const namespace = service.namespace ?? workloads.defaultNamespace ?? "";
  for (const [index, { match = [] }] of service.http.entries()) {
    for (const [position, { sourceWorkload }] of match.entries()) {
      if (sourceWorkload === undefined) continue;
      const where = [...path, "http", index, "match", position, "sourceWorkload"];
      if (service.gateways.length > 0) {
        const message = "a gateway does not know which workload asks; use it in an entry without gateways";
        yield { path: where, message };
      } else if (!workloads.findWorkload(namespace, sourceWorkload)) {
        const known = suggestion(sourceWorkload, workloads.workloadNames(namespace));
        const message = `found ${sourceWorkload}; no such workload in namespace ${namespace}; ${known}`;
        yield { path: where, message };
      }
    }
  }
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
  yield* sourceProblems(service, path, workloads);
  if (workload.versions.length === 0) return;
  for (const [index, subset] of service.subsets.entries()) {
    const { version } = subsetLabels(subset);
    if (version === undefined || workload.versions.includes(version)) continue;
    yield {
      path: [...path, "subsets", index],
      message: `found ${version}; ${service.host} has the versions ${listOf(workload.versions)}, so this selects no pod`,
    };
  }
}

/** What a gateway admits: HTTP that a rule names, or TLS that it passes on unopened. */
function* admissionProblems(
  { gateways: names, http, tls }: TrafficServiceSettings,
  path: SettingPath,
  gateways: GatewaysSettings,
): Iterable<Problem> {
  if (names.length === 0) {
    if (tls) yield { path: [...path, "tls"], message: "is for gateways; add gateways: [ingress] or remove it" };
    return;
  }
  if (http.length === 0 && !tls) {
    yield {
      path: [...path, "http"],
      message: "missing; a gateway admits only what a rule names; expected a rule, or tls",
    };
  }
  if (!tls) return;
  if (http.length > 0) {
    yield {
      path: [...path, "http"],
      message: "cannot stand beside tls, which the gateway does not open; remove one of them",
    };
  }
  for (const [index, name] of names.entries()) {
    const mode = gateways[name]?.tls?.mode;
    if (!gateways[name] || mode === "PASSTHROUGH") continue;
    yield {
      path: [...path, "gateways", index],
      message: `found ${name} for tls; expected a gateway with tls.mode PASSTHROUGH, found ${mode ?? "no tls"}`,
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
  yield* admissionProblems(service, path, gateways);
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

/** What belongs to the Service and not to one of its entries may stand in one of them only. */
function* saidTwice(entries: readonly Indexed[]): Iterable<Problem> {
  for (const field of ["port", "trafficPolicy"] as const) {
    const [first, ...others] = entries.filter(({ service }) => service[field] !== undefined);
    for (const { index } of first ? others : []) {
      const message = `services[${first?.index}].${field} already says it for this service; keep one of them`;
      yield { path: [...at(index), field], message };
    }
  }
  const labels = new Map<string, { readonly text: string; readonly index: number }>();
  for (const { index, service } of entries) {
    for (const [position, subset] of service.subsets.entries()) {
      const text = JSON.stringify(Object.entries(subsetLabels(subset)).sort());
      const before = labels.get(subsetName(subset));
      if (!before) labels.set(subsetName(subset), { text, index });
      else if (before.text !== text && before.index !== index) {
        const message = `found ${subsetName(subset)}, which has other labels in services[${before.index}]; keep one of them`;
        yield { path: [...at(index), "subsets", position], message };
      }
    }
  }
}

function hostEntries(services: readonly Indexed[]): Entry[] {
  return services.flatMap(({ index, service }) =>
    service.hosts.map((host, position) => ({ path: [...at(index), "hosts", position], key: host })),
  );
}

/** Two services under one name of a gateway would be merged by Istio in an order that nobody has written down. */
function* hostsTwice(services: readonly TrafficServiceSettings[]): Iterable<Problem> {
  const indexed = services.map((service, index) => ({ index, service }));
  const reported = new Set<string>();
  for (const gateway of new Set(services.flatMap(({ gateways }) => gateways))) {
    const offered = indexed.filter(({ service }) => service.gateways.includes(gateway));
    for (const problem of duplicates(hostEntries(offered), "host")) {
      const text = JSON.stringify(problem);
      if (!reported.has(text)) yield problem;
      reported.add(text);
    }
  }
}

export const trafficRules = [
  rule(["traffic", "bookinfo"], function* ({ traffic, bookinfo }) {
    for (const [key, entries] of byService(traffic.services, bookinfo?.namespace)) {
      const places = entries.flatMap(({ index, service }) =>
        service.gateways.length === 0
          ? [{ path: [...at(index), "host"], key }]
          : [...new Set(service.gateways)].map((gateway) => ({
              path: [...at(index), "host"],
              key: `${key} on gateway ${gateway}`,
            })),
      );
      yield* duplicates(places, "service");
      const subsets = new Set(entries.flatMap(({ service }) => service.subsets.map(subsetName)));
      for (const { index, service } of entries) yield* undeclaredSubsets(service, subsets, at(index));
      yield* saidTwice(entries);
    }
  }),
  rule(["traffic"], function* ({ traffic }) {
    const { services } = traffic;
    yield* hostsTwice(services);
    for (const [index, service] of services.entries()) {
      const subsets = service.subsets.map((subset, position) => ({
        path: [...at(index), "subsets", position],
        key: subsetName(subset),
      }));
      yield* duplicates(subsets, "subset");
      yield* httpProblems(service, [...at(index), "http"]);
      if (service.trafficPolicy) yield* trafficPolicyProblems(service.trafficPolicy, [...at(index), "trafficPolicy"]);
      for (const [position, subset] of service.subsets.entries()) {
        if (typeof subset === "string" || !subset.trafficPolicy) continue;
        yield* trafficPolicyProblems(subset.trafficPolicy, [...at(index), "subsets", position, "trafficPolicy"]);
      }
    }
    if (traffic.defaultRetries) yield* retryProblems(traffic.defaultRetries, ["traffic", "defaultRetries"]);
  }),
  rule(["traffic", "bookinfo", "applications"], function* ({ traffic, ...named }) {
    const workloads = workloadsByName(named);
    for (const [index, service] of traffic.services.entries()) yield* nameProblems(service, at(index), workloads);
  }),
  rule(["traffic", "gateways"], function* ({ traffic, gateways }) {
    for (const [index, service] of traffic.services.entries()) yield* gatewayProblems(service, at(index), gateways);
  }),
  rule(["environment", "traffic"], function* ({ environment, traffic }) {
    const offered = traffic.services.map((service, index) => ({ index, service }));
    for (const { path, key } of environment === "dev" ? [] : hostEntries(offered)) {
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
