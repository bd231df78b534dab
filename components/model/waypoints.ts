import type { MeshSettings } from "../settings/sections/mesh";
import { knownFields, mapKnown } from "../shared/unknown";
import type { WaypointWorkload } from "../shared/workload";

/** Name of a waypoint: for that of a namespace the one that istioctl gives it. */
export function waypointName({ service }: Pick<MeshSettings["waypoints"][number], "service">): string {
  return service === undefined ? "waypoint" : `${service}-waypoint`;
}

/** Every waypoint of the settings, in their order. */
export function waypointWorkloads({ waypoints }: Pick<MeshSettings, "waypoints">): WaypointWorkload[] {
  return mapKnown(waypoints, (waypoint) =>
    knownFields<WaypointWorkload>({
      name: () => waypointName(waypoint),
      namespace: () => waypoint.namespace,
      service: () => waypoint.service,
      ingress: () => waypoint.ingress,
    }),
  );
}
