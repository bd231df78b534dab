import { workloadKey } from "../../components/model/names";
import { policyName } from "../../components/model/object-names";
import {
  clusterHost,
  isIstioGateway,
  type MeshService,
  type PolicyModel,
  type Subset,
} from "../../components/model/policies/policy-model";
import { RouteTargets } from "../../components/model/policies/route-targets";
import type { TrafficPolicySettings } from "../../components/settings/sections/traffic-policy";
import type { KubernetesObject } from "../../components/shared/kubernetes/object";
import { type IstioSpecs, istioObject } from "../api-objects";
import { destinationsIn } from "../destinations";
import { encryptedPorts, type EncryptedPorts, originatesTls, policyInMesh, tlsAt } from "../gateway-tls";
import { trafficPolicy } from "./traffic-policy";

type DestinationRule = KubernetesObject<IstioSpecs["DestinationRule"]>;

/**
 * A `DestinationRule` for each service with subsets or a traffic policy, for each version that an HTTPRoute may route to,
 * and for each gateway that speaks TLS to a service for clients which it has decrypted. None sets TLS unless the settings
 * do: Istio's automatic mTLS follows the server, and a mode overrides it.
 *
 * https://istio.io/latest/docs/reference/config/networking/destination-rule/
 */
export function destinationRules(model: PolicyModel): DestinationRule[] {
  const byVersion = servicesByVersion(model);
  const encryptedOf = encryptedPorts(model);
  return model.services.flatMap((service) => {
    const encrypted = encryptedOf(service);
    const inMesh = (policy: TrafficPolicySettings | undefined) => policyInMesh(policy, service, encrypted);
    const versions = service.waypoint || byVersion.has(workloadKey(service)) ? service.subsets : [];
    return [
      ...serviceDestinationRule(service, inMesh),
      ...gatewayDestinationRules(service, encrypted),
      ...versions.flatMap((subset) => versionDestinationRule(service, subset, inMesh)),
    ];
  });
}

type Choice = (policy: TrafficPolicySettings | undefined) => TrafficPolicySettings | undefined;

function serviceDestinationRule(service: MeshService, inMesh: Choice): DestinationRule[] {
  const { name, namespace } = service;
  const rules = serviceRules(service, inMesh);
  if (Object.keys(rules).length === 0) return [];
  const from = service.paths[0] ?? [];
  return [istioObject("DestinationRule", { namespace, name, from }, { host: clusterHost(service), ...rules })];
}

function serviceRules(service: MeshService, choice: Choice = (policy) => policy) {
  const host = clusterHost(service);
  const subsets = service.subsets.map((subset) => ({
    name: subset.name,
    labels: { ...subset.labels },
    ...trafficPolicy(choice(subset.trafficPolicy), host),
  }));
  return { ...trafficPolicy(choice(service.trafficPolicy), host), ...(subsets.length > 0 && { subsets }) };
}

/**
 * For the pods of a gateway alone: a proxy takes the rule of its own namespace that selects it before others.
 * Source: istio/istio, pilot/pkg/model/sidecar.go, DestinationRule.
 */
function gatewayDestinationRules(service: MeshService, encrypted: EncryptedPorts): DestinationRule[] {
  const policies = [service.trafficPolicy, ...service.subsets.map((subset) => subset.trafficPolicy)];
  const speaksTls = [...encrypted].filter(([port]) => policies.some((policy) => originatesTls(tlsAt(policy, port))));
  const gateways = new Set(speaksTls.flatMap(([, all]) => [...all]));
  return [...gateways].map((gateway) =>
    istioObject(
      "DestinationRule",
      {
        namespace: gateway.namespace,
        name: policyName(service.name, service.namespace, gateway.name),
        from: service.paths[0] ?? [],
      },
      {
        host: clusterHost(service),
        exportTo: ["."],
        workloadSelector: { matchLabels: { ...gateway.selector } },
        ...serviceRules(service),
      },
    ),
  );
}

/** Services to the versions of which a gateway of kind gateway-api routes. */
function servicesByVersion(model: PolicyModel): ReadonlySet<string> {
  const targets = new RouteTargets(model);
  const found = model.services.flatMap((service) =>
    service.exposures
      .filter(({ gateway }) => !isIstioGateway(gateway))
      .flatMap(({ rules, tcp, tls = [] }) =>
        [...rules, ...tcp, ...tls].flatMap((rule) => destinationsIn(rule, service)),
      )
      .flatMap((named) => (named.subset === undefined ? [] : (targets.find(service, named) ?? []))),
  );
  return new Set(found.map(workloadKey));
}

/** The host of a version's Service is not that of the service, so the service's traffic policy is repeated for it. */
function versionDestinationRule(
  { name, namespace, trafficPolicy: ofService, paths: [from = []] }: MeshService,
  subset: Subset,
  inMesh: Choice,
): DestinationRule[] {
  // It presents the certificate of the service.
  const policy = trafficPolicy(inMesh({ ...ofService, ...subset.trafficPolicy }), clusterHost({ name, namespace }));
  if (subset.service === undefined || Object.keys(policy).length === 0) return [];
  const host = clusterHost({ namespace, name: subset.service.name });
  const place = { namespace, name: policyName(name, subset.name), from };
  return [istioObject("DestinationRule", place, { host, ...policy })];
}
