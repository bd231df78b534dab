import { type GatewayDestination, gatewayDestinations } from "../../policies/destinations";
import { encryptedPorts, originatesTls, tlsAt } from "../../policies/gateway-tls";
import { workloadKey } from "../model/names";
import { isIstioGateway, type PolicyModel } from "../model/policies/policy-model";
import { RouteTargets } from "../model/policies/route-targets";
import { exposedPort } from "../model/policies/services";
import type { Model } from "../model/model";
import type { LoadBalancerSettings, TrafficPolicySettings } from "../settings/sections/traffic-policy";
import { type Problem, problemsOf, type Refusal, type SettingPath } from "../shared/problem";
import { checkEach, runChecks } from "../shared/unknown";
import { isEncrypted, isHttp, type ServicePort, type Workload } from "../shared/workload";
import { type Check, problemsOfEach } from "./check";

/** Checks of what needs a port of a certain protocol: rules for HTTP have no effect on other ports. */
export const portChecks: readonly Check[] = [
  ({ settings: { traffic }, names, policies }) => {
    const encryptedOf = encryptedPorts(policies);
    return checkEach(traffic.services, ["traffic", "services"], function* (service, path) {
      const workload = names.workload(service.host, service.namespace);
      const isRead = (port: ServicePort) => isHttp(port) || (isEncrypted(port) && encryptedOf(workload).has(port.port));
      const policy = ({ trafficPolicy }: { trafficPolicy?: TrafficPolicySettings | undefined }, at: SettingPath) =>
        trafficPolicy ? policyProblems(trafficPolicy, workload, isRead, [...at, "trafficPolicy"]) : [];
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
    });
  },
  plainHttpProblems,
];

/** A gateway that reads requests sends them on as plain HTTP, unless it speaks TLS to the service. */
function plainHttpProblems({ policies }: Model): Iterable<Problem> {
  const targets = new RouteTargets(policies);
  return checkEach(policies.services, [], (service) =>
    checkEach(service.exposures, [], (exposure) => {
      const refused = gatewayDestinations(service, exposure, targets).map((to) => plainHttp(to, policies));
      return problemsOf([...new Set(refused)], exposure.path);
    }),
  );
}

function plainHttp({ gateway, target, subset, port }: GatewayDestination, { services }: PolicyModel) {
  if (!isEncrypted(port)) return undefined;
  const found = `gateway ${gateway.name} reads the requests, and port ${port.port} of ${target.name} has protocol ${port.protocol}`;
  if (subset && !isIstioGateway(gateway)) {
    return `${found}; to a version, a gateway of kind gateway-api speaks no TLS; leave the version out, or set kind: chart`;
  }
  const { trafficPolicy } = services.find((one) => workloadKey(one) === workloadKey(target)) ?? {};
  const tls = tlsAt(subset?.trafficPolicy, port.port) ?? tlsAt(trafficPolicy, port.port);
  if (originatesTls(tls)) return undefined;
  return (
    `${found}, which takes no plain HTTP; add { port: { number: ${port.port} }, tls: { mode: SIMPLE } } to trafficPolicy.portLevelSettings of ${target.name}, ` +
    "write the rules as tls for a gateway with tls.mode PASSTHROUGH, or set the protocol of the port in talos-mesh:applications"
  );
}

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
  isRead: (port: ServicePort) => boolean,
  path: SettingPath,
): Iterable<Problem> {
  return runChecks(
    () => problemsOf(httpOnly(policy, name, ports, isRead), path),
    () =>
      problemsOfEach(portLevelSettings, [...path, "portLevelSettings"], ({ port: { number }, ...settings }) => {
        const meant = ports.filter(({ port }) => port === number);
        if (meant.length > 0) return httpOnly(settings, name, meant, isRead);
        return { port: { number: `found ${number}; ${portsTitle(name, ports)}` } };
      }),
  );
}

/** Settings of which Envoy reads nothing where no port is HTTP. */
function httpOnly(
  { connectionPool, loadBalancer }: Pick<TrafficPolicySettings, "connectionPool" | "loadBalancer">,
  name: string,
  ports: readonly ServicePort[],
  isRead: (port: ServicePort) => boolean,
): Refusal {
  if (ports.some(isRead)) return undefined;
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
