import type { Model } from "../model/model";
import type { Names } from "../model/names";
import type { TrafficServiceSettings } from "../settings/sections/traffic";
import { listOf, suggestion } from "../settings/wording";
import { duplicates, type Entry, type Problem, type SettingPath, shortPath } from "../shared/problem";
import { checkEach, ifKnown, runChecks, unknown } from "../shared/unknown";
import { type Check, findWorkload, isProblem } from "./check";
import { httpChecks, retryFields } from "./routes";
import { trafficPolicyProblems } from "./traffic-policy";

/** Checks of `talos-mesh:traffic`. */
export const trafficChecks: readonly Check[] = [
  ({ settings: { traffic } }) => checkEach(traffic.services, services, ...serviceChecks, ...httpChecks),
  ({ settings: { traffic }, names }) =>
    checkEach(traffic.services, services, ...nameChecks(names), ...gatewayNameChecks(names)),
  entriesOfOneService,
  uniqueHosts,
  ({ settings: { traffic } }) =>
    traffic.defaultRetries ? retryFields(traffic.defaultRetries, ["traffic", "defaultRetries"]) : [],
  anyHost,
  faultsInProduction,
];

const services = ["traffic", "services"];

type Service = TrafficServiceSettings;
type ServiceCheck = (service: Service, path: SettingPath) => Iterable<Problem>;
type Subset = Service["subsets"][number];

function subsetName(subset: Subset): string {
  return typeof subset === "string" ? subset : subset.name;
}

function subsetLabels(subset: Subset): Readonly<Record<string, string>> {
  return typeof subset === "string" ? { version: subset } : subset.labels;
}

const serviceChecks: readonly ServiceCheck[] = [
  ({ trafficPolicy }, path) => (trafficPolicy ? trafficPolicyProblems(trafficPolicy, [...path, "trafficPolicy"]) : []),
  ({ subsets }, path) =>
    checkEach(subsets, [...path, "subsets"], (subset, at) =>
      typeof subset !== "string" && subset.trafficPolicy
        ? trafficPolicyProblems(subset.trafficPolicy, [...at, "trafficPolicy"])
        : [],
    ),
  ({ subsets }, path) =>
    duplicates(
      checkEach(subsets, [...path, "subsets"], (subset, at) => [{ path: at, key: subsetName(subset) }]),
      "subset",
    ),
  ({ gateways }, path) =>
    duplicates(
      checkEach(gateways, [...path, "gateways"], (gateway, at) => [{ path: at, key: gateway }]),
      "gateway",
    ),
  function* ({ gateways, hosts }, path) {
    if (gateways.length > 0 === hosts.length > 0) return;
    const message =
      gateways.length > 0
        ? "missing; expected the host names that clients use for the gateway"
        : "host names are for gateways; add gateways: [ingress] or remove them";
    yield { path: [...path, "hosts"], message };
  },
  function* ({ gateways, http, tls }, path) {
    if (gateways.length === 0 && tls) {
      yield { path: [...path, "tls"], message: "is for gateways; add gateways: [ingress] or remove it" };
    } else if (gateways.length > 0 && http.length === 0 && !tls) {
      yield {
        path: [...path, "http"],
        message: "missing; a gateway admits only requests that a rule matches; expected a rule, or tls",
      };
    } else if (gateways.length > 0 && http.length > 0 && tls) {
      yield {
        path: [...path, "http"],
        message: "cannot be combined with tls, which the gateway does not decrypt; remove one of them",
      };
    }
  },
  ({ gateways, http }, path) =>
    gateways.length === 0
      ? []
      : checkEach(http, [...path, "http"], ({ match }, rule) =>
          checkEach(match, [...rule, "match"], ({ sourceWorkload }, at) =>
            sourceWorkload === undefined
              ? []
              : [
                  {
                    path: [...at, "sourceWorkload"],
                    message: "a gateway does not know the calling workload; use it in an entry without gateways",
                  },
                ],
          ),
        ),
];

