import type { Settings } from "../settings/schema";
import {
  copyWithField,
  entryReaders,
  ifKnown,
  knownEntries,
  knownFields,
  mapKnown,
  throwUnknown,
} from "../shared/unknown";
import { type GatewayWorkload, hasPods, type WaypointWorkload, type Workload } from "../shared/workload";
import { type DataPlane, dataPlaneOf } from "./data-planes";
import { gatewayWorkloads } from "./gateways";
import { waypointName } from "./object-names";
import { own } from "../shared/own";
import { rootNamespace } from "../shared/istio";
import { defaultNamespace, settingsWorkloads, type WorkloadSections } from "./workloads";

export interface NamedObjects {
  /** Namespace of a workload that is named without one. */
  readonly defaultNamespace: string | undefined;
  /** Each name once in its namespace. */
  readonly workloads: readonly Workload[];
  readonly gateways: readonly GatewayWorkload[];
  readonly waypoints: readonly WaypointWorkload[];
  /** Data plane of each namespace with workloads. @default "sidecar", for other namespaces */
  readonly dataPlanes: Readonly<Record<string, DataPlane>>;
}

/** A workload with what enforces policies for it. */
export interface MeshWorkload extends Workload {
  readonly dataPlane: DataPlane;
  readonly waypoint?: WaypointWorkload;
}

/** What a policy applies to. Its objects are in `namespace`, which for the mesh is the root namespace. */
export interface PolicyTarget {
  readonly kind: "workload" | "gateway" | "namespace" | "mesh";
  /** Of a workload or a gateway. */
  readonly name?: string;
  readonly namespace: string;
  /** As messages name it: `front`, `gateway ingress`, `namespace shop`, `the mesh`. */
  readonly title: string;
  /** Workloads and gateways that it covers. In a namespace without a waypoint, that is its gateways too. */
  readonly workloads: readonly MeshWorkload[];
  readonly gateways: readonly GatewayWorkload[];
}

/** The identity that a client's certificate proves. */
export type Caller = Pick<Workload, "name" | "namespace" | "serviceAccount">;

/** Collects everything that the settings name, in the order of the settings. */
export function namedObjects(settings: WorkloadSections & Pick<Settings, "gateways" | "mesh">): NamedObjects {
  const workloads = settingsWorkloads(settings);
  return knownFields<NamedObjects>({
    defaultNamespace: () => defaultNamespace(settings),
    workloads: () => workloads,
    gateways: () => gatewayWorkloads(settings.gateways),
    waypoints: () =>
      mapKnown(settings.mesh.waypoints, (waypoint) => copyWithField(waypoint, "name", () => waypointName(waypoint))),
    dataPlanes: () => {
      const namespaces = knownEntries(workloads).map(([, { namespace }]) => namespace);
      const read = (namespace: string) => [namespace, () => dataPlaneOf(settings.mesh, namespace)] as const;
      return knownFields<Record<string, DataPlane>>(Object.fromEntries(namespaces.map(read)));
    },
  });
}

/** As messages name it: those of namespaces are all named `waypoint`. */
export function waypointTitle({ namespace, service }: WaypointWorkload): string {
  return service === undefined ? `the waypoint of namespace ${namespace}` : `the waypoint of service ${service}`;
}

/**
 * Finds workloads, gateways and waypoints by name. If a list has an unreadable entry, a name that is not
 * found in it is unknown, not absent (components/shared/unknown.ts).
 */
export class Names {
  readonly workloads: readonly MeshWorkload[];
  private readonly named = new Map<string, Map<string, MeshWorkload>>();
  private readonly gateways = new Map<string, GatewayWorkload>();
  private readonly waypoints = new Map<string, WaypointWorkload>();
  /** One object for each target, however many policies name it. */
  private readonly targets = new Map<string, PolicyTarget>();
  /** What may have further entries: `gateways`, `waypoints`, a namespace's `workloads NAMESPACE`, all `workloads`. */
  private readonly incomplete = new Set<string>();

  constructor(readonly objects: NamedObjects) {
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
    this.workloads = mapKnown(objects.workloads, (workload) => {
      const withDataPlane = copyWithField(workload, "dataPlane", () =>
        hasPods(workload) ? this.dataPlane(workload.namespace) : "none",
      );
      return copyWithField(withDataPlane, "waypoint", () => (hasPods(workload) ? this.waypoint(workload) : undefined));
    });
    for (const read of entryReaders(() => this.workloads)) {
      const [namespace, name] = [ifKnown(() => read().namespace), ifKnown(() => read().name)];
      if (namespace === undefined) {
        this.incomplete.add("workloads");
        continue;
      }
      const others = this.named.get(namespace) ?? new Map<string, MeshWorkload>();
      this.named.set(namespace, others);
      if (name === undefined) this.incomplete.add(`workloads ${namespace}`);
      else others.set(name, read());
    }
  }

  get defaultNamespace(): string | undefined {
    return this.objects.defaultNamespace;
  }

  findWorkload(namespace: string | undefined, name: string): MeshWorkload | undefined {
    if (namespace === undefined) return undefined;
    return this.named.get(namespace)?.get(name) ?? this.throwIfIncomplete("workloads", `workloads ${namespace}`);
  }

  /** A name that does not exist is unknown: validation reports it, and makes every check that does not depend on it. */
  workload(name: string, namespace = this.defaultNamespace): MeshWorkload {
    return this.findWorkload(namespace, name) ?? throwUnknown();
  }

  /** A workload by `name`, in a namespace, or by `namespace/name`. */
  reference(reference: string, namespace?: string): MeshWorkload {
    const [first = "", second] = reference.split("/");
    return second === undefined ? this.workload(first, namespace) : this.workload(second, first);
  }

