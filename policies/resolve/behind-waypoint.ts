import type { WaypointWorkload } from "../../components/shared/workload";
import { workloadKey } from "./directory";
import type { ResolvedModel, Target } from "./resolved";

/** A workload whose pods let nobody in but its waypoint. */
export type Guarded = Target & { readonly waypoint: WaypointWorkload };

/** Workloads that have rules, or are closed by default, and a waypoint which judges by them: whoever passes it by is refused. */
export function behindWaypoint({
  targets,
  defaultDenyNamespaces,
  accessRules,
  externalRules,
  tokenRules,
}: ResolvedModel): Guarded[] {
  const ruled = new Set([...accessRules, ...externalRules, ...tokenRules].map(({ target }) => workloadKey(target)));
  return targets.flatMap((target) => {
    const { waypoint, namespace } = target;
    if (!waypoint || !(defaultDenyNamespaces.includes(namespace) || ruled.has(workloadKey(target)))) return [];
    return [{ ...target, waypoint }];
  });
}
