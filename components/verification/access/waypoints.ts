import { waypointTitle, workloadKey } from "../../model/names";
import { policyName } from "../../model/object-names";
import type { WaypointOnly } from "../../model/policies/policy-model";
import { isHttp } from "../../shared/workload";
import type { PlanContext, Probe, Series } from "../probe";
import { type Cell, cellOf, seriesOf } from "./cells";
import { strangers, workloadClients } from "./clients";
import { accessDrafts, isSafe } from "./drafts";

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
  const through = firstAllowed(context, workload);
  return {
    name: `authorization waypoint of ${workloadKey(workload)}`,
    kind: "authorization",
    path: ["mesh", "waypoints"],
    objects: [`AuthorizationPolicy ${namespace}/${policyName(name, "waypoint")}`],
    expectation: `its pods accept requests from ${waypointTitle(waypoint)} only`,
    series: [
      ...past,
      // ztunnel, which cuts the waypoint off if nothing allows it, has no record of it.
      ...(through ? [{ ...seriesOf(through, [], policies), refutedBy: ["reset", "unreachable"] as const }] : []),
    ],
  };
}

function firstAllowed(context: PlanContext, workload: WaypointOnly): Cell | undefined {
  const { policies } = context.model;
  if (!workload.ports.some(isHttp)) return undefined;
  const drafts = accessDrafts(context, workload, [policies.names.target(workloadKey(workload))]);
  const clients = workloadClients(policies).filter((client) => client.workload?.dataPlane === "ambient");
  for (const client of clients) {
    for (const draft of drafts.filter(({ method }) => isSafe(method))) {
      const cell = cellOf(policies, client, workload, draft);
      if (!cell.explanation.end && cell.explanation.outcome === "passes") return cell;
    }
  }
  return undefined;
}
