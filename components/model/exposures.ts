import { exposedPages } from "../observability/addons/registry";
import type { Settings } from "../settings/schema";
import type { SettingPath } from "../shared/problem";
import { ifKnown, knownEntries } from "../shared/unknown";
import { defaultNamespace, type WorkloadSections } from "./workloads";

/** What has services behind gateways: routes, and the pages of addons. */
export type ExposingSections = WorkloadSections & Pick<Settings, "traffic" | "observability">;

export interface ExposedEntry {
  readonly path: SettingPath;
  readonly gateways: readonly string[];
  readonly hosts: readonly string[];
  /** Of the service, and so of its routes. */
  readonly namespace: string;
  /** Whether the workload terminates TLS. */
  readonly tls: boolean;
}

export function exposedEntries({ traffic, observability, ...sections }: ExposingSections): ExposedEntry[] {
  const services = knownEntries(traffic.services).map(([index, service]) => ({
    path: ["traffic", "services", index],
    gateways: service.gateways,
    hosts: service.hosts,
    namespace: service.namespace ?? ifKnown(() => defaultNamespace(sections)) ?? "",
    tls: service.tls !== undefined,
  }));
  const pages = exposedPages(() => observability).map(({ path, service: { namespace }, settings }) => {
    const { gateways, hosts } = settings;
    return { path, gateways, hosts, namespace, tls: false };
  });
  return [...services, ...pages].filter(({ gateways }) => gateways.length > 0);
}

export interface ExposedHost extends Pick<ExposedEntry, "namespace"> {
  readonly host: string;
  /** Whether some of its connections are passed on as they are, and whether others are decrypted. */
  readonly passthrough: boolean;
  readonly http: boolean;
}

/** The host names that a gateway exposes, each once, sorted, with the namespace of the service that each belongs to. */
export function exposedHosts(settings: ExposingSections, gateway: string): ExposedHost[] {
  const owners = new Map<string, ExposedHost>();
  for (const { gateways, hosts, namespace, tls } of exposedEntries(settings)) {
    if (!gateways.includes(gateway)) continue;
    for (const host of hosts) {
      const { passthrough = false, http = false, ...first } = owners.get(host) ?? { namespace };
      owners.set(host, { ...first, host, passthrough: passthrough || tls, http: http || !tls });
    }
  }
  return [...owners.values()].sort((a, b) => (a.host < b.host ? -1 : 1));
}
