import { destinationsIn, type NamedDestination, routeEntries } from "../../../policies/destinations";
import { type MeshWorkload, workloadKey } from "../../model/names";
import type { MeshService, PolicyModel, RouteTarget } from "../../model/policies/policy-model";
import { externalTarget, RouteTargets } from "../../model/policies/route-targets";
import type { TrafficSettings } from "../../settings/sections/traffic";
import type { TrafficPolicySettings } from "../../settings/sections/traffic-policy";
import { type Problem, problemsOf, type Refusal, refusalOfEach, type SettingPath } from "../../shared/problem";
import { checkEach, runChecks } from "../../shared/unknown";

const chosen = "a sidecar sends what it gets to the pod that the client chose";
const remedy = "let clients call a Service with an address";

/**
 * What has no effect on a headless Service: a sidecar connects to the address that its client connects to. Gateways do
 * not. Source: istio/istio, pilot/pkg/networking/core/cluster.go, convertResolution, and Envoy's original_dst_cluster.cc,
 * which looks at neither health nor load.
 */
export function headlessProblems(model: PolicyModel, { services }: TrafficSettings): Iterable<Problem> {
  if (!model.workloads.some(({ headless }) => headless)) return [];
  const targets = new RouteTargets(model);
  const named = (from: RouteTarget, all: readonly NamedDestination[]): Refusal =>
    all.map((one) => {
      const target = targets.find(from, one);
      const isOther = target && (from.host !== undefined || workloadKey(target) !== workloadKey(from));
      if (!target?.headless || (!isOther && one.subset === undefined)) return undefined;
      const found = one.subset === undefined ? target.name : `version ${one.subset}`;
      return `leads to ${found}, and ${target.name} is headless: ${chosen}; remove it, or ${remedy}`;
    });
  return runChecks(
    () =>
      checkEach(model.services, [], (service) => {
        const at = service.meshPath.slice(0, -1);
        return runChecks(
          () => eachRule(service.meshRules, service.meshPath, (rule) => named(service, destinationsIn(rule, service))),
          ...(["tcp", "tls"] as const).map((list) => () => {
            const rules = list === "tcp" ? service.meshTcp : service.meshTls;
            return eachRule(rules, [...at, list], ({ route }) =>
              named(service, route ? routeEntries(route, service) : []),
            );
          }),
        );
      }),
    () =>
      checkEach(model.externalServices, [], (service) => {
        const from = externalTarget(service, service.hosts[0] ?? "");
        return eachRule(service.settings.http, [...service.path, "http"], (rule) =>
          named(from, destinationsIn(rule, from)),
        );
      }),
    () =>
      checkEach(services, ["traffic", "services"], ({ host, namespace, trafficPolicy }, path) => {
        const workload = model.names.workload(host, namespace);
        if (!workload.headless || isExposed(model.services, workload)) return [];
        const refusal = balancing(trafficPolicy, workload.name);
        const ports = refusalOfEach(trafficPolicy?.portLevelSettings, (level) => balancing(level, workload.name));
        return problemsOf({ trafficPolicy: [refusal, { portLevelSettings: ports }] }, path);
      }),
  );
}

function eachRule<Rule>(
  rules: readonly Rule[],
  path: SettingPath,
  refusal: (rule: Rule) => Refusal,
): Iterable<Problem> {
  return checkEach(rules, path, (rule, at) => problemsOf(refusal(rule), at));
}

function isExposed(services: readonly MeshService[], workload: MeshWorkload) {
  return services.some((one) => workloadKey(one) === workloadKey(workload) && one.exposures.length > 0);
}

type Balancing = Pick<TrafficPolicySettings, "loadBalancer" | "outlierDetection">;

function balancing({ loadBalancer, outlierDetection }: Balancing = {}, name: string): Refusal {
  const refusal = `${name} is headless: ${chosen}, whatever this says; remove it, or ${remedy}`;
  return {
    loadBalancer: loadBalancer !== undefined && loadBalancer.simple !== "PASSTHROUGH" && refusal,
    outlierDetection: outlierDetection !== undefined && refusal,
  };
}
