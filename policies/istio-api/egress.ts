import type { EgressMode, EgressRule, PolicyModel } from "../../components/model/policies/policy-model";
import type { KubernetesObject } from "../../components/shared/kubernetes/object";
import { grouped, istioObject, type Place } from "../api-objects";

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

/** The rules for one host in one namespace; validation makes sure that they agree on ports and protocol. */
export interface HostRules {
  readonly namespace: string;
  readonly host: string;
  readonly rules: readonly EgressRule[];
}

/** Rules of a mode by host, and by namespace: that of the workload, or the one of the gateway. */
export function hostsOf({ egress }: PolicyModel, mode: EgressMode, gatewayNamespace?: string): HostRules[] {
  const reached = (egress?.rules ?? [])
    .filter((rule) => rule.mode === mode)
    .flatMap((rule) => {
      const namespace = gatewayNamespace ?? rule.workload.namespace;
      return rule.settings.hosts.map((host) => ({ namespace, host, rule }));
    });
  return grouped(reached, ({ namespace, host }) => `${namespace} ${host}`).map(([{ namespace, host }, all]) => {
    return { namespace, host, rules: all.map(({ rule }) => rule) };
  });
}

export function egressPlace({ namespace, host }: HostRules): Place {
  return { namespace, name: host.replace(/^\*\.(.*)$/, "$1.wildcard") };
}

/** The ServiceEntry of an external host, and a DestinationRule where a proxy originates TLS for the workload. */
export function externalHost(
  place: Place,
  { host, rules }: HostRules,
  { exportTo = ["."], labels }: { readonly exportTo?: readonly string[]; readonly labels?: Place["labels"] } = {},
): KubernetesObject[] {
  const { protocol, tlsOrigination } = protocolOf(rules);
  const entry = istioObject(
    "ServiceEntry",
    { ...place, labels },
    {
      hosts: [host],
      exportTo: [...exportTo],
      location: "MESH_EXTERNAL",
      // A wildcard has no address to resolve: the proxy keeps the address that the workload connects to.
      resolution: host.startsWith("*") ? "NONE" : "DNS",
      ports: portsOf(rules).map((number) => ({
        number,
        name: `${protocol.toLowerCase()}-${number}`,
        protocol,
        ...(tlsOrigination && { targetPort: 443 }),
      })),
    },
  );
  if (!tlsOrigination) return [entry];
  const tls = { mode: "SIMPLE" as const, sni: host };
  return [entry, istioObject("DestinationRule", place, { host, exportTo: ["."], trafficPolicy: { tls } })];
}

export function portsOf(rules: readonly EgressRule[]): number[] {
  return [...new Set(rules.flatMap(({ settings }) => settings.ports))].sort((a, b) => a - b);
}

/** The protocol of a host, on which its rules agree. */
export function protocolOf(rules: readonly EgressRule[]): Pick<EgressRule["settings"], "protocol" | "tlsOrigination"> {
  const [first] = rules;
  if (!first) throw new Error("a host without a rule");
  return first.settings;
}
