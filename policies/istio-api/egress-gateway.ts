import { type Egress, allowedHosts } from "../../components/model/policies/egress";
import {
  type EgressEntrance,
  entrancesOf,
  type RoutedService,
  routedServices,
} from "../../components/model/policies/egress-entrances";
import { clusterHost, isIstioGateway, type PolicyModel } from "../../components/model/policies/policy-model";
import { type MeshWorkload, workloadKey } from "../../components/model/names";
import { RouteTargets } from "../../components/model/policies/route-targets";
import { egressGatewayName, egressLabel, policyName } from "../../components/model/object-names";
import { grouped } from "../../components/shared/grouped";
import type { KubernetesObject } from "../../components/shared/kubernetes/object";
import { type GatewayWorkload, isEncrypted, isHttp } from "../../components/shared/workload";
import { istioObject, principal, sortedUnique, type VirtualServiceRoute } from "../api-objects";
import { gatewayAttachment } from "../attachment";
import { exported, httpRules, objectPlace } from "./external-services";

/**
 * Services outside the mesh behind an egress gateway: a workload's sidecar sends requests for a host to the gateway with
 * mTLS and the host as SNI. Where `security.egress` decides who may, the gateway authorizes by the certificate and the SNI.
 * Gateways are in the gateway's namespace, which owners of workloads do not write to. What a gateway of kind gateway-api
 * does with the requests is in its listeners and their routes (gateway-api/egress-routes.ts); clients reach it by the same
 * VirtualServices, because an HTTPRoute cannot name the subset with the SNI of a host.
 *
 * https://istio.io/latest/docs/tasks/traffic-management/egress/egress-gateway/
 */
export function egressGateways(model: PolicyModel): KubernetesObject[] {
  const { egress } = model;
  const targets = new RouteTargets(model);
  const routed = routedServices(model);
  return [
    ...routed.flatMap((service) =>
      service.hosts.flatMap((host) => objectsOfHost(service, host, targets, model.gatewayApi)),
    ),
    ...grouped(routed, ({ gateway }) => gateway.name).map(([, services]) => gatewayDestinationRule(services)),
    ...(egress?.gateway ? [authorization(egress, egress.gateway, model)] : []),
  ];
}

function objectsOfHost(
  service: RoutedService,
  host: string,
  targets: RouteTargets,
  gatewayApi: string,
): KubernetesObject[] {
  const { gateway } = service;
  const place = objectPlace(service, host);
  const ofIstio = isIstioGateway(gateway);
  const name = { namespace: gateway.namespace, name: egressGatewayName(host), from: place.from };
  const entrances = entrancesOf(service, host);
  const servers = entrances.map(({ port, number }) => ({
    port: {
      number,
      name: isHttp(port) && service.ports.length > 1 ? "http" : "tls",
      protocol: isHttp(port) ? "HTTPS" : "TLS",
    },
    hosts: [host],
    tls: { mode: "ISTIO_MUTUAL" as const },
  }));
  const http = entrances
    .filter(({ port }) => isHttp(port))
    .flatMap((entrance) => [
      { match: [inMesh(entrance)], route: toGateway(entrance) },
      ...(ofIstio ? httpAtGateway(entrance, targets, gatewayApi) : []),
    ]);
  const others = entrances.filter(({ port }) => !isHttp(port));
  const tls = others
    .filter(({ port }) => isEncrypted(port))
    .map((entrance) => ({ match: [{ ...inMesh(entrance), sniHosts: [host] }], route: toGateway(entrance) }));
  const tcp = others.flatMap((entrance) => [
    ...(isEncrypted(entrance.port) ? [] : [{ match: [inMesh(entrance)], route: toGateway(entrance) }]),
    ...(ofIstio ? [{ match: [atGateway(entrance)], route: toHost(entrance) }] : []),
  ]);
  return [
    ...(ofIstio ? [istioObject("Gateway", name, { selector: { ...gateway.selector }, servers })] : []),
    istioObject("VirtualService", place, {
      hosts: [host],
      gateways: sortedUnique(["mesh", ...(ofIstio ? [workloadKey(name)] : [])]),
      ...exported(service),
      ...(http.length > 0 && { http }),
      ...(tls.length > 0 && { tls }),
      ...(tcp.length > 0 && { tcp }),
    }),
  ];
}