/** Names of Services, workloads and versions. */
function nameChecks(names: Names): ServiceCheck[] {
  /** The entry's workload; checks that need it are left out where the name is wrong. */
  const known = ({ host, namespace = names.defaultNamespace }: Service) =>
    (namespace === undefined ? undefined : names.findWorkload(namespace, host)) ?? unknown();
  return [
    function* ({ host, namespace }, path) {
      const at = { path: [...path, "host"], namespacePath: [...path, "namespace"] };
      const workload = findWorkload(names, { ...at, name: host, namespace });
      if (isProblem(workload)) yield workload;
    },
    function* (service, path) {
      const { host, port } = service;
      if (port === undefined || port === known(service).port) return;
      yield { path: [...path, "port"], message: `found ${port}; ${host} has port ${known(service).port}` };
    },
    function* (service, path) {
      const { versions } = known(service);
      if (versions.length === 0) return;
      yield* checkEach(service.subsets, [...path, "subsets"], (subset, at) => {
        const { version } = subsetLabels(subset);
        if (version === undefined || versions.includes(version)) return [];
        const message = `found ${version}; ${service.host} has the versions ${listOf(versions)}, so this selects no pod`;
        return [{ path: at, message }];
      });
    },
    function* (service, path) {
      const { namespace } = known(service);
      if (service.gateways.length > 0) return;
      yield* checkEach(service.http, [...path, "http"], ({ match }, rule) =>
        checkEach(match, [...rule, "match"], ({ sourceWorkload }, at) => {
          if (sourceWorkload === undefined || names.findWorkload(namespace, sourceWorkload)) return [];
          const hint = suggestion(sourceWorkload, names.workloadNames(namespace));
          const message = `found ${sourceWorkload}; no such workload in namespace ${namespace}; ${hint}`;
          return [{ path: [...at, "sourceWorkload"], message }];
        }),
      );
    },
  ];
}

function gatewayNameChecks(names: Names): ServiceCheck[] {
  return [
    ({ gateways }, path) =>
      checkEach(gateways, [...path, "gateways"], (name, at) =>
        names.findGateway(name)
          ? []
          : [{ path: at, message: `found ${name}; no such gateway; add gateways.${name} to talos-mesh:gateways` }],
      ),
    ({ gateways, tls }, path) =>
      checkEach(tls ? gateways : [], [...path, "gateways"], (name, at) => {
        const gateway = names.findGateway(name);
        if (!gateway || gateway.tls?.mode === "PASSTHROUGH") return [];
        const found = gateway.tls?.mode ?? "no tls";
        const message = `found ${name} for tls; expected a gateway with tls.mode PASSTHROUGH, found ${found}`;
        return [{ path: at, message }];
      }),
  ];
}

interface Indexed {
  readonly path: SettingPath;
  readonly service: Service;
}

/** What entries for the same Service must not both have, and subsets that none of them declares. */
function* entriesOfOneService({ settings: { traffic }, names }: Model): Iterable<Problem> {
  const groups = new Map<string, Indexed[]>();
  let complete = true;
  for (const index of traffic.services.keys()) {
    const key = ifKnown(() => serviceKey(traffic.services[index] as Service, names));
    if (key === undefined) complete = false;
    else
      groups.set(key, [
        ...(groups.get(key) ?? []),
        { path: [...services, index], service: traffic.services[index] as Service },
      ]);
  }
  for (const [key, entries] of groups) {
    yield* runChecks(
      () =>
        duplicates(
          checkEach(entries, [], ({ service, path }) => edges(service, path, key)),
          "service",
        ),
      () => undeclaredSubsets(entries, complete),
      () => conflictingFields(entries),
      () => conflictingSubsets(entries),
    );
  }
}

function serviceKey({ host, namespace }: Service, names: Names): string {
  const own = namespace ?? names.defaultNamespace;
  return own === undefined ? host : `${own}/${host}`;
}

/** An entry is for callers in the mesh, or for its gateways. */
function edges({ gateways }: Service, path: SettingPath, key: string): Entry[] {
  const at = [...path, "host"];
  if (gateways.length === 0) return [{ path: at, key }];
  return [...new Set(gateways)].map((gateway) => ({ path: at, key: `${key} on gateway ${gateway}` }));
}

