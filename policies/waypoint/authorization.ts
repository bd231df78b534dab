import type { KubernetesObject } from "../../components/shared/kubernetes/object";
import type { WaypointWorkload } from "../../components/shared/workload";
import type { ResolvedModel, Target } from "../resolve/resolved";
import { behindWaypoint } from "../resolve/behind-waypoint";
import { principal } from "../istio-api/access-rules";
import { auditLogs } from "../istio-api/audit-log";
import { type Attachment, bySelector, workloadPolicies } from "../istio-api/authorization";
import { type IstioSpecs, istioObject } from "../istio-api/istio-object";
import { requestAuthentications } from "../istio-api/request-authentication";

type Policy = KubernetesObject<IstioSpecs["AuthorizationPolicy"]>;

/** The Service, and the Services of its versions: whichever of them is asked for, the waypoint judges alike. */
const byService: Attachment = ({ name, versions, versionServices }) => ({
  targetRefs: [name, ...(versionServices ? versions.map((version) => `${name}-${version}`) : [])].map((service) => ({
    group: "",
    kind: "Service",
    name: service,
  })),
});

/**
 * Authorization in ambient namespaces. A workload without a waypoint is protected by ztunnel, with a selector; one with
 * a waypoint by the waypoint, with `targetRefs`, and at its pods ztunnel lets nobody in but the waypoint, under whose
 * identity all its requests come.
 *
 * https://istio.io/latest/docs/ambient/usage/l4-policy/
 */
export function ambientAuthorization(model: ResolvedModel): KubernetesObject[] {
  const atZtunnel = (target: Target) => target.dataPlane === "ambient" && !target.waypoint;
  const atWaypoint = (target: Target) => target.waypoint !== undefined;
  return [
    ...workloadPolicies(model, ({ target }) => atZtunnel(target), bySelector),
    ...workloadPolicies(model, ({ target }) => atWaypoint(target), byService),
    ...requestAuthentications(model, atWaypoint, byService),
    ...auditLogs(model, atWaypoint, byService),
    ...closedWaypoints(model),
    ...waypointOnly(model),
  ];
}

/** Under default deny a waypoint, too, allows nothing that no rule allows; it does not read the namespace's policy. */
function closedWaypoints({ waypoints, defaultDenyNamespaces }: ResolvedModel): Policy[] {
  return waypoints
    .filter(({ namespace }) => defaultDenyNamespaces.includes(namespace))
    .map(({ namespace, name }) =>
      istioObject(
        "AuthorizationPolicy",
        { namespace, name: `${name}.allow-nothing` },
        { targetRefs: [{ group: "gateway.networking.k8s.io", kind: "Gateway", name }] },
      ),
    );
}

/**
 * At the pods of workloads that a waypoint protects, ztunnel lets the waypoint in and nobody else: under default deny
 * by allowing it, elsewhere by denying all others, so that the workload's own open ports stay as they were for it.
 */
function waypointOnly(model: ResolvedModel): Policy[] {
  const closed = new Set(model.defaultDenyNamespaces);
  return behindWaypoint(model).map((target) => {
    const { waypoint, namespace, name } = target;
    const identity = [principal(identityOf(waypoint), model.trustDomain)];
    const spec = closed.has(namespace)
      ? { action: "ALLOW" as const, rules: [{ from: [{ source: { principals: identity } }] }] }
      : { action: "DENY" as const, rules: [{ from: [{ source: { notPrincipals: identity } }] }] };
    return istioObject(
      "AuthorizationPolicy",
      { namespace, name: `${name}.waypoint` },
      { ...bySelector(target), ...spec },
    );
  });
}

/** istiod runs a waypoint under a service account with its own name. */
function identityOf({ namespace, name }: WaypointWorkload) {
  return { namespace, serviceAccount: name };
}
