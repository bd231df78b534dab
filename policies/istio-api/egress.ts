import {
  clusterHost,
  type EgressMode,
  type EgressRule,
  type PolicyModel,
} from "../../components/model/policies/policy-model";
import { grouped } from "../../components/shared/grouped";
import { workloadKey } from "../../components/model/names";
import { egressGatewayName, egressLabel, externalHostName, policyName } from "../../components/model/object-names";
import type { KubernetesObject } from "../../components/shared/kubernetes/object";
import type { GatewayWorkload } from "../../components/shared/workload";
import { type IstioSpecs, istioObject, type Place, principal, sortedUnique } from "../api-objects";
import { selector } from "../attachment";

/**
 * In mode sidecar: a `ServiceEntry` for each host that workloads of a namespace may reach, visible in that namespace
 * only; the `Sidecar` of each workload selects its hosts (sidecars.ts). A process that bypasses its proxy is not
 * stopped.
 *
 * https://istio.io/latest/docs/tasks/traffic-management/egress/egress-control/
 */
export function sidecarEgress(model: PolicyModel): KubernetesObject[] {
  return hostsOf(model, "sidecar").flatMap((hostRules) => externalHost(egressPlace(hostRules), hostRules));
}

/** The rules for one host in one namespace. Validation makes sure that they agree on protocol and TLS origination. */
export interface HostRules extends Pick<EgressRule["settings"], "protocol" | "tlsOrigination"> {
  readonly namespace: string;
  readonly host: string;
  readonly rules: readonly EgressRule[];
  /** Of all rules, sorted. */
  readonly ports: readonly number[];
}

/** Rules of a mode by host, and by namespace: that of the workload, or the one of the gateway. */
export function hostsOf({ egress }: PolicyModel, mode: EgressMode, gatewayNamespace?: string): HostRules[] {
  const reached = (egress?.rules ?? [])
    .filter((rule) => rule.mode === mode)
    .flatMap((rule) => {
      const namespace = gatewayNamespace ?? rule.workload.namespace;
      return rule.settings.hosts.map((host) => ({ namespace, host, rule }));
    });
  return grouped(reached, ({ namespace, host }) => `${namespace} ${host}`).map(([{ rule, ...place }, all]) => {
    const { protocol, tlsOrigination } = rule.settings;
    const ports = [...new Set(all.flatMap((one) => one.rule.settings.ports))].sort((a, b) => a - b);
    return { ...place, rules: all.map((one) => one.rule), ports, protocol, tlsOrigination };
  });
}

export function egressPlace({ namespace, host, rules: [first] }: HostRules): Place {
  const from = first ? [...first.path, "hosts", first.settings.hosts.indexOf(host)] : [];
  return { namespace, name: externalHostName(host), from };
}

/** The ServiceEntry of an external host, and a DestinationRule where a proxy originates TLS for the workload. */
export function externalHost(
  place: Place,
  { host, ports: numbers, protocol, tlsOrigination }: HostRules,
  { exportTo = ["."], labels }: { readonly exportTo?: readonly string[]; readonly labels?: Place["labels"] } = {},
): KubernetesObject[] {
  const ports = numbers.map((number) => {
    const name = `${protocol.toLowerCase()}-${number}`;
    return { number, name, protocol, ...(tlsOrigination && { targetPort: 443 }) };
  });
  const entry = istioObject(
    "ServiceEntry",
    { ...place, labels },
    {
      hosts: [host],
      exportTo: [...exportTo],
      location: "MESH_EXTERNAL",
      // A wildcard has no address to resolve: the proxy keeps the address that the workload connects to.
      resolution: host.startsWith("*") ? "NONE" : "DNS",
      ports,
    },
  );
  if (!tlsOrigination) return [entry];
  const tls = { mode: "SIMPLE" as const, sni: host };
  return [entry, istioObject("DestinationRule", place, { host, exportTo: ["."], trafficPolicy: { tls } })];
}

/**
 * Egress through the egress gateway, by identity: a workload's sidecar sends requests for a host to the gateway with
 * mTLS and the host as SNI; the gateway authorizes by the certificate and the SNI. All objects of a host are in the
 * gateway's namespace, which owners of workloads do not write to.
 *
 * https://istio.io/latest/docs/tasks/traffic-management/egress/egress-gateway/
 */
