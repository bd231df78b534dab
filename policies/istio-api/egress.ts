import type { KubernetesObject } from "../../components/shared/kubernetes/object";
import { rulesOf } from "../resolve/egress";
import type { EgressRule, ResolvedModel, Target } from "../resolve/resolved";
import { type IstioSpecs, istioObject, type Place } from "./istio-object";

type ServiceEntry = KubernetesObject<IstioSpecs["ServiceEntry"]>;
type DestinationRule = KubernetesObject<IstioSpecs["DestinationRule"]>;

/**
 * Hosts outside the mesh that a workload may reach, as hosts of its `Sidecar`: `./a-cup-of.coffee`. Its proxy knows no
 * other, and with `REGISTRY_ONLY` refuses them. A process that goes round its own proxy is stopped by none of this.
 */
export function externalHosts({ egress }: Pick<ResolvedModel, "egress">, workload: Target): string[] {
  const own = (egress?.rules ?? []).filter(
    (rule) => rule.workload.namespace === workload.namespace && rule.workload.name === workload.name,
  );
  if (own.length === 0) return [];
  const { gateway } = egress ?? {};
  return [
    ...own.flatMap(({ settings }) => settings.hosts.map((host) => `${gateway?.namespace ?? "."}/${host}`)),
    ...(gateway ? [`${gateway.namespace}/${gateway.service}.${gateway.namespace}.svc.cluster.local`] : []),
  ];
}

/**
 * A `ServiceEntry` for each host that workloads of a namespace may reach, seen in that namespace only; which of its
 * workloads know it, their `Sidecar`s say (scoping.ts). Where the proxy is to speak TLS for the workload, a
 * `DestinationRule` beside it.
 *
 * https://istio.io/latest/docs/tasks/traffic-management/egress/egress-control/
 */
export function compileEgress(model: ResolvedModel): (ServiceEntry | DestinationRule)[] {
  return byNamespaceAndHost(rulesOf(model, "sidecar")).flatMap(({ namespace, host, rules }) => {
    const place = egressPlace(namespace, host);
    return [serviceEntry(place, host, rules), ...origination(place, host, rules)];
  });
}

/** Rules for one host in one namespace; they say the same of it, or would have been refused. */
export interface HostRules {
  readonly namespace: string;
  readonly host: string;
  readonly rules: readonly EgressRule[];
}

/** Rules by host and namespace: that of the workload, or the one given. */
export function byNamespaceAndHost(rules: readonly EgressRule[], shared?: string): HostRules[] {
  const found = new Map<string, HostRules & { readonly rules: EgressRule[] }>();
  for (const rule of rules) {
    const namespace = shared ?? rule.workload.namespace;
    for (const host of rule.settings.hosts) {
      const key = `${namespace} ${host}`;
      const before = found.get(key);
      if (before) before.rules.push(rule);
      else found.set(key, { namespace, host, rules: [rule] });
    }
  }
  return [...found.values()];
}

/** Where the objects of a host live. */
export function egressPlace(namespace: string, host: string): Place {
  return { namespace, name: host.replace(/^\*\.(.*)$/, "$1.wildcard") };
}

/** A host outside, on the ports that any of these rules names. */
export function serviceEntry(
  place: Place,
  host: string,
  rules: readonly EgressRule[],
  exportTo: readonly string[] = ["."],
): ServiceEntry {
  const { protocol, tlsOrigination } = formOf(rules);
  return istioObject("ServiceEntry", place, {
    hosts: [host],
    exportTo: [...exportTo],
    location: "MESH_EXTERNAL",
    // A wildcard has no address to look up: the proxy goes where the workload goes, if the name fits.
    resolution: host.startsWith("*") ? "NONE" : "DNS",
    ports: portsOf(rules).map((number) => ({
      number,
      name: `${protocol.toLowerCase()}-${number}`,
      protocol,
      ...(tlsOrigination && { targetPort: 443 }),
    })),
  });
}

/** TLS that a proxy speaks to the host for the workload, if these rules ask for it. */
export function origination(place: Place, host: string, rules: readonly EgressRule[]): DestinationRule[] {
  if (!formOf(rules).tlsOrigination) return [];
  const spec = { host, exportTo: ["."], trafficPolicy: { tls: { mode: "SIMPLE" as const, sni: host } } };
  return [istioObject("DestinationRule", place, spec)];
}

export function portsOf(rules: readonly EgressRule[]): number[] {
  return [...new Set(rules.flatMap(({ settings }) => settings.ports))].sort((a, b) => a - b);
}

/** What all rules of a host say of it. */
export function formOf(rules: readonly EgressRule[]): Pick<EgressRule["settings"], "protocol" | "tlsOrigination"> {
  const [first] = rules;
  if (!first) throw new Error("a host without a rule");
  return first.settings;
}