  /** A gateway, or a workload as `reference`; validation refuses a name that means both. */
  caller(reference: string, namespace?: string): Caller {
    return this.findGateway(reference) ?? this.reference(reference, namespace);
  }

  /**
   * What a policy applies to: `NAME` is a workload in `namespace`, or a gateway where no workload has the name;
   * `NS/NAME` names the namespace; `NS/*` is every workload of a namespace, and `*` is the whole mesh.
   */
  findTarget(reference: string, namespace = this.defaultNamespace): PolicyTarget | undefined {
    if (reference === "*") return this.meshTarget;
    const [name = "", inNamespace] = reference.split("/").reverse();
    if (name === "*")
      return this.workloadNames(inNamespace ?? "").length > 0 ? this.namespaceTarget(inNamespace ?? "") : undefined;
    const workload = this.findWorkload(inNamespace ?? namespace, name);
    if (workload) return this.cachedTarget(workloadKey(workload), () => workloadTarget(workload));
    const gateway = this.findGateway(name);
    if (!gateway || (inNamespace !== undefined && gateway.namespace !== inNamespace)) return undefined;
    return this.cachedTarget(`gateway ${name}`, () => gatewayTarget(gateway));
  }

  target(reference: string, namespace?: string): PolicyTarget {
    return this.findTarget(reference, namespace) ?? throwUnknown();
  }

  /** Also for a namespace in which the settings name no workload. */
  namespaceTarget(namespace: string): PolicyTarget {
    return this.cachedTarget(`${namespace}/*`, () => ({
      kind: "namespace",
      namespace,
      title: `namespace ${namespace}`,
      workloads: this.workloads.filter((workload) => workload.namespace === namespace),
      gateways: this.objects.gateways.filter((gateway) => gateway.namespace === namespace),
    }));
  }

  private get meshTarget(): PolicyTarget {
    return this.cachedTarget("*", () => ({
      kind: "mesh",
      namespace: rootNamespace,
      title: "the mesh",
      workloads: this.workloads,
      gateways: this.objects.gateways,
    }));
  }

  private cachedTarget(key: string, make: () => PolicyTarget): PolicyTarget {
    const target = this.targets.get(key) ?? make();
    this.targets.set(key, target);
    return target;
  }

  workloadNames(namespace: string): readonly string[] {
    const names = [...(this.named.get(namespace)?.keys() ?? [])];
    return names.length > 0 ? names : (this.throwIfIncomplete("workloads", `workloads ${namespace}`) ?? names);
  }

  workloadNamespaces(): readonly string[] {
    return [...this.named.keys()];
  }

  findGateway(name: string): GatewayWorkload | undefined {
    return this.gateways.get(name) ?? this.throwIfIncomplete("gateways");
  }

  gateway(name: string): GatewayWorkload {
    return this.findGateway(name) ?? throwUnknown();
  }

  gatewayNames(): readonly string[] {
    return [...this.gateways.keys()];
  }

  dataPlane(namespace: string): DataPlane {
    return own(this.objects.dataPlanes, namespace) ?? this.throwIfIncomplete("workloads") ?? "sidecar";
  }

  waypoint({ namespace, name }: Pick<Workload, "namespace" | "name">): WaypointWorkload | undefined {
    if (this.dataPlane(namespace) !== "ambient") return undefined;
    const own = this.waypoints.get(`${namespace}/${name}`) ?? this.throwIfIncomplete("waypoints");
    return own ?? this.namespaceWaypoint(namespace);
  }

  namespaceWaypoint(namespace: string): WaypointWorkload | undefined {
    return this.waypoints.get(`${namespace}/`) ?? this.throwIfIncomplete("waypoints");
  }

  /** Other workloads with the service account of this one: certificates do not tell them apart. */
  sameIdentity({ namespace, name, serviceAccount }: Caller): readonly Workload[] {
    this.throwIfIncomplete("workloads", `workloads ${namespace}`);
    const all = [...(this.named.get(namespace)?.values() ?? [])];
    // A Service without pods is no client.
    if (all.some((one) => one.name === name && !hasPods(one))) return [];
    return all.filter((other) => other.serviceAccount === serviceAccount && other.name !== name && hasPods(other));
  }

  /** Nothing was found: undefined where the lists are complete, else unknown. */
  private throwIfIncomplete(...collections: readonly string[]): undefined {
    if (collections.some((collection) => this.incomplete.has(collection))) throwUnknown();
  }
}

function workloadTarget(workload: MeshWorkload): PolicyTarget {
  const { name, namespace } = workload;
  return { kind: "workload", name, namespace, title: name, workloads: [workload], gateways: [] };
}

function gatewayTarget(gateway: GatewayWorkload): PolicyTarget {
  const { name, namespace } = gateway;
  return { kind: "gateway", name, namespace, title: `gateway ${name}`, workloads: [], gateways: [gateway] };
}

/** Whether a policy for `wide` applies to all that one for `narrow` applies to. */
export function covers(wide: PolicyTarget, narrow: PolicyTarget): boolean {
  if (wide.kind === "mesh" || wide === narrow) return true;
  return wide.kind === "namespace" && narrow.kind !== "mesh" && wide.namespace === narrow.namespace;
}

/** Policies with the same key are joined in one object. */
export function targetKey({ kind, namespace, name = "*" }: Pick<PolicyTarget, "kind" | "namespace" | "name">): string {
  return `${kind} ${namespace}/${name}`;
}

export function workloadKey({ namespace, name }: Pick<Workload, "namespace" | "name">): string {
  return `${namespace}/${name}`;
}
