import { type Egress, allowedHosts } from "../../components/model/policies/egress";
import {
  type ExternalPort,
  type ExternalService,
  isHttp,
  isTls,
} from "../../components/model/policies/external-services";
import { clusterHost, type PolicyModel } from "../../components/model/policies/policy-model";
import { type MeshWorkload, workloadKey } from "../../components/model/names";
import { RouteTargets } from "../../components/model/policies/route-targets";
import { egressGatewayName, egressLabel, policyName } from "../../components/model/object-names";
import { grouped } from "../../components/shared/grouped";
import type { KubernetesObject } from "../../components/shared/kubernetes/object";
import type { GatewayWorkload } from "../../components/shared/workload";
import { istioObject, principal, sortedUnique, type VirtualServiceRoute } from "../api-objects";
import { selector } from "../attachment";
import { allServices, exported, httpRules, objectPlace } from "./external-services";

type Routed = ExternalService & { readonly gateway: GatewayWorkload };

/**
 * Services outside the mesh behind an egress gateway: a workload's sidecar sends requests for a host to the gateway with
 * mTLS and the host as SNI. Where `security.egress` decides who may, the gateway authorizes by the certificate and the SNI.
 * Gateways are in the gateway's namespace, which owners of workloads do not write to.
 *
 * https://istio.io/latest/docs/tasks/traffic-management/egress/egress-gateway/
 */
export function egressGateways(model: PolicyModel): KubernetesObject[] {
  const { egress } = model;
  const targets = new RouteTargets(model);
  const routed = allServices(model).flatMap((service): Routed[] => {
    const { gateway } = service;
    return gateway ? [{ ...service, gateway }] : [];
  });
  return [
    ...routed.flatMap((service) =>
      service.hosts.flatMap((host) => objectsOfHost(service, host, targets, model.gatewayApi)),
    ),
    ...grouped(routed, ({ gateway }) => gateway.name).map(([, services]) => gatewayDestinationRule(services)),
    ...(egress?.gateway ? [authorization(egress, egress.gateway, model)] : []),
  ];
}

function objectsOfHost(service: Routed, host: string, targets: RouteTargets, gatewayApi: string): KubernetesObject[] {
  const { gateway } = service;
  const place = objectPlace(service, host);
  const entrance = { namespace: gateway.namespace, name: egressGatewayName(host), from: place.from };
  const servers = service.ports.map((port) => ({
    port: {
      number: entrancePort(service, port),
      name: isHttp(port) && !only(service) ? "http" : "tls",
      protocol: isHttp(port) ? "HTTPS" : "TLS",
    },
    hosts: [host],
    tls: { mode: "ISTIO_MUTUAL" as const },
  }));
  const http = service.ports.filter(isHttp).flatMap((port) => httpRoutes(service, host, port, targets, gatewayApi));
  const others = service.ports.filter((port) => !isHttp(port)).map((port) => streamRoutes(service, host, port));
  const tls = others.flatMap((one) => one.tls);
  const tcp = others.flatMap((one) => one.tcp);
  return [
    istioObject("Gateway", entrance, { selector: { ...gateway.selector }, servers }),
    istioObject("VirtualService", place, {
      hosts: [host],
      gateways: sortedUnique(["mesh", workloadKey(entrance)]),
      ...exported(service),
      ...(http.length > 0 && { http }),
      ...(tls.length > 0 && { tls }),
      ...(tcp.length > 0 && { tcp }),
    }),
  ];
}

function only({ ports }: ExternalService): boolean {
  return ports.length === 1;
}

/** The port of the gateway, which tells HTTP from other bytes of a host by it; the SNI is the same. */
function entrancePort(service: Routed, port: ExternalPort): number {
  const { ports } = service.gateway;
  return isHttp(port) && !only(service) ? (ports.http2 ?? 80) : (ports.https ?? 443);
}

/** In the mesh, and at the gateway. */
function matches(service: Routed, host: string, port: ExternalPort) {
  const entrance = `${service.gateway.namespace}/${egressGatewayName(host)}`;
  return {
    inMesh: { gateways: ["mesh"], port: port.number },
    atGateway: { gateways: [entrance], port: entrancePort(service, port) },
  };
}

function toGateway(service: Routed, host: string, port: ExternalPort) {
  const destination = {
    host: serviceHost(service.gateway),
    subset: egressLabel(host),
    port: { number: entrancePort(service, port) },
  };
  return [{ destination }];
}

function toHost(host: string, { number }: ExternalPort) {
  return [{ destination: { host, port: { number } } }];
}

/** The rules of a service are applied once, at the gateway. */
function httpRoutes(
  service: Routed,
  host: string,
  port: ExternalPort,
  targets: RouteTargets,
  gatewayApi: string,
): VirtualServiceRoute[] {
  const { inMesh, atGateway } = matches(service, host, port);
  const rules = httpRules(service, host, port, targets, gatewayApi);
  const routes: VirtualServiceRoute[] = rules.length > 0 ? rules : [{ route: toHost(host, port) }];
  return [
    { match: [inMesh], route: toGateway(service, host, port) },
    ...routes.map(({ match = [{}], ...rule }) => ({ match: match.map((one) => ({ ...one, ...atGateway })), ...rule })),
  ];
}

function streamRoutes(service: Routed, host: string, port: ExternalPort) {
  const { inMesh, atGateway } = matches(service, host, port);
  const fromGateway = { match: [atGateway], route: toHost(host, port) };
  const route = toGateway(service, host, port);
  return isTls(port)
    ? { tls: [{ match: [{ ...inMesh, sniHosts: [host] }], route }], tcp: [fromGateway] }
    : { tls: [], tcp: [{ match: [inMesh], route }, fromGateway] };
}

/** A subset for each host, because the SNI is set for a subset. */
function gatewayDestinationRule(services: readonly Routed[]): KubernetesObject {
  const [{ gateway }] = services as [Routed, ...Routed[]];
  const subsets = sortedUnique(services.flatMap(({ hosts }) => hosts)).map((host) => ({
    name: egressLabel(host),
    trafficPolicy: { tls: { mode: "ISTIO_MUTUAL" as const, sni: sniOf(host) } },
  }));
  const place = { namespace: gateway.namespace, name: gateway.service, from: ["gateways", gateway.name] };
  return istioObject("DestinationRule", place, { host: serviceHost(gateway), subsets });
}

/** A name for a client's certificate request: for a wildcard one of the names that it stands for. */
function sniOf(host: string): string {
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
    ...selector(gateway.selector),
    action: "ALLOW",
    ...(rules.length > 0 && { rules: sortedUnique(rules) }),
  });
}

export function serviceHost({ service, namespace }: GatewayWorkload): string {
  return clusterHost({ name: service, namespace });
}