function inMesh({ port }: EgressEntrance) {
  return { gateways: ["mesh"], port: port.number };
}

function atGateway({ service, host, number }: EgressEntrance) {
  return { gateways: [`${service.gateway.namespace}/${egressGatewayName(host)}`], port: number };
}

function toGateway({ service, host, number }: EgressEntrance) {
  return [{ destination: { host: serviceHost(service.gateway), subset: egressLabel(host), port: { number } } }];
}

function toHost({ host, port: { number } }: EgressEntrance) {
  return [{ destination: { host, port: { number } } }];
}

/** The rules of a service are applied once, at the gateway. */
function httpAtGateway(entrance: EgressEntrance, targets: RouteTargets, gatewayApi: string): VirtualServiceRoute[] {
  const { service, host, port } = entrance;
  const rules = httpRules(service, host, port, targets, gatewayApi);
  const routes: VirtualServiceRoute[] = rules.length > 0 ? rules : [{ route: toHost(entrance) }];
  return routes.map(({ match = [{}], ...rule }) => ({
    match: match.map((one) => ({ ...one, ...atGateway(entrance) })),
    ...rule,
  }));
}

/** A subset for each host, because the SNI is set for a subset. */
function gatewayDestinationRule(services: readonly RoutedService[]): KubernetesObject {
  const [{ gateway }] = services as [RoutedService, ...RoutedService[]];
  const subsets = sortedUnique(services.flatMap(({ hosts }) => hosts)).map((host) => ({
    name: egressLabel(host),
    trafficPolicy: { tls: { mode: "ISTIO_MUTUAL" as const, sni: sniOf(host) } },
  }));
  const place = { namespace: gateway.namespace, name: gateway.service, from: ["gateways", gateway.name] };
  return istioObject("DestinationRule", place, { host: serviceHost(gateway), subsets });
}

/** A name for a client's certificate request: for a wildcard one of the names under it. */
export function sniOf(host: string): string {
  return host.replace(/^\*/, "any");
}

/** Without rules it allows nothing. */
function authorization(
  egress: Egress,
  gateway: GatewayWorkload,
  { trustDomain, externalServices }: PolicyModel,
): KubernetesObject {
  const hosts = [
    ...allowedHosts(egress, "egressGateway").map(({ host, rules: allowing }) => ({
      host,
      workloads: allowing.map(({ workload }) => workload),
    })),
    ...externalServices.flatMap((service) =>
      service.hosts.map((host) => ({
        host,
        workloads: egress.rules.flatMap((rule) => (rule.described.get(host) === service ? [rule.workload] : [])),
      })),
    ),
  ];
  const principals = (workloads: readonly MeshWorkload[]) =>
    sortedUnique(workloads.map((workload) => principal(workload, trustDomain)));
  const rules = hosts
    .filter(({ workloads }) => workloads.length > 0)
    .map(({ host, workloads }) => ({
      from: [{ source: { principals: principals(workloads) } }],
      when: [{ key: "connection.sni", values: [sniOf(host)] }],
    }));
  // A name of deployed objects; another would replace them.
  const place = {
    namespace: gateway.namespace,
    name: policyName(gateway.name, "ways-out"),
    from: ["security", "egress", "mode"],
  };
  return istioObject("AuthorizationPolicy", place, {
    ...gatewayAttachment(gateway),
    action: "ALLOW",
    ...(rules.length > 0 && { rules: sortedUnique(rules) }),
  });
}

export function serviceHost({ service, namespace }: GatewayWorkload): string {
  return clusterHost({ name: service, namespace });
}
