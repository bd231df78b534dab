import { type ExternalPort, type ExternalService, isHttp } from "../../components/model/policies/external-services";
import type { PolicyModel } from "../../components/model/policies/policy-model";
import { externalTarget, RouteTargets } from "../../components/model/policies/route-targets";
import { externalHostName, policyName } from "../../components/model/object-names";
import type { ExternalTrafficPolicySettings } from "../../components/settings/sections/traffic-policy";
import type { KubernetesObject } from "../../components/shared/kubernetes/object";
import { type HttpMatch, type IstioSpecs, istioObject, type Place, type VirtualServiceRoute } from "../api-objects";
import { httpRoutes } from "./routes";

/**
 * A `ServiceEntry` for each service outside the mesh, a `DestinationRule` for its traffic policy and subsets, and a
 * `VirtualService` for its rules. Sidecars apply them, and for ambient workloads the waypoint of its namespace.
 *
 * https://istio.io/latest/docs/reference/config/networking/service-entry/
 */
export function externalServiceObjects(model: PolicyModel): KubernetesObject[] {
  const targets = new RouteTargets(model);
  return model.externalServices.flatMap((service) => [
    serviceEntry(service),
    ...service.hosts.flatMap((host) => [
      ...destinationRule(service, host),
      ...virtualService(service, host, targets, model.gatewayApi),
    ]),
  ]);
}

function serviceEntry(service: ExternalService): KubernetesObject<IstioSpecs["ServiceEntry"]> {
  const { name, namespace, hosts, ports, resolution, waypoint, path: from, settings } = service;
  const { addresses, location, endpoints, workloadSelector, subjectAltNames, exportTo } = settings;
  const labels = waypoint && { "istio.io/use-waypoint": waypoint.name };
  return istioObject(
    "ServiceEntry",
    { namespace, name, from, labels },
    {
      hosts: [...hosts],
      ...(addresses && { addresses }),
      ...(exportTo && { exportTo }),
      location,
      resolution,
      ports: ports.map((port) => ({ ...port })),
      ...(endpoints && { endpoints }),
      ...(workloadSelector && { workloadSelector }),
      ...(subjectAltNames && { subjectAltNames }),
    },
  );
}

function destinationRule(service: ExternalService, host: string): KubernetesObject<IstioSpecs["DestinationRule"]>[] {
  const { exportTo, subsets } = service.settings;
  const rules = {
    ...trafficPolicy(service.settings.trafficPolicy, host),
    ...(subsets.length > 0 && {
      subsets: subsets.map((subset) => ({
        name: subset.name,
        labels: { ...subset.labels },
        ...trafficPolicy(subset.trafficPolicy, host),
      })),
    }),
  };
  if (Object.keys(rules).length === 0) return [];
  return [istioObject("DestinationRule", placeOf(service, host), { host, ...(exportTo && { exportTo }), ...rules })];
}

/** A proxy that speaks TLS for a workload names the host, by which the server chooses its certificate. */
function trafficPolicy(
  settings: ExternalTrafficPolicySettings | undefined,
  host: string,
): Pick<IstioSpecs["DestinationRule"], "trafficPolicy"> {
  if (!settings || Object.keys(settings).length === 0) return {};
  const named = <Policy extends Pick<ExternalTrafficPolicySettings, "tls">>(policy: Policy): Policy => {
    const { tls } = policy;
    const originates = tls && (tls.mode === "SIMPLE" || tls.mode === "MUTUAL");
    return originates && !host.startsWith("*") ? { ...policy, tls: { sni: host, ...tls } } : policy;
  };
  const { portLevelSettings } = settings;
  return {
    trafficPolicy: {
      ...named(settings),
      ...(portLevelSettings && { portLevelSettings: portLevelSettings.map(named) }),
    },
  };
}

function virtualService(
  service: ExternalService,
  host: string,
  targets: RouteTargets,
  gatewayApi: string,
): KubernetesObject<IstioSpecs["VirtualService"]>[] {
  const { settings, ports } = service;
  if (settings.http.length === 0) return [];
  const http = ports.filter(isHttp).flatMap((port, _, all) => {
    const target = externalTarget(service, host, [port]);
    const routes = httpRoutes(settings.http, { service: target, targets, subsetsBy: "name" }, gatewayApi);
    return all.length > 1 ? routes.map((route) => onPort(route, port)) : routes;
  });
  const { exportTo } = settings;
  return [
    istioObject("VirtualService", placeOf(service, host), { hosts: [host], ...(exportTo && { exportTo }), http }),
  ];
}

function onPort(route: VirtualServiceRoute, { number: port }: ExternalPort): VirtualServiceRoute {
  const match: HttpMatch[] = route.match ?? [{}];
  return { ...route, match: match.map((one) => ({ ...one, port })) };
}

/** With several hosts, each object of one of them has its name. */
function placeOf({ name, namespace, hosts, path: from }: ExternalService, host: string): Place {
  return { namespace, name: hosts.length === 1 ? name : policyName(name, externalHostName(host)), from };
}
