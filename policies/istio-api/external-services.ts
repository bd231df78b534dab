import type { ExternalPort, ExternalService } from "../../components/model/policies/external-services";
import { allServices } from "../../components/model/policies/egress";
import type { PolicyModel } from "../../components/model/policies/policy-model";
import { externalTarget, RouteTargets } from "../../components/model/policies/route-targets";
import { externalHostName, policyName } from "../../components/model/object-names";
import type { KubernetesObject } from "../../components/shared/kubernetes/object";
import { isHttp } from "../../components/shared/workload";
import { type HttpMatch, type IstioSpecs, istioObject, type Place, type VirtualServiceRoute } from "../api-objects";
import { httpRoutes } from "./routes";
import { trafficPolicy } from "./traffic-policy";

/**
 * A `ServiceEntry` for each service outside the mesh, a `DestinationRule` for its traffic policy and subsets, and a
 * `VirtualService` for its rules. Sidecars apply them, and for ambient workloads the waypoint of its namespace.
 *
 * https://istio.io/latest/docs/reference/config/networking/service-entry/
 */
export function externalServiceObjects(model: PolicyModel): KubernetesObject[] {
  const targets = new RouteTargets(model);
  return allServices(model).flatMap((service) => [
    serviceEntry(service),
    ...service.hosts.flatMap((host) => [
      ...destinationRule(service, host),
      ...virtualService(service, host, targets, model.gatewayApi),
    ]),
  ]);
}

export function exported({ exportTo }: ExternalService): { exportTo?: string[] } {
  return exportTo ? { exportTo: [...exportTo] } : {};
}

function serviceEntry(service: ExternalService): KubernetesObject<IstioSpecs["ServiceEntry"]> {
  const { name, namespace, hosts, ports, resolution, waypoint, path: from, settings } = service;
  const { addresses, location, endpoints, workloadSelector, subjectAltNames } = settings;
  const labels = waypoint && { "istio.io/use-waypoint": waypoint.name };
  return istioObject(
    "ServiceEntry",
    { namespace, name, from, labels },
    {
      hosts: [...hosts],
      ...(addresses && { addresses }),
      ...exported(service),
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
  const { subsets, subjectAltNames } = service.settings;
  const rules = {
    ...trafficPolicy(service.settings.trafficPolicy, host, subjectAltNames),
    ...(subsets.length > 0 && {
      subsets: subsets.map((subset) => ({
        name: subset.name,
        labels: { ...subset.labels },
        ...trafficPolicy(subset.trafficPolicy, host, subjectAltNames),
      })),
    }),
  };
  if (Object.keys(rules).length === 0) return [];
  // At an egress gateway, only the gateway connects to the host.
  const closed = service.gateway?.namespace === service.namespace;
  // One that selects pods is for its own namespace only.
  const selector = service.client && { workloadSelector: { matchLabels: { ...service.client.labels } } };
  const spec = { host, ...(closed ? { exportTo: ["."] } : (selector ?? exported(service))), ...rules };
  return [istioObject("DestinationRule", objectPlace(service, host), spec)];
}

/** At an egress gateway the rules are part of the routes through it (egress-gateway.ts). */
function virtualService(
  service: ExternalService,
  host: string,
  targets: RouteTargets,
  gatewayApi: string,
): KubernetesObject<IstioSpecs["VirtualService"]>[] {
  const { settings, ports, gateway } = service;
  if (settings.http.length === 0 || gateway) return [];
  const http = ports.filter(isHttp).flatMap((port, _, all) => {
    const routes = httpRules(service, host, port, targets, gatewayApi);
    return all.length > 1 ? routes.map((route) => onPort(route, port)) : routes;
  });
  const spec = { hosts: [host], ...exported(service), http };
  return [istioObject("VirtualService", objectPlace(service, host), spec)];
}

/** The rules of a service for one of its hosts and ports. */
export function httpRules(
  service: ExternalService,
  host: string,
  port: ExternalPort,
  targets: RouteTargets,
  gatewayApi: string,
): VirtualServiceRoute[] {
  const context = { service: externalTarget(service, host), targets, port: port.number, subsetsBy: "name" } as const;
  return httpRoutes(service.settings.http, context, gatewayApi);
}

function onPort(route: VirtualServiceRoute, { number: port }: ExternalPort): VirtualServiceRoute {
  const match: HttpMatch[] = route.match ?? [{}];
  return { ...route, match: match.map((one) => ({ ...one, port })) };
}

/** With several hosts, each object of one of them has its name. */
export function objectPlace({ name, namespace, hosts, path: from }: ExternalService, host: string): Place {
  return { namespace, name: hosts.length === 1 ? name : policyName(name, externalHostName(host)), from };
}
