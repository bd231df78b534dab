import type { KubernetesObject } from "../../components/shared/kubernetes/object";
import type { GatewayWorkload } from "../../components/shared/workload";
import { subsetName } from "../resolve/egress-checks";
import { rulesOf } from "../resolve/egress";
import type { ResolvedModel } from "../resolve/resolved";
import { principal, sortedUnique } from "./access-rules";
import { byNamespaceAndHost, egressPlace, formOf, type HostRules, origination, portsOf, serviceEntry } from "./egress";
import { gatewayReference } from "./gateways";
import { type IstioSpecs, istioObject } from "./istio-object";

type VirtualService = IstioSpecs["VirtualService"];

/**
 * Ways out through the egress gateway, which goes by who asks: a workload's sidecar sends what is for a host to the
 * gateway, by mTLS with the host as server name; the gateway reads both off the certificate and the handshake, and lets
 * pass what a rule allows. Everything about a host lives in the gateway's namespace, where workloads' owners write
 * nothing.
 *
 * https://istio.io/latest/docs/tasks/traffic-management/egress/egress-gateway/
 */
export function compileEgressGateway(model: ResolvedModel): KubernetesObject[] {
  const gateway = model.egress?.gateway;
  if (!gateway) return [];
  const hosts = byNamespaceAndHost(rulesOf(model, "egressGateway"), gateway.namespace);
  return [
    ...hosts.flatMap((host) => wayOut(host, gateway)),
    ...(hosts.length > 0 ? [towardsGateway(hosts, gateway)] : []),
    admission(hosts, gateway, model.trustDomain),
  ];
}

function wayOut({ host, rules }: HostRules, gateway: GatewayWorkload): KubernetesObject[] {
  const place = egressPlace(gateway.namespace, host);
  const entrance = { namespace: gateway.namespace, name: `to-${subsetName(host)}` };
  const callers = sortedUnique([".", ...rules.map(({ workload }) => workload.namespace)]);
  const { protocol } = formOf(rules);
  return [
    serviceEntry(place, host, rules, callers),
    ...origination(place, host, rules),
    istioObject("Gateway", entrance, {
      selector: { ...gateway.selector },
      servers: [
        {
          port: { number: httpsPort(gateway), name: "tls", protocol: protocol === "HTTP" ? "HTTPS" : "TLS" },
          hosts: [host],
          tls: { mode: "ISTIO_MUTUAL" },
        },
      ],
    }),
    istioObject("VirtualService", place, {
      hosts: [host],
      gateways: sortedUnique(["mesh", gatewayReference(entrance)]),
      exportTo: callers,
      ...routes({ host, rules }, gatewayReference(entrance), gateway),
    }),
  ];
}

/** From the workload to the gateway, and from there to the host. */
function routes(
  { host, rules }: Pick<HostRules, "host" | "rules">,
  entrance: string,
  gateway: GatewayWorkload,
): Pick<VirtualService, "http" | "tls" | "tcp"> {
  const [port = 443] = portsOf(rules);
  const inMesh = { gateways: ["mesh"], port };
  const atGateway = { gateways: [entrance], port: httpsPort(gateway) };
  const toGateway = [
    {
      destination: {
        host: serviceHost(gateway),
        subset: subsetName(host),
        port: { number: httpsPort(gateway) },
      },
    },
  ];
  const toHost = [{ destination: { host, port: { number: port } } }];
  switch (formOf(rules).protocol) {
    case "HTTP":
      return {
        http: [
          { match: [inMesh], route: toGateway },
          { match: [atGateway], route: toHost },
        ],
      };
    case "TLS":
      return {
        tls: [{ match: [{ ...inMesh, sniHosts: [host] }], route: toGateway }],
        tcp: [{ match: [atGateway], route: toHost }],
      };
    case "TCP":
      return {
        tcp: [
          { match: [inMesh], route: toGateway },
          { match: [atGateway], route: toHost },
        ],
      };
  }
}

/** By mTLS, with the host as server name: a subset for each, as only that carries a name of its own. */
function towardsGateway(hosts: readonly HostRules[], gateway: GatewayWorkload): KubernetesObject {
  const names = sortedUnique(hosts.map(({ host }) => host));
  return istioObject(
    "DestinationRule",
    { namespace: gateway.namespace, name: gateway.service },
    {
      host: serviceHost(gateway),
      subsets: names.map((host) => ({
        name: subsetName(host),
        trafficPolicy: { tls: { mode: "ISTIO_MUTUAL" as const, sni: host } },
      })),
    },
  );
}

/** Who may leave to which host; nobody, where no rule says so. */
function admission(hosts: readonly HostRules[], gateway: GatewayWorkload, trustDomain: string): KubernetesObject {
  const rules = hosts.map(({ host, rules: allowed }) => ({
    from: [{ source: { principals: sortedUnique(allowed.map(({ workload }) => principal(workload, trustDomain))) } }],
    when: [{ key: "connection.sni", values: [host] }],
  }));
  return istioObject(
    "AuthorizationPolicy",
    { namespace: gateway.namespace, name: `${gateway.name}.ways-out` },
    {
      selector: { matchLabels: { ...gateway.selector } },
      action: "ALLOW",
      ...(rules.length > 0 && { rules: sortedUnique(rules) }),
    },
  );
}

function serviceHost({ service, namespace }: GatewayWorkload): string {
  return `${service}.${namespace}.svc.cluster.local`;
}

function httpsPort({ ports }: GatewayWorkload): number {
  return ports.https ?? 443;
}
