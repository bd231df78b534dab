import type { MeshWorkload, PolicyTarget } from "../components/model/names";
import { gatewayObject, isIstioGateway } from "../components/model/policies/policy-model";
import type { GatewayWorkload } from "../components/shared/workload";
import type { IstioSpecs } from "./api-objects";

export type Attachment = Pick<IstioSpecs["AuthorizationPolicy"], "selector" | "targetRefs">;

const gatewayApi = { group: "gateway.networking.k8s.io", kind: "Gateway" };

/**
 * What a policy in the namespace of its target selects: pods, at their sidecar or at ztunnel and at gateways of Istio's
 * API; or Services at their waypoint and Gateways of Gateway API, which read no policy with a selector. Without either, it
 * applies to every pod of its namespace, in the root namespace to every pod of the mesh, except to waypoints.
 *
 * https://istio.io/latest/docs/reference/config/security/authorization-policy/
 */
export function attachment({ kind, workloads, gateways }: PolicyTarget): Attachment {
  if (kind === "mesh") return {};
  if (kind === "namespace") return waypointsOf(workloads);
  const [gateway] = gateways;
  if (gateway) return gatewayAttachment(gateway);
  return Object.assign({}, ...workloads.map(workloadAttachment)) as Attachment;
}

function workloadAttachment({ name, labels, versionServices, waypoint }: MeshWorkload): Attachment {
  if (!waypoint) return selector(labels);
  // The Service and those of the versions, so that the waypoint enforces the same for each.
  const services = [name, ...[...(versionServices?.values() ?? [])].map((version) => version.name)];
  return { targetRefs: services.map((service) => ({ group: "", kind: "Service", name: service })) };
}

export function gatewayAttachment(gateway: GatewayWorkload): Attachment {
  return isIstioGateway(gateway)
    ? selector(gateway.selector)
    : { targetRefs: [{ ...gatewayApi, name: gatewayObject(gateway).name }] };
}

/** The waypoints of a namespace; validation refuses a namespace where only some workloads have one. */
function waypointsOf(workloads: readonly MeshWorkload[]): Attachment {
  const names = new Set(workloads.flatMap(({ waypoint }) => waypoint?.name ?? []));
  return names.size > 0 ? { targetRefs: [...names].sort().map((name) => ({ ...gatewayApi, name })) } : {};
}

export function selector(labels: Readonly<Record<string, string>>) {
  return { selector: { matchLabels: { ...labels } } };
}
