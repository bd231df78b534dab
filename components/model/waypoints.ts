import type { WaypointWorkload } from "../shared/workload";
import type { MeshSettings } from "../settings/sections/mesh";

/** Name of a waypoint: istioctl's own for that of a namespace. */
export function waypointName({ service }: Pick<MeshSettings["waypoints"][number], "service">): string {
  return service === undefined ? "waypoint" : `${service}-waypoint`;
}

/** The waypoints of the settings, as policies name them. */
export function waypointWorkloads({ waypoints }: Pick<MeshSettings, "waypoints">): WaypointWorkload[] {
  return waypoints.map(({ namespace, service, ingress }) => ({
    name: waypointName({ service }),
    namespace,
    service,
    ingress,
  }));
}
