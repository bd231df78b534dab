import type { PolicyModel } from "../../model/policies/policy-model";
import type { Outcome, Series } from "../probe";
import { strangers } from "./clients";
import type { AccessObject } from "./objects";

/**
 * What a default-deny namespace does to a pod that no other rule is for: nothing else shows it where each workload has allow
 * rules of its own.
 */
export function witnesses({ namespace }: AccessObject, model: PolicyModel): Series[] {
  const { names, accessRules } = model;
  const dataPlane = names.dataPlane(namespace);
  const isWide = accessRules.some(
    ({ action, target: { kind, namespace: of }, settings }) =>
      action !== "AUDIT" && settings.dryRun !== true && (kind === "mesh" || (kind === "namespace" && of === namespace)),
  );
  const stranger = strangers(model).find(({ question }) => question.client?.dataPlane === dataPlane);
  if (isWide || !stranger) return [];
  const denied: Outcome = {
    title: `no rule allows it, and namespace ${namespace} denies by default`,
    answers: ["denied"],
    status: [403],
    policy: "none",
  };
  const closed: Outcome = { title: denied.title, answers: ["denied", "reset"] };
  const waypoint = model.waypoints.find((each) => each.namespace === namespace);
  const series = (by: "service" | "address", outcome: Outcome): Series => ({
    title: `${stranger.title} to a pod without rules, by its ${by}`,
    role: "effect",
    client: stranger.client,
    request: { to: { kind: "witness", namespace, by, ...(waypoint && { waypoint: waypoint.name }) } },
    expect: { kind: "every", outcome },
  });
  if (dataPlane === "sidecar") return [series("service", denied)];
  // The policy of the namespace is ztunnel's; that of its waypoint is one of its own, without which ztunnel cuts the waypoint off.
  const atWaypoint = { ...series("service", denied), refutedBy: ["reset", "unreachable"] as const };
  return [series("address", closed), ...(waypoint ? [atWaypoint] : [])];
}
