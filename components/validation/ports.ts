import { exposedPort } from "../model/policies/services";
import type { Model } from "../model/model";
import type { LoadBalancerSettings, TrafficPolicySettings } from "../settings/sections/traffic-policy";
import { type Problem, problemsOf, type Refusal, type SettingPath } from "../shared/problem";
import { checkEach, runChecks } from "../shared/unknown";
import { isHttp, type ServicePort, type Workload } from "../shared/workload";
import { type Check, problemsOfEach } from "./check";

/** Checks of what needs a port of a certain protocol: rules for HTTP have no effect on other ports. */
export const portChecks: readonly Check[] = [
  ({ settings: { traffic }, names }) =>
    checkEach(traffic.services, ["traffic", "services"], function* (service, path) {
      const workload = names.workload(service.host, service.namespace);
      const policy = ({ trafficPolicy }: { trafficPolicy?: TrafficPolicySettings | undefined }, at: SettingPath) =>
        trafficPolicy ? policyProblems(trafficPolicy, workload, [...at, "trafficPolicy"]) : [];
      yield* runChecks(
        () => policy(service, path),
        () =>
          checkEach(service.subsets, [...path, "subsets"], (subset, at) =>
            typeof subset === "string" ? [] : policy(subset, at),
          ),
        () => problemsOf({ http: httpRefusal(service, workload) }, path),
        () => problemsOf({ port: exposedPortRefusal(service, workload) }, path),
        () =>
          checkEach(service.http, [...path, "http"], ({ match }, at) =>
            problemsOfEach(match, [...at, "match"], ({ port }) => ({
              port: matchedPortRefusal(port, service, workload),
            })),
          ),
      );
    }),
];

type Service = Model["settings"]["traffic"]["services"][number];

/** At a gateway, Envoy reads HTTP whatever the port behind it is called. */
function httpRefusal({ gateways, http, port }: Service, { name, ports }: Workload): Refusal {
  if (gateways.length > 0 || http.length === 0) return undefined;
  const meant = port === undefined ? ports : ports.filter((one) => one.port === port);
  if (meant.length === 0 || meant.some(isHttp)) return undefined;
  const instead = meant.every(({ protocol }) => protocol === "tcp") ? "tcp" : "tls";
  return (
    `${portsTitle(name, meant)}, where proxies read no HTTP and these rules have no effect; ` +
    `write them as ${instead}, or set the protocol of the port in talos-mesh:applications`
  );
}

/** A gateway has ports of its own, and cannot keep the one that its client called. */
function exposedPortRefusal(service: Service, { name, ports }: Workload): Refusal {
  if (service.gateways.length === 0 || exposedPort(service, ports) !== undefined) return undefined;
  return `missing; ${portsTitle(name, ports)}; expected the one to which the gateway sends requests`;
}

function matchedPortRefusal(
  found: number | undefined,
  { gateways, port = found }: Service,
  { name, ports }: Workload,
): Refusal {
  if (found === undefined || gateways.length > 0) return undefined;
  if (port !== found) return `found ${found}; the rules of this entry are for port ${port}`;
  const http = ports.filter(isHttp);
  if (http.some((one) => one.port === found)) return undefined;
  return `found ${found}; ${portsTitle(name, ports)}, and rules for HTTP apply to ${http.map((one) => one.port).join(", ")}`;
}

function policyProblems(
  { portLevelSettings, ...policy }: TrafficPolicySettings,
  { name, ports }: Workload,
  path: SettingPath,
): Iterable<Problem> {
  return runChecks(
    () => problemsOf(httpOnly(policy, name, ports), path),
    () =>
      problemsOfEach(portLevelSettings, [...path, "portLevelSettings"], ({ port: { number }, ...settings }) => {
        const meant = ports.filter(({ port }) => port === number);
        if (meant.length > 0) return httpOnly(settings, name, meant);
        return { port: { number: `found ${number}; ${portsTitle(name, ports)}` } };
      }),
  );
}

/** Settings of which Envoy reads nothing where no port is HTTP. */
function httpOnly(
  { connectionPool, loadBalancer }: Pick<TrafficPolicySettings, "connectionPool" | "loadBalancer">,
  name: string,
  ports: readonly ServicePort[],
): Refusal {
  if (ports.some(isHttp)) return undefined;
  const reason = `has no effect, as ${portsTitle(name, ports)}, where proxies read no HTTP`;
  return {
    connectionPool: connectionPool?.http && { http: `${reason}; use tcp.maxConnections` },
    loadBalancer: hashRefusal(loadBalancer, reason),
  };
}

function hashRefusal({ consistentHash }: LoadBalancerSettings = {}, reason: string): Refusal {
  if (!consistentHash || consistentHash.useSourceIp) return undefined;
  return { consistentHash: `${reason}; use useSourceIp` };
}

function portsTitle(name: string, ports: readonly ServicePort[]): string {
  const list = ports.map(({ port, protocol }) => `${port} (${protocol})`).join(", ");
  return `${name} has ${ports.length === 1 ? "port" : "the ports"} ${list}`;
}
