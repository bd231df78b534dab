import type { DataPlane } from "../../components/model/data-planes";
import type { GatewayWorkload, WaypointWorkload, Workload } from "../../components/shared/workload";
import type { PolicyModel } from "../model";

/** Finds workloads, gateways and waypoints by the names rules use. */
export class Directory {
  private readonly workloads: ReadonlyMap<string, Workload>;
  private readonly gateways: ReadonlyMap<string, GatewayWorkload>;
  private readonly waypoints: ReadonlyMap<string, WaypointWorkload>;
  private readonly byIdentity = new Map<string, Workload[]>();

  constructor(private readonly model: PolicyModel) {
    this.workloads = new Map(model.workloads.map((workload) => [workloadKey(workload), workload]));
    this.gateways = new Map(model.gateways.map((gateway) => [gateway.name, gateway]));
    this.waypoints = new Map(
      model.waypoints.map((waypoint) => [`${waypoint.namespace}/${waypoint.service ?? ""}`, waypoint]),
    );
    for (const workload of model.workloads) {
      const identity = `${workload.namespace}/${workload.serviceAccount}`;
      const same = this.byIdentity.get(identity);
      if (same) same.push(workload);
      else this.byIdentity.set(identity, [workload]);
    }
  }

  find(namespace: string, name: string): Workload | undefined {
    return this.workloads.get(`${namespace}/${name}`);
  }

  /** A workload that the rules of the settings have made sure of (components/validation/rules). */
  workload(namespace: string, name: string): Workload {
    return this.find(namespace, name) ?? unchecked(`workload ${namespace}/${name}`);
  }

  findGateway(name: string): GatewayWorkload | undefined {
    return this.gateways.get(name);
  }

  gateway(name: string): GatewayWorkload {
    return this.findGateway(name) ?? unchecked(`gateway ${name}`);
  }

  dataPlane({ namespace }: Pick<Workload, "namespace">): DataPlane {
    return this.model.dataPlanes[namespace] ?? "sidecar";
  }

  /** The waypoint before a service, where it is ambient and has one. */
  waypoint(service: Pick<Workload, "namespace" | "name">): WaypointWorkload | undefined {
    if (this.dataPlane(service) !== "ambient") return undefined;
    return this.waypoints.get(workloadKey(service)) ?? this.namespaceWaypoint(service.namespace);
  }

  /** The waypoint of a whole namespace. */
  namespaceWaypoint(namespace: string): WaypointWorkload | undefined {
    return this.waypoints.get(`${namespace}/`);
  }

  /** Workloads that nobody can tell apart from this one, because they run under its service account. */
  sameIdentity(workload: Workload): readonly Workload[] {
    const same = this.byIdentity.get(`${workload.namespace}/${workload.serviceAccount}`) ?? [];
    return same.filter((other) => other !== workload);
  }
}

/** `namespace/name`, the key under which a workload is unique. */
export function workloadKey(workload: Pick<Workload, "namespace" | "name">): string {
  return `${workload.namespace}/${workload.name}`;
}

function unchecked(what: string): never {
  throw new Error(`${what} is not there; the rules of the settings should have refused it`);
}