function* undeclaredSubsets(entries: readonly Indexed[], complete: boolean): Iterable<Problem> {
  if (!complete) unknown();
  const declared = new Set(entries.flatMap(({ service }) => service.subsets.map(subsetName)));
  const named = function* (route: object, path: SettingPath): Iterable<Problem> {
    for (const name of Object.keys(route)) yield* undeclared(name, [...path, name]);
  };
  const undeclared = function* (name: string, path: SettingPath): Iterable<Problem> {
    if (declared.has(name)) return;
    yield {
      path,
      message: `found ${name}, which the service's subsets do not have; ${suggestion(name, [...declared])}`,
    };
  };
  for (const { service, path } of entries) {
    yield* runChecks(
      () => named(service.tls?.route ?? {}, [...path, "tls", "route"]),
      () =>
        checkEach<Service["http"][number], Problem>(
          service.http,
          [...path, "http"],
          ({ route }, at) => named(route ?? {}, [...at, "route"]),
          ({ mirror }, at) => (mirror ? undeclared(mirror.subset, [...at, "mirror", "subset"]) : []),
        ),
    );
  }
}

/** What belongs to the Service and not to one of its entries. */
function* conflictingFields(entries: readonly Indexed[]): Iterable<Problem> {
  for (const field of ["port", "trafficPolicy"] as const) {
    const [first, ...others] = entries.filter(({ service }) => ifKnown(() => service[field]) !== undefined);
    if (!first) continue;
    for (const { path } of others) {
      const message = `${shortPath([...first.path, field])} already sets it for this service; keep one of them`;
      yield { path: [...path, field], message };
    }
  }
}

function* conflictingSubsets(entries: readonly Indexed[]): Iterable<Problem> {
  const labels = new Map<string, { readonly text: string; readonly service: SettingPath }>();
  for (const { path, service } of entries) {
    yield* checkEach(service.subsets, [...path, "subsets"], (subset, at) => {
      const name = subsetName(subset);
      const text = JSON.stringify(Object.entries(subsetLabels(subset)).sort());
      const before = labels.get(name);
      if (!before) labels.set(name, { text, service: path });
      else if (before.text !== text && before.service !== path) {
        const message = `found ${name}, which has other labels in ${shortPath(before.service)}; keep one of them`;
        return [{ path: at, message }];
      }
      return [];
    });
  }
}

function hostEntries({ hosts }: Service, path: SettingPath): Iterable<Entry> {
  return checkEach(hosts, [...path, "hosts"], (host, at) => [{ path: at, key: host }]);
}

/** Istio would merge two services under one host name of a gateway in an undocumented order. */
function* uniqueHosts({ settings: { traffic } }: Model): Iterable<Problem> {
  const reported = new Set<string>();
  const gateways = [...checkEach(traffic.services, services, (service) => service.gateways)];
  for (const gateway of new Set(gateways)) {
    const entries = checkEach(traffic.services, services, (service, path) =>
      service.gateways.includes(gateway) ? hostEntries(service, path) : [],
    );
    for (const problem of duplicates(entries, "host")) {
      const text = JSON.stringify(problem);
      if (!reported.has(text)) yield problem;
      reported.add(text);
    }
  }
}

function* anyHost({ settings: { environment, traffic } }: Model): Iterable<Problem> {
  if (environment === "dev") return;
  for (const { path, key } of checkEach(traffic.services, services, hostEntries)) {
    if (key !== "*") continue;
    yield { path, message: `found "*", which is for dev; environment ${environment} expects DNS names` };
  }
}

function faultsInProduction({ settings: { environment, traffic } }: Model): Iterable<Problem> {
  if (environment !== "production") return [];
  return checkEach(traffic.services, services, ({ http }, service) =>
    checkEach(http, [...service, "http"], ({ fault }, path) =>
      fault
        ? [{ path: [...path, "fault"], message: "environment production allows no injected faults; remove it" }]
        : [],
    ),
  );
}
