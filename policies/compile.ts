import type { PolicyModel } from "../components/model/policies/policy-model";
import type { KubernetesObject } from "../components/shared/kubernetes/object";
import { peerAuthentications, requestAuthentications } from "./istio-api/authentication";
import { defaultDeny, workloadPolicies } from "./istio-api/authorization";
import { credentialReaders } from "./istio-api/credentials";
import { egressGateways } from "./istio-api/egress-gateway";
import { externalServiceObjects } from "./istio-api/external-services";
import { proxyConfigs } from "./istio-api/proxy-configs";
import { rateLimits } from "./istio-api/rate-limits";
import { destinationRules } from "./istio-api/destination-rules";
import { gateways, virtualServices } from "./istio-api/routes";
import { sidecars } from "./istio-api/sidecars";
import { telemetries } from "./istio-api/telemetry";
import { networkPolicies } from "./network-policies";
import { routes } from "./gateway-api/http-routes";
import { waypointDefaultDeny, waypointEgress, waypointOnly } from "./gateway-api/security";

/** Each makes the objects of a part of the policies. */
export const compilers: readonly Compiler[] = [
  gateways,
  virtualServices,
  destinationRules,
  externalServiceObjects,
  credentialReaders,
  routes,
  peerAuthentications,
  requestAuthentications,
  defaultDeny,
  workloadPolicies,
  telemetries,
  rateLimits,
  waypointDefaultDeny,
  waypointOnly,
  sidecars,
  proxyConfigs,
  egressGateways,
  waypointEgress,
  networkPolicies,
].map(onceForModel);

type Compiler = (model: PolicyModel) => readonly KubernetesObject[];

/** The checks look at what a model becomes, and then it is deployed: each compiler runs once for it. */
function onceForModel(compile: Compiler): Compiler {
  const results = new WeakMap<PolicyModel, readonly KubernetesObject[]>();
  return (model) => {
    const objects = results.get(model) ?? compile(model);
    results.set(model, objects);
    return objects;
  };
}

/**
 * The objects of all policies, and those that the user wrote out, sorted by kind, namespace and name. A name depends on
 * the object's subject only, so that another setting or another order renames nothing.
 *
 * @param model that validation accepts
 */
export function compilePolicies(model: PolicyModel): KubernetesObject[] {
  return sorted([...policyObjects(model), ...model.objects]);
}

/** Without the objects that the user wrote out. */
export function policyObjects(model: PolicyModel): KubernetesObject[] {
  return compilers.flatMap((compile) => compile(model));
}

/** By code unit, for the same order with every locale. */
function sorted(objects: readonly KubernetesObject[]): KubernetesObject[] {
  const keyOf = ({ apiVersion, kind, metadata: { namespace = "", name } }: KubernetesObject) =>
    [kind, namespace, name, apiVersion].join("\0");
  return [...objects].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : keyOf(a) > keyOf(b) ? 1 : 0));
}
