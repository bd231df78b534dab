import { type PolicyTarget, waypointTitle } from "../../model/names";
import type { PolicyModel } from "../../model/policies/policy-model";
import type { Problem, Refusal } from "../../shared/problem";
import { isSystemNamespace, rootNamespace } from "../../shared/istio";
import { runChecks } from "../../shared/unknown";
import { problemsAt, proxyRemedy } from "../check";

/** Policies of any kind whose target as a whole no object can select. */
export function targetProblems({ targeted, mtlsExceptions }: PolicyModel): Iterable<Problem> {
  const selecting = targeted.filter(({ appliesToWaypoints }) => !appliesToWaypoints);
  // Of exceptions for a whole namespace, those for the root namespace have a message of their own (access-rules.ts).
  const ofNamespaces = new Set<object>(mtlsExceptions.filter(({ target }) => target.namespace === rootNamespace));
  const others = targeted.filter((one) => one.target.kind !== "namespace" || !ofNamespaces.has(one));
  return runChecks(
    () => problemsAt(others, ({ target }) => ofSystem(target)),
    () => problemsAt(selecting, ({ target }) => wholeMesh(target) ?? wholeNamespace(target)),
  );
}

/** Without a proxy at the workload nothing enforces a policy; and one of the root namespace is for the whole mesh. */
function ofSystem({ kind, namespace, title }: PolicyTarget): Refusal {
  if (kind === "gateway" || kind === "mesh" || !isSystemNamespace(namespace)) return undefined;
  return `${title} has no proxy that would enforce this; ${proxyRemedy(namespace)}`;
}

/** A policy in the root namespace does not apply to waypoints, and behind them pods see the waypoint as their client. */
function wholeMesh({ kind, workloads }: PolicyTarget): Refusal {
  const served = workloads.find(({ waypoint }) => waypoint);
  if (kind !== "mesh" || !served?.waypoint) return undefined;
  const namespaces = [...new Set(workloads.map(({ namespace }) => namespace))];
  return (
    `a policy for the whole mesh does not apply to ${waypointTitle(served.waypoint)}; ` +
    `write one entry for each namespace instead: ${namespaces.map((namespace) => `${namespace}/*`).join(", ")}`
  );
}

function wholeNamespace({ kind, namespace, workloads, gateways: [gateway] }: PolicyTarget): Refusal {
  const waypoint = workloads.find((workload) => workload.waypoint)?.waypoint;
  if (kind !== "namespace" || !waypoint) return undefined;
  const without = workloads.find((workload) => !workload.waypoint);
  if (without) {
    return (
      `${without.name} has no waypoint, and others of namespace ${namespace} have one, where the same policy needs another form; ` +
      `add { namespace: ${namespace} } to talos-mesh:mesh.waypoints, or name the workloads one by one`
    );
  }
  return (
    gateway &&
    `namespace ${namespace} has the gateway ${gateway.name} besides workloads behind ${waypointTitle(waypoint)}, which one policy cannot select; ` +
      "name the workloads one by one"
  );
}