export function egressGateway(model: PolicyModel): KubernetesObject[] {
  const gateway = model.egress?.gateway;
  if (!gateway) return [];
  const hosts = hostsOf(model, "egressGateway", gateway.namespace);
  return [
    ...hosts.flatMap((host) => objectsOfHost(host, gateway)),
    ...(hosts.length > 0 ? [gatewayDestinationRule(hosts, gateway)] : []),
    gatewayAuthorization(hosts, gateway, model.trustDomain),
  ];
}

function objectsOfHost(hostRules: HostRules, gateway: GatewayWorkload): KubernetesObject[] {
  const { host, rules } = hostRules;
  const place = egressPlace(hostRules);
  const entrance = { namespace: gateway.namespace, name: egressGatewayName(host), from: place.from };
  const exportTo = sortedUnique([".", ...rules.map(({ workload }) => workload.namespace)]);
  const protocol = hostRules.protocol === "HTTP" ? "HTTPS" : "TLS";
  return [
    ...externalHost(place, hostRules, { exportTo }),
    istioObject("Gateway", entrance, {
      selector: { ...gateway.selector },
      servers: [
        { port: { ...httpsPort(gateway), name: "tls", protocol }, hosts: [host], tls: { mode: "ISTIO_MUTUAL" } },
      ],
    }),
    istioObject("VirtualService", place, {
      hosts: [host],
      gateways: sortedUnique(["mesh", workloadKey(entrance)]),
      exportTo,
      ...routes(hostRules, workloadKey(entrance), gateway),
    }),
  ];
}

/** From the workload's sidecar to the gateway, and from the gateway to the host. */
function routes(
  { host, ports: [port = 443], protocol }: HostRules,
  entrance: string,
  gateway: GatewayWorkload,
): Pick<IstioSpecs["VirtualService"], "http" | "tls" | "tcp"> {
  const inMesh = { gateways: ["mesh"], port };
  const gatewayPort = httpsPort(gateway);
  const atGateway = { gateways: [entrance], port: gatewayPort.number };
  const toGateway = [{ destination: { host: serviceHost(gateway), subset: egressLabel(host), port: gatewayPort } }];
  const toHost = [{ destination: { host, port: { number: port } } }];
  const both = [
    { match: [inMesh], route: toGateway },
    { match: [atGateway], route: toHost },
  ];
  switch (protocol) {
    case "HTTP":
      return { http: both };
    case "TLS":
      return {
        tls: [{ match: [{ ...inMesh, sniHosts: [host] }], route: toGateway }],
        tcp: [{ match: [atGateway], route: toHost }],
      };
    case "TCP":
      return { tcp: both };
  }
}

/** A subset for each host, because the SNI is set for a subset. */
function gatewayDestinationRule(hosts: readonly HostRules[], gateway: GatewayWorkload): KubernetesObject {
  const subsets = sortedUnique(hosts.map(({ host }) => host)).map((host) => ({
    name: egressLabel(host),
    trafficPolicy: { tls: { mode: "ISTIO_MUTUAL" as const, sni: host } },
  }));
  const place = { namespace: gateway.namespace, name: gateway.service, from: ["gateways", gateway.name] };
  return istioObject("DestinationRule", place, { host: serviceHost(gateway), subsets });
}

/** Without rules it allows nothing. */
function gatewayAuthorization(
  hosts: readonly HostRules[],
  gateway: GatewayWorkload,
  trustDomain: string,
): KubernetesObject {
  const rules = hosts.map(({ host, rules: allowed }) => ({
    from: [{ source: { principals: sortedUnique(allowed.map(({ workload }) => principal(workload, trustDomain))) } }],
    when: [{ key: "connection.sni", values: [host] }],
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

function serviceHost({ service, namespace }: GatewayWorkload): string {
  return clusterHost({ name: service, namespace });
}

function httpsPort({ ports }: GatewayWorkload): { readonly number: number } {
  return { number: ports.https ?? 443 };
}
