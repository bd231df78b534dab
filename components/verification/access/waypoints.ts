import { waypointTitle, workloadKey } from "../../model/names";
import { policyName } from "../../model/object-names";
import type { WaypointOnly } from "../../model/policies/policy-model";
import type { PlanContext, Probe, Series } from "../probe";
import { seriesOf } from "./cells";
import { type AccessClient, strangers } from "./clients";
import { cellThrough } from "./controls";

/**
 * That pods accept requests from their waypoint only, which ztunnel enforces: straight to a pod, past the waypoint, a client
 * is cut off; by the Service, through the waypoint, one that rules allow gets through.
 */
export function waypointProbes(context: PlanContext): Probe[] {
  const { waypointOnly } = context.model.policies;
  return waypointOnly.map((workload) => waypointProbe(context, workload));
}

function waypointProbe(context: PlanContext, workload: WaypointOnly): Probe {
  const { policies } = context.model;
  const { namespace, name, waypoint, ports } = workload;
  const stranger = strangers(policies).find(({ question }) => question.client?.dataPlane === "ambient");
  const port = ports[0]?.port;
  const closed = {
    title: "it bypasses the waypoint, and ztunnel closes its connection",
    answers: ["denied", "reset"],
  } as const;
  const past: Series[] =
    stranger && port !== undefined
      ? [
          {
            title: `${stranger.title} to a pod of ${namespace}/${name}, past the waypoint`,
            role: "effect",
            client: stranger.client,
            request: { to: { kind: "pod", namespace, workload: name, port } },
            expect: { kind: "every", outcome: closed },
          },
        ]
      : [];
  const isThroughWaypoint = ({ entry, workload: one, question: { client } }: AccessClient) =>
    entry ? waypoint.ingress : (one?.dataPlane ?? client?.dataPlane) === "ambient";
  const [through] = ports.flatMap((one) => cellThrough(context, workload, one, isThroughWaypoint) ?? []);
  const about = {
    name: `authorization waypoint of ${workloadKey(workload)}`,
    kind: "authorization" as const,
    path: ["mesh", "waypoints"],
    objects: [`AuthorizationPolicy ${namespace}/${policyName(name, "waypoint")}`],
    expectation: `its pods accept requests from ${waypointTitle(waypoint)} only`,
  };
  if (!through) {
    const notMeasurable =
      "rules let no client through the waypoint, so a closed connection does not show why it was closed";
    return { ...about, series: [], notMeasurable };
  }
  // ztunnel, which cuts the waypoint off if nothing allows it, has no record of it.
  const refutedBy = ["reset", "unreachable"] as const;
  return { ...about, series: [...past, { ...seriesOf(through, [], policies), role: "control", refutedBy }] };
}
