import { clusterHost, egressLabel, type PolicyModel } from "../../components/model/policies/policy-model";
import type { KubernetesObject } from "../../components/shared/kubernetes/object";
import type { GatewayWorkload } from "../../components/shared/workload";
import { type IstioSpecs, istioObject, principal, sortedUnique } from "../api-objects";
import { egressPlace, externalHost, type HostRules, hostsOf, portsOf, protocolOf } from "./egress";
import { gatewayReference } from "./routes";

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
    ...hosts.flatMap((host) => hostObjects(host, gateway)),
    ...(hosts.length > 0 ? [gatewayDestinationRule(hosts, gateway)] : []),
    authorization(hosts, gateway, model.trustDomain),
  ];
}

function hostObjects(hostRules: HostRules, gateway: GatewayWorkload): KubernetesObject[] {
  const { host, rules } = hostRules;
  const place = egressPlace(hostRules);
  const entrance = { namespace: gateway.namespace, name: `to-${egressLabel(host)}` };
  const exportTo = sortedUnique([".", ...rules.map(({ workload }) => workload.namespace)]);
  const protocol = protocolOf(rules).protocol === "HTTP" ? "HTTPS" : "TLS";
  return [
    ...externalHost(place, hostRules, { exportTo }),
    istioObject("Gateway", entrance, {
      selector: { ...gateway.selector },
      servers: [
        {
          port: { number: httpsPort(gateway), name: "tls", protocol },
          hosts: [host],
          tls: { mode: "ISTIO_MUTUAL" },
        },
      ],
    }),
    istioObject("VirtualService", place, {
      hosts: [host],
      gateways: sortedUnique(["mesh", gatewayReference(entrance)]),
      exportTo,
      ...routes(hostRules, gatewayReference(entrance), gateway),
    }),
  ];
}

/** From the workload's sidecar to the gateway, and from the gateway to the host. */
function routes(
  { host, rules }: HostRules,
  entrance: string,
  gateway: GatewayWorkload,
): Pick<IstioSpecs["VirtualService"], "http" | "tls" | "tcp"> {
  const [port = 443] = portsOf(rules);
  const inMesh = { gateways: ["mesh"], port };
  const atGateway = { gateways: [entrance], port: httpsPort(gateway) };
  const gatewayPort = { number: httpsPort(gateway) };
  const toGateway = [{ destination: { host: serviceHost(gateway), subset: egressLabel(host), port: gatewayPort } }];
  const toHost = [{ destination: { host, port: { number: port } } }];
  const both = [
    { match: [inMesh], route: toGateway },
    { match: [atGateway], route: toHost },
  ];
  switch (protocolOf(rules).protocol) {
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
  return istioObject(
    "DestinationRule",
    { namespace: gateway.namespace, name: gateway.service },
    {
      host: serviceHost(gateway),
      subsets: sortedUnique(hosts.map(({ host }) => host)).map((host) => ({
        name: egressLabel(host),
        trafficPolicy: { tls: { mode: "ISTIO_MUTUAL" as const, sni: host } },
      })),
    },
  );
}

/** Without rules it allows nothing. */
function authorization(hosts: readonly HostRules[], gateway: GatewayWorkload, trustDomain: string): KubernetesObject {
  const rules = hosts.map(({ host, rules: allowed }) => ({
    from: [{ source: { principals: sortedUnique(allowed.map(({ workload }) => principal(workload, trustDomain))) } }],
    when: [{ key: "connection.sni", values: [host] }],
  }));
  return istioObject(
    "AuthorizationPolicy",
    // A name of deployed objects; another would replace them.
    { namespace: gateway.namespace, name: `${gateway.name}.ways-out` },
    {
      selector: { matchLabels: { ...gateway.selector } },
      action: "ALLOW",
      ...(rules.length > 0 && { rules: sortedUnique(rules) }),
    },
  );
}

function serviceHost({ service, namespace }: GatewayWorkload): string {
  return clusterHost({ name: service, namespace });
}

function httpsPort({ ports }: GatewayWorkload): number {
  return ports.https ?? 443;
}
