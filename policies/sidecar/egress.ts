import type { KubernetesObject } from "../../components/shared/kubernetes-object";
import type { EgressRule, ResolvedModel, Target } from "../resolve/resolved";
import { type IstioSpecs, istioObject } from "./istio-object";

type Object = KubernetesObject<IstioSpecs["ServiceEntry"] | IstioSpecs["DestinationRule"]>;

/**
 * Hosts outside the mesh that a workload may reach, as hosts of its `Sidecar`: `./a-cup-of.coffee`. Its proxy knows no
 * other, and with `REGISTRY_ONLY` refuses them. A process that goes round its own proxy is stopped by none of this.
 */
export function externalHosts({ egress = [] }: Pick<ResolvedModel, "egress">, workload: Target): string[] {
  return egress
    .filter((rule) => rule.workload.namespace === workload.namespace && rule.workload.name === workload.name)
    .flatMap(({ settings }) => settings.hosts.map((host) => `./${host}`));
}

/**
 * A `ServiceEntry` for each host that workloads of a namespace may reach, seen in that namespace only; which of its
 * workloads know it, their `Sidecar`s say (scoping.ts). Where the proxy is to speak TLS for the workload, a
 * `DestinationRule` beside it.
 *
 * https://istio.io/latest/docs/tasks/traffic-management/egress/egress-control/
 */
export function compileEgress({ egress = [] }: ResolvedModel): Object[] {
  const byHost = new Map<string, { readonly host: string; readonly rule: EgressRule }>();
  for (const rule of egress) {
    // Rules of one namespace for one host say the same, or would have been refused.
    for (const host of rule.settings.hosts) byHost.set(`${rule.workload.namespace} ${host}`, { host, rule });
  }
  return [...byHost.values()].flatMap(({ host, rule }) => [serviceEntry(host, rule), ...origination(host, rule)]);
}

function place(host: string, { workload: { namespace } }: EgressRule) {
  return { namespace, name: host.replace(/^\*\.(.*)$/, "$1.wildcard") };
}

function serviceEntry(host: string, rule: EgressRule): KubernetesObject<IstioSpecs["ServiceEntry"]> {
  const { ports, protocol, tlsOrigination } = rule.settings;
  return istioObject("ServiceEntry", place(host, rule), {
    hosts: [host],
    exportTo: ["."],
    location: "MESH_EXTERNAL",
    // A wildcard has no address to look up: the proxy goes where the workload goes, if the name fits.
    resolution: host.startsWith("*") ? "NONE" : "DNS",
    ports: [...new Set(ports)]
      .sort((a, b) => a - b)
      .map((number) => ({
        number,
        name: `${protocol.toLowerCase()}-${number}`,
        protocol,
        ...(tlsOrigination && { targetPort: 443 }),
      })),
  });
}

function origination(host: string, rule: EgressRule): KubernetesObject<IstioSpecs["DestinationRule"]>[] {
  if (!rule.settings.tlsOrigination) return [];
  const spec = { host, exportTo: ["."], trafficPolicy: { tls: { mode: "SIMPLE" as const, sni: host } } };
  return [istioObject("DestinationRule", place(host, rule), spec)];
}
