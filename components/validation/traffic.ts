import { isDeepStrictEqual } from "node:util";
import type { Model } from "../model/model";
import type { Names } from "../model/names";
import type { ResolvedEntry } from "../model/policies/policy-model";
import { namedSubset } from "../model/policies/services";
import type { TrafficServiceSettings } from "../settings/sections/traffic";
import { listOf, suggestion } from "../settings/wording";
import { duplicates, type Entry, type Problem, type SettingPath, shortPath } from "../shared/problem";
import { hasPods, type Workload } from "../shared/workload";
import { checkEach, groupKnown, ifKnown, runChecks, throwUnknown } from "../shared/unknown";
import { type Check, refuse, problemsAt, problemsOfEach, rule, unique, unknownClient, unknownWorkload } from "./check";

const services = ["traffic", "services"];

type Service = TrafficServiceSettings;

/** Checks of `talos-mesh:traffic`, but for rules and traffic policies. */
export const trafficChecks: readonly Check[] = [
  ({ settings: { traffic } }) =>
    checkEach(traffic.services, services, ({ subsets }, path) =>
      duplicates(
        checkEach(subsets, [...path, "subsets"], (subset, at) => [{ path: at, key: namedSubset(subset).name }]),
        "subset",
      ),
    ),
  unique("traffic.services.*.gateways.*", "gateway", "traffic.services.*"),
  refuse("traffic.services.*", ({ gateways, hosts, tcp }) => gateways.length > 0 && hosts.length + tcp.length === 0, {
    hosts: "missing; expected the host names that clients use for the gateway",
  }),
  refuse(
    "traffic.services.*",
    ({ gateways, hosts, tcp }) => gateways.length > 0 && hosts.length > 0 && tcp.length > 0,
    {
      hosts: "TCP has no names, and every connection to a port goes to one service; remove them",
    },
  ),
  refuse("traffic.services.*", ({ gateways, hosts }) => gateways.length === 0 && hosts.length > 0, {
    hosts: "host names are for gateways; add gateways: [ingress] or remove them",
  }),
  ...(["sourceWorkload", "sourceNamespace", "sourceLabels"] as const).map((field) =>
    rule(
      `traffic.services.*.http.*.match.*.${field}`,
      (_, model, at) =>
        serviceAt(model, at).gateways.length > 0 &&
        "a gateway does not know the calling workload; use it in an entry without gateways",
    ),
  ),
  rule("traffic.services.*.http.*.match.*.sourceWorkload", (found, model, at) => {
    if (serviceAt(model, at).gateways.length > 0) return undefined;
    const { namespace } = workloadAt(model, at);
    return unknownClient(model.names, namespace, found);
  }),
  rule("traffic.services.*", (service, { names }) => unknownWorkload(names, service, "host")),
  rule("traffic.services.*.port", (found, model, at) => {
    const { name, ports } = workloadAt(model, at);
    const known = ports.map(({ port }) => port);
    if (known.includes(found)) return undefined;
    return `found ${found}; ${name} has ${known.length > 1 ? "the ports" : "port"} ${known.join(", ")}`;
  }),
  rule("traffic.services.*.subsets.*", (subset, model, at) => {
    const { name, labels, versions } = workloadAt(model, at);
    if (!hasPods({ labels }))
      return `${name} is a Service without selector (labels: {}), whose endpoints have no labels; remove it`;
    const { version } = namedSubset(subset).labels;
    if (version === undefined || versions.length === 0 || versions.includes(version)) return undefined;
    return `found ${version}; ${name} has the versions ${listOf(versions)}, so this selects no pod`;
  }),
  rule("traffic.services.*.gateways.*", (name, { names }) => {
    if (names.findGateway(name)) return undefined;
    const known = names.gatewayNames();
    const add = `add gateways.${name} to talos-mesh:gateways`;
    return `found ${name}; no such gateway; ${known.length > 0 ? suggestion(name, known) : add}`;
  }),
  rule("traffic.services.*.gateways.*", (name, model, at) => {
    const gateway = serviceAt(model, at).tls && model.names.findGateway(name);
    if (!gateway || gateway.tls || gateway.foreign) return undefined;
    return `found ${name} for tls; expected a gateway with tls.mode PASSTHROUGH, found no tls`;
  }),
  entriesOfOneService,
  uniqueHosts,
  rule("traffic.services.*.hosts.*", (host, { settings: { environment } }) =>
    environment !== "dev" && host === "*"
      ? `found "*", which is for dev; environment ${environment} expects DNS names`
      : undefined,
  ),
];

