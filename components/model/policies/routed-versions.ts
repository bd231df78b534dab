import type { Settings } from "../../settings/schema";
import type { DestinationSettings, HttpRuleSettings } from "../../settings/sections/http-rule";
import type { TrafficServiceSettings } from "../../settings/sections/traffic";
import type { SettingPath } from "../../shared/problem";
import { checkEach, knownEntries, runChecks } from "../../shared/unknown";
import { type MeshWorkload, type Names, workloadKey } from "../names";
import type { ExternalService } from "./external-services";

/** The subsets of a workload that rules lead to. */
export interface RoutedVersions {
  readonly workload: MeshWorkload;
  /** The first entry with such a rule. */
  readonly path: SettingPath;
  readonly versions: ReadonlySet<string>;
}

type Named = Pick<DestinationSettings, "host" | "namespace" | "subset">;
type RoutingRule = Pick<HttpRuleSettings, "route" | "mirror" | "mirrors">;

/** Subsets of workloads that rules name, by workload. What cannot be read is left out: validation reports it. */
export function routedVersions(
  { traffic }: Pick<Settings, "traffic">,
  names: Names,
  externalServices: readonly ExternalService[],
): ReadonlyMap<string, RoutedVersions> {
  const found = new Map<string, RoutedVersions>();
  const resolve = (from: Pick<MeshWorkload, "namespace">, own: MeshWorkload | undefined, path: SettingPath) => {
    return ({ host, namespace = from.namespace, subset }: Named): RoutedVersions[] => {
      const workload = host === undefined ? own : names.findWorkload(namespace, host);
      return workload && subset !== undefined ? [{ workload, path, versions: new Set([subset]) }] : [];
    };
  };
  const all = runChecks(
    () =>
      checkEach(traffic.services, ["traffic", "services"], (entry, path) => {
        const own = names.workload(entry.host, entry.namespace);
        return checkEach([...destinations(entry)], [], resolve(own, own, path));
      }),
    () =>
      checkEach(externalServices, [], (external) =>
        checkEach([...destinations(external.settings)], [], resolve(external, undefined, external.path)),
      ),
  );
  for (const entry of all) {
    const key = workloadKey(entry.workload);
    const { path = entry.path, versions = [] } = found.get(key) ?? {};
    found.set(key, { ...entry, path, versions: new Set([...versions, ...entry.versions]) });
  }
  return found;
}

/** An object is a list of one rule. */
export function tlsRules(settings: Pick<TrafficServiceSettings, "tls"> | undefined) {
  const { tls } = settings ?? {};
  return tls === undefined || Array.isArray(tls) ? tls : [tls];
}

function destinations(entry: Partial<Pick<TrafficServiceSettings, "http" | "tcp" | "tls">>): Iterable<Named> {
  return runChecks(
    () => checkEach<RoutingRule, Named>(entry.http, [], named),
    () => checkEach<RoutingRule, Named>(entry.tcp, [], named),
    () => checkEach<RoutingRule, Named>(tlsRules(entry), [], named),
  );
}

function named(rule: RoutingRule): Iterable<Named> {
  const valuesOf = (list: readonly Named[] | undefined) => knownEntries(list).map(([, value]) => value);
  return runChecks<Named>(
    () => {
      const { route } = rule;
      return Array.isArray(route) ? valuesOf(route) : Object.keys(route ?? {}).map((subset) => ({ subset }));
    },
    () => (rule.mirror ? [rule.mirror] : []),
    () => valuesOf(rule.mirrors),
  );
}
