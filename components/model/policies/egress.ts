import type { EgressSettings, SecuritySettings } from "../../settings/sections/security";
import { grouped } from "../../shared/grouped";
import type { SettingPath } from "../../shared/problem";
import { entryReaders, ifKnown, knownFields, readEntries, throwUnknown } from "../../shared/unknown";
import type { GatewayWorkload, WaypointWorkload } from "../../shared/workload";
import type { MeshWorkload, Names } from "../names";
import { externalHostName } from "../object-names";
import { defaultResolution, type ExternalPort, type ExternalService, findExternalService } from "./external-services";

export type EgressMode = NonNullable<EgressSettings["mode"]>;

/** What an entry of `security.egress.allow` lets one workload reach; an entry for a namespace or the mesh is several. */
export interface EgressRule {
  readonly path: SettingPath;
  readonly settings: EgressSettings["allow"][number];
  readonly workload: MeshWorkload;
  readonly mode: EgressMode;
  readonly waypoint?: WaypointWorkload;
  /** Its hosts that `traffic.externalServices` describes, each with its service; the rule itself describes the others. */
  readonly described: ReadonlyMap<string, ExternalService>;
}

/** The only external hosts that workloads may reach. */
export interface Egress {
  readonly rules: readonly EgressRule[];
  readonly gateway?: GatewayWorkload;
}

export function egress(
  { security }: { readonly security: SecuritySettings },
  names: Names,
  services: readonly ExternalService[],
): Egress | undefined {
  const given = security.egress;
  if (!given) return undefined;
  const rules = entryReaders(() => given.allow).flatMap((read, index): (() => EgressRule)[] => {
    const target = ifKnown(() => names.target(read().from));
    if (!target) return [throwUnknown];
    const meshed = target.workloads.filter(({ dataPlane }) => dataPlane !== "none");
    // Of one workload that no proxy meshes, validation reports that.
    const workloads = target.kind === "workload" ? target.workloads : meshed;
    return workloads.map((workload) => () => {
      const mode = () => given.mode ?? (workload.dataPlane === "ambient" ? "waypoint" : "sidecar");
      return knownFields<EgressRule>({
        path: () => ["security", "egress", "allow", index],
        settings: read,
        workload: () => workload,
        mode,
        waypoint: () => (mode() === "waypoint" ? names.namespaceWaypoint(workload.namespace) : undefined),
        described: () => describedHosts(read().hosts, services),
      });
    });
  });
  return knownFields<Egress>({
    rules: () => readEntries(rules),
    gateway: () => (given.mode === "egressGateway" ? names.gateway("egress") : undefined),
  });
}

function describedHosts(hosts: readonly string[], services: readonly ExternalService[]): Map<string, ExternalService> {
  return new Map(
    hosts.flatMap((host) => {
      const service = findExternalService(services, host);
      return service ? [[host, service] as const] : [];
    }),
  );
}

/** A host that egress rules describe, with the rules that allow it. */
export interface AllowedHost {
  readonly host: string;
  readonly service: ExternalService;
  readonly rules: readonly EgressRule[];
}

/** Those of a mode, by host and namespace: that of the workload, or that of the gateway. */
export function allowedHosts({ rules, gateway }: Egress, mode: EgressMode): AllowedHost[] {
  const reached = rules
    .filter((rule) => rule.mode === mode)
    .flatMap((rule) => {
      const namespace = gateway?.namespace ?? rule.workload.namespace;
      return rule.settings.hosts.flatMap((host) => (rule.described.has(host) ? [] : [{ namespace, host, rule }]));
    });
  return grouped(reached, ({ namespace, host }) => `${namespace} ${host}`).map(([{ namespace, host }, all]) => {
    const ofHost = all.map(({ rule }) => rule);
    return { host, rules: ofHost, service: describedByRules(namespace, host, ofHost, gateway) };
  });
}

/** Those of `traffic.externalServices`, and those that egress rules describe. */
export function allServices({
  externalServices,
  egress,
}: {
  readonly externalServices: readonly ExternalService[];
  readonly egress?: Egress;
}): readonly ExternalService[] {
  if (!egress) return externalServices;
  const modes = ["sidecar", "egressGateway", "waypoint"] as const;
  const described = modes.flatMap((mode) => allowedHosts(egress, mode).map(({ service }) => service));
  return [...externalServices, ...described];
}

/** Validation makes sure that the rules agree. */
function describedByRules(
  namespace: string,
  host: string,
  rules: readonly EgressRule[],
  gateway: GatewayWorkload | undefined,
): ExternalService {
  const [first = throwUnknown()] = rules;
  const ports = new Map<number, ExternalPort>();
  const originating = new Set<number>();
  for (const { settings } of rules) {
    const { protocol, tlsOrigination } = settings;
    for (const number of settings.ports ?? []) {
      const name = `${protocol.toLowerCase()}-${number}`;
      ports.set(number, { number, name, protocol, ...(tlsOrigination && { targetPort: 443 }) });
      if (tlsOrigination) originating.add(number);
    }
  }
  const sorted = [...ports.values()].sort((a, b) => a.number - b.number);
  const tls = { mode: "SIMPLE" as const, sni: host };
  const policy =
    originating.size === sorted.length
      ? { tls }
      : { portLevelSettings: [...originating].map((number) => ({ port: { number }, tls })) };
  const hosts = [host];
  const clients = rules.map(({ workload }) => workload.namespace);
  const settings = {
    hosts,
    ports: sorted,
    location: "MESH_EXTERNAL" as const,
    subsets: [],
    http: [],
    ...(originating.size > 0 && { trafficPolicy: policy }),
  };
  const waypoint = first.mode === "waypoint" ? first.waypoint : undefined;
  return {
    path: [...first.path, "hosts", first.settings.hosts.indexOf(host)],
    settings,
    name: externalHostName(host),
    namespace,
    hosts,
    ports: sorted,
    resolution: defaultResolution(settings),
    exportTo: gateway ? [...new Set([".", ...clients])].sort() : ["."],
    ...(gateway && { gateway }),
    ...(waypoint && { waypoint }),
  };
}