function serviceAt({ settings }: Model, path: SettingPath): Service {
  return settings.traffic.services[Number(path[2])] ?? throwUnknown();
}

/** The workload of the entry around a path. Where its name is wrong, checks that need it are left out. */
function workloadAt(model: Model, path: SettingPath): Workload {
  const { host, namespace } = serviceAt(model, path);
  return model.names.workload(host, namespace);
}

/** What entries for the same Service must not both have. */
function* entriesOfOneService({ settings: { traffic }, names }: Model): Iterable<Problem> {
  const keyOf = (service: Service) => serviceKey(service, names);
  const { groups } = groupKnown(() => traffic.services, services, keyOf);
  for (const [key, entries] of groups) {
    const clients = checkEach(entries, [], ({ settings, path }) => edges(settings, path, key));
    yield* runChecks(
      () => duplicates(clients, "service"),
      () => conflictingFields(entries),
      () => conflictingSubsets(entries),
    );
  }
}

/** Entries with one key are of one Service. */
export function serviceKey({ host, namespace }: Service, names: Names): string {
  const own = namespace ?? names.defaultNamespace;
  return own === undefined ? host : `${own}/${host}`;
}

/** An entry is for callers in the mesh, or for its gateways: there, one with rules of each protocol. */
function edges({ gateways, tcp, tls }: Service, path: SettingPath, key: string): Entry[] {
  const at = [...path, "host"];
  if (gateways.length === 0) return [{ path: at, key }];
  const within = tls ? "tls" : tcp.length > 0 ? "tcp" : "http";
  return [...new Set(gateways)].map((gateway) => ({ path: at, key: `${key} on gateway ${gateway}`, within }));
}

/** What belongs to the Service and not to one of its entries. */
function* conflictingFields(entries: readonly ResolvedEntry<Service>[]): Iterable<Problem> {
  const [first, ...others] = entries.filter(({ settings }) => ifKnown(() => settings.trafficPolicy) !== undefined);
  const isOther = ({ settings }: ResolvedEntry<Service>) =>
    !isDeepStrictEqual(settings.trafficPolicy, first?.settings.trafficPolicy);
  yield* problemsAt(others.filter(isOther), () => ({
    trafficPolicy: `${shortPath([...(first?.path ?? []), "trafficPolicy"])} already sets it for this service; keep one of them`,
  }));
}

function conflictingSubsets(entries: readonly ResolvedEntry<Service>[]): Iterable<Problem> {
  const first = new Map<string, { readonly labels: string; readonly path: SettingPath }>();
  return checkEach(entries, [], ({ path, settings }) =>
    problemsOfEach(settings.subsets, [...path, "subsets"], (subset) => {
      const { name, labels: own } = namedSubset(subset);
      const labels = JSON.stringify(Object.entries(own).sort());
      const before = first.get(name) ?? { labels, path };
      first.set(name, before);
      if (before.labels === labels || before.path === path) return undefined;
      return `found ${name}, which has other labels in ${shortPath(before.path)}; keep one of them`;
    }),
  );
}

/** Services may share a host of a gateway, as rules by path; TLS that the gateway does not decrypt has no paths. */
function uniqueHosts({ settings: { traffic } }: Model): Iterable<Problem> {
  const entries = checkEach(traffic.services, services, ({ gateways, hosts, tls }, path) =>
    checkEach(hosts, [...path, "hosts"], (host, at) =>
      [...new Set(gateways)].map((within) => ({ path: at, key: host, within, tls: tls !== undefined })),
    ),
  );
  const all = [...entries];
  const passed = new Set(all.filter(({ tls }) => tls).map(({ key, within }) => `${within} ${key}`));
  return duplicates(
    all.filter(({ key, within }) => passed.has(`${within} ${key}`)),
    "host",
  );
}
