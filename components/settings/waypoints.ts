import type { WaypointWorkload } from "../shared/workload";
import type { MeshSettings } from "./sections/mesh";

/** The waypoints of the settings, named as istioctl does: `waypoint`, and `<service>-waypoint` for one service. */
export function waypointWorkloads({ waypoints }: Pick<MeshSettings, "waypoints">): WaypointWorkload[] {
  return waypoints.map(({ namespace, service, ingress }) => ({
    name: service === undefined ? "waypoint" : `${service}-waypoint`,
    namespace,
    service,
    ingress,
  }));
}
