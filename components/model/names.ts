import { type ApplicationName, defaultNamespace } from "../apps/registry";
import type { Settings } from "../settings/schema";
import { entryReaders, ifKnown, knownEntries, knownFields, setUnknown, unknown } from "../shared/unknown";
import type { GatewayWorkload, WaypointWorkload, Workload } from "../shared/workload";
import { type DataPlane, dataPlaneOf } from "./data-planes";
import { gatewayWorkloads } from "./gateways";
import { waypointWorkloads } from "./waypoints";
import { settingsWorkloads } from "./workloads";

export interface NamedObjects {
  /** Namespace of a workload that is named without one: that of the first deployed application. */
  readonly defaultNamespace: string | undefined;
  /** Each name once in its namespace. */
  readonly workloads: readonly Workload[];
  readonly gateways: readonly GatewayWorkload[];
  readonly waypoints: readonly WaypointWorkload[];
  /** Data plane of each namespace with workloads. @default "sidecar", for other namespaces */
  readonly dataPlanes: Readonly<Record<string, DataPlane>>;
}

/** Collects everything that the settings name. */
export function namedObjects(
  settings: Pick<Settings, ApplicationName | "applications" | "gateways" | "mesh">,
): NamedObjects {
  const workloads = settingsWorkloads(settings);
  return knownFields<NamedObjects>({
    defaultNamespace: () => defaultNamespace(settings),
    workloads: () => workloads,
    gateways: () => gatewayWorkloads(settings.gateways),
    waypoints: () => waypointWorkloads(settings.mesh),
    dataPlanes: () => {
      const planes: Record<string, DataPlane> = {};
      for (const [, { namespace }] of knownEntries(workloads)) {
        const plane = ifKnown(() => dataPlaneOf(settings.mesh, namespace));
        if (plane) planes[namespace] = plane;
        else setUnknown(planes, namespace);
      }
      return planes;
    },
  });
}

/** Finds workloads, gateways and waypoints by name. A name that may be one that could not be read is unknown. */
export class Names {
  private readonly workloads = new Map<string, Workload>();
  private readonly gateways = new Map<string, GatewayWorkload>();
  private readonly waypoints = new Map<string, WaypointWorkload>();
  private readonly byNamespace = new Map<string, string[]>();
  private readonly byIdentity = new Map<string, Workload[]>();
  /** What may have further entries: `gateways`, `waypoints`, a namespace's `workloads NAMESPACE`, all `workloads`. */
  private readonly incomplete = new Set<string>();

  constructor(readonly objects: NamedObjects) {
    for (const read of entryReaders(() => objects.workloads)) this.addWorkload(read);
    for (const read of entryReaders(() => objects.gateways)) {
      const name = ifKnown(() => read().name);
      if (name === undefined) this.incomplete.add("gateways");
      else this.gateways.set(name, read());
    }
    for (const read of entryReaders(() => objects.waypoints)) {
      const key = ifKnown(() => `${read().namespace}/${read().service ?? ""}`);
      if (key === undefined) this.incomplete.add("waypoints");
      else this.waypoints.set(key, read());
    }
  }

  private addWorkload(read: () => Workload): void {
    const [namespace, name] = [ifKnown(() => read().namespace), ifKnown(() => read().name)];
    if (namespace === undefined) this.incomplete.add("workloads");
    else if (name === undefined) {
      this.incomplete.add(`workloads ${namespace}`);
      append(this.byNamespace, namespace);
    } else {
      const workload = read();
      const account = ifKnown(() => workload.serviceAccount);
      if (account === undefined) this.incomplete.add(`identities ${namespace}`);
      else append(this.byIdentity, `${namespace}/${account}`, workload);
      append(this.byNamespace, namespace, name);
      this.workloads.set(`${namespace}/${name}`, workload);
    }
  }

  /** Namespace of a workload that is named without one. */
  get defaultNamespace(): string | undefined {
    return this.objects.defaultNamespace;
  }

  findWorkload(namespace: string, name: string): Workload | undefined {
    return this.workloads.get(`${namespace}/${name}`) ?? this.absent("workloads", `workloads ${namespace}`);
  }

  /** A workload that validation has found to exist. */
  workload(namespace: string, name: string): Workload {
    return this.findWorkload(namespace, name) ?? missing(`workload ${namespace}/${name}`);
  }

  /** Names of the workloads in a namespace, in the order of the settings. */
  workloadNames(namespace: string): readonly string[] {
    const names = this.byNamespace.get(namespace) ?? [];
    return names.length > 0 ? names : (this.absent("workloads", `workloads ${namespace}`) ?? names);
  }

  workloadNamespaces(): readonly string[] {
    return [...this.byNamespace.keys()];
  }

  findGateway(name: string): GatewayWorkload | undefined {
    return this.gateways.get(name) ?? this.absent("gateways");
  }

  /** A gateway that validation has found to exist. */
  gateway(name: string): GatewayWorkload {
    return this.findGateway(name) ?? missing(`gateway ${name}`);
  }

  gatewayNames(): readonly string[] {
    return [...this.gateways.keys()];
  }

  dataPlane(namespace: string): DataPlane {
    const planes = this.objects.dataPlanes;
    return (Object.hasOwn(planes, namespace) ? planes[namespace] : this.absent("workloads")) ?? "sidecar";
  }

  /** The waypoint in front of a service, where it is ambient and has one. */
  waypoint({ namespace, name }: Pick<Workload, "namespace" | "name">): WaypointWorkload | undefined {
    if (this.dataPlane(namespace) !== "ambient") return undefined;
    const own = this.waypoints.get(`${namespace}/${name}`) ?? this.absent("waypoints");
    return own ?? this.namespaceWaypoint(namespace);
  }

  namespaceWaypoint(namespace: string): WaypointWorkload | undefined {
    return this.waypoints.get(`${namespace}/`) ?? this.absent("waypoints");
  }

  /** Other workloads with the service account of this one: certificates do not tell them apart. */
  sameIdentity(workload: Pick<Workload, "namespace" | "name" | "serviceAccount">): readonly Workload[] {
    const { namespace, serviceAccount } = workload;
    this.absent("workloads", `workloads ${namespace}`, `identities ${namespace}`);
    const all = this.byIdentity.get(`${namespace}/${serviceAccount}`) ?? [];
    return all.filter(({ name }) => name !== workload.name);
  }

  /** Nothing was found: undefined, where that is sure. */
  private absent(...collections: readonly string[]): undefined {
    if (collections.some((collection) => this.incomplete.has(collection))) unknown();
  }
}

/** `namespace/name`, under which a workload is unique. */
export function workloadKey({ namespace, name }: Pick<Workload, "namespace" | "name">): string {
  return `${namespace}/${name}`;
}

function append<Value>(lists: Map<string, Value[]>, key: string, ...values: readonly Value[]): void {
  const list = lists.get(key);
  if (list) list.push(...values);
  else lists.set(key, [...values]);
}

function missing(what: string): never {
  throw new Error(`${what} does not exist; validation should have refused the stack file`);
}
