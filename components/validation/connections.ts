import { connectionPort, furtherPorts } from "../model/gateways";
import type { Model } from "../model/model";
import type { MeshWorkload } from "../model/names";
import { clusterHost, isIstioGateway } from "../model/policies/policy-model";
import { tlsRules } from "../model/policies/routed-versions";
import { withoutListeners } from "./policies/connection-listeners";
import type { TlsRuleSettings } from "../settings/sections/connection-rule";
import type { TrafficServiceSettings } from "../settings/sections/traffic";
import { compareMinor, istioSince } from "../settings/versions";
import { duplicates, type Entry, type Problem, problemsOf, type Refusal, type SettingPath } from "../shared/problem";
import { checkEach, runChecks } from "../shared/unknown";
import { type GatewayWorkload, isEncrypted, isHttp, type ServicePort } from "../shared/workload";
import { type Check, problemsOfEach, unknownClient } from "./check";

type Protocol = "tcp" | "tls";
type Service = TrafficServiceSettings;
type Match = NonNullable<TlsRuleSettings["match"]>[number];

const services = ["traffic", "services"];

const serves: Readonly<Record<Protocol | "http", (port: ServicePort) => boolean>> = {
  http: isHttp,
  tcp: ({ protocol }) => protocol === "tcp",
  tls: isEncrypted,
};

/** What only the client's own proxy knows. */
const clientFields = ["sourceWorkload", "sourceLabels", "sourceNamespace", "destinationSubnets"] as const;

/** Checks of rules for TCP and TLS. */
export const connectionChecks: readonly Check[] = [
  (model) =>
    checkEach(model.settings.traffic.services, services, function* (service, path) {
      const workload = model.names.workload(service.host, service.namespace);
      for (const protocol of ["tcp", "tls"] as const) {
        const rules = rulesOf(service, protocol);
        if (rules.length === 0) continue;
        const context = { service, workload, protocol, model };
        const problems = problemsOf({ [protocol]: listRefusal(rules, context) }, path);
        yield* problems;
        if (problems.length > 0) continue;
        yield* runChecks(
          () => hiddenRules(rules, protocol, path),
          () =>
            checkEach(ruleEntries(service, protocol, path), [], ([rule, at]) =>
              matchProblems(rule, at, service.gateways.length > 0 ? atGateway(context) : inMesh(context)),
            ),
        );
      }
    }),
  onePerPort,
];

interface Context {
  readonly service: Service;
  readonly workload: MeshWorkload;
  readonly protocol: Protocol;
  readonly model: Model;
}

function rulesOf(service: Service, protocol: Protocol): readonly TlsRuleSettings[] {
  return protocol === "tcp" ? service.tcp : (tlsRules(service) ?? []);
}

/** Each with its path; an object is a list of one rule. */
function ruleEntries(service: Service, protocol: Protocol, path: SettingPath): [TlsRuleSettings, SettingPath][] {
  const at = [...path, protocol];
  const isList = protocol === "tcp" || Array.isArray(service.tls);
  return rulesOf(service, protocol).map((rule, index) => [rule, isList ? [...at, index] : at]);
}

function listRefusal(rules: readonly TlsRuleSettings[], { service, workload, protocol, model }: Context): Refusal {
  const { gateways, http, port } = service;
  if (gateways.length > 0) {
    const others = [http.length > 0 && "http", protocol === "tls" && service.tcp.length > 0 && "tcp"].filter(Boolean);
    const byGatewayApi = gateways.find((name) => {
      const gateway = model.names.findGateway(name);
      return gateway && !isIstioGateway(gateway);
    });
    return [
      others.length > 0 &&
        `cannot be combined with ${others.join(" and ")} in an entry with gateways; write two entries`,
      protocol === "tls" &&
        byGatewayApi !== undefined && [
          rules.length > 1 &&
            `found ${rules.length} rules; at gateway ${byGatewayApi}, of kind gateway-api, a TLSRoute has one; combine them, or set kind: chart`,
          service.hosts.includes("*") &&
            `found host "*"; at gateway ${byGatewayApi}, of kind gateway-api, a TLSRoute needs names; name the hosts, or set kind: chart`,
        ],
    ];
  }
  const { name, namespace, ports, dataPlane, waypoint } = workload;
  const meant = ports.filter((one) => (port === undefined || one.port === port) && serves[protocol](one));
  if (meant.length === 0) {
    const list = ports.map((one) => `${one.port} (${one.protocol})`).join(", ");
    const expected = protocol === "tcp" ? "tcp" : "tls or https";
    const others = (["http", "tcp", "tls"] as const).filter((kind) => kind !== protocol && ports.some(serves[kind]));
    return `has no effect: ${name} has ${list}, and these rules apply to ports of protocol ${expected}; set it in talos-mesh:applications, or use ${others.join(" or ")}`;
  }
  if (dataPlane !== "ambient") {
    const host = clusterHost(workload);
    const others = rules.some(({ match = [] }) =>
      match.some(({ sniHosts = [] }) => sniHosts.some((sni) => sni !== host)),
    );
    return (
      protocol === "tls" &&
      http.length > 0 &&
      others &&
      "cannot be combined with http: its rules would be for requests to these names too; write the tls rules under talos-mesh:objects"
    );
  }
  if (!waypoint) {
    return `needs a waypoint in the ambient namespace ${namespace}: ztunnel has no routes; add { namespace: ${namespace} } to talos-mesh:mesh.waypoints, or set dataPlane: sidecar for the namespace`;
  }
  const { version } = model.settings.mesh;
  const since = istioSince.waypointConnections;
  return (
    compareMinor(version, since) < 0 &&
    `waypoints route connections from Istio ${since} on, and mesh.version is ${version}; upgrade, or set dataPlane: sidecar for the namespace`
  );
}

/** A rule without match takes every connection. */
function* hiddenRules(rules: readonly TlsRuleSettings[], protocol: Protocol, path: SettingPath): Iterable<Problem> {
  const first = rules.findIndex(({ match }) => match === undefined);
  if (first === -1 || first === rules.length - 1) return;
  yield { path: [...path, protocol, first], message: "takes every connection, so no rule after it does; put it last" };
}

type MatchRefusal = (match: Match) => Refusal;

function matchProblems(
  { match }: TlsRuleSettings,
  path: SettingPath,
  refusals: readonly MatchRefusal[],
): Iterable<Problem> {
  const ofMatches = problemsOfEach(match, [...path, "match"], ...refusals);
  // A rule without match is one that matches everything.
  return match
    ? ofMatches
    : runChecks(...refusals.map((refusal) => () => problemsOf({ match: leaves(refusal({})) }, path)));
}

/** What is missing in a match that is not there is reported once. */
function leaves(refusal: Refusal): Refusal {
  return problemsOf(refusal, []).map(({ path, message }) => `${path.join(".")}: ${message}`);
}

function inMesh({ service, workload, protocol, model }: Context): MatchRefusal[] {
  const { name, namespace, ports, dataPlane } = workload;
  const known = ports.filter(serves[protocol]).map(({ port }) => port);
  const host = clusterHost(workload);
  return [
    ({ port }) => ({
      port:
        port !== undefined &&
        (service.port !== undefined && port !== service.port
          ? `found ${port}; the rules of this entry are for port ${service.port}`
          : !known.includes(port) && `found ${port}; these rules apply to port ${known.join(", ")} of ${name}`),
    }),
    ({ sourceWorkload: found }) => ({
      sourceWorkload: found !== undefined && unknownClient(model.names, namespace, found),
    }),
    ({ sourceWorkload, sourceNamespace }) => ({
      sourceNamespace:
        sourceWorkload !== undefined &&
        sourceNamespace !== undefined &&
        "found next to sourceWorkload, which is in the service's namespace; remove one of them",
    }),
    ...(dataPlane === "ambient"
      ? [
          without(
            "a waypoint knows neither the client nor the address that it connects to; set dataPlane: sidecar for the clients, or remove it",
          ),
          ({ sniHosts = [] }: Match) => ({
            sniHosts:
              sniHosts.some((sni) => sni !== host) &&
              "a waypoint does not read the name in the handshake, and would apply the rule to every connection; remove it",
          }),
        ]
      : [
          ({ sniHosts }: Match) => ({
            sniHosts:
              protocol === "tls" &&
              !sniHosts &&
              `missing; expected the names in the handshakes of clients, such as ${host}`,
          }),
        ]),
  ];
}

function atGateway(context: Context): MatchRefusal[] {
  const { service, model } = context;
  const gateways = service.gateways.flatMap((name) => model.names.findGateway(name) ?? []);
  return [
    without("a gateway does not know the client's pod, and clients connect to its own address; remove it"),
    ({ sniHosts = [] }) => ({
      sniHosts: sniHosts.map(
        (sni) => !service.hosts.includes(sni) && `found ${sni}, which is not one of hosts; add it there`,
      ),
    }),
    ({ port }) => ({ port: gateways.map((gateway) => gatewayPortRefusal(gateway, context, port)) }),
  ];
}

function without(reason: string): MatchRefusal {
  return (match) => Object.fromEntries(clientFields.map((field) => [field, match[field] !== undefined && reason]));
}

function gatewayPortRefusal(
  gateway: GatewayWorkload,
  { protocol, model }: Pick<Context, "protocol" | "model">,
  port: number | undefined,
): Refusal {
  const { name } = gateway;
  if (!isIstioGateway(gateway)) {
    const old = withoutListeners(protocol, model.policies, `gateway ${name} is of kind gateway-api`);
    if (protocol === "tcp") return old ?? unlistedPort(gateway, protocol, port);
    const listens = port === undefined || (!gateway.foreign && port === gateway.ports.https);
    return [
      old,
      !listens &&
        `found ${port}; through gateway ${name}, of kind gateway-api, TLS passes at its port https only; remove it, or set kind: chart`,
    ];
  }
  return unlistedPort(gateway, protocol, port);
}

function unlistedPort(gateway: GatewayWorkload, protocol: Protocol, port: number | undefined): Refusal {
  const further = furtherPorts(gateway);
  const known = protocol === "tls" ? [gateway.ports.https ?? 443, ...further] : further;
  if (port === undefined ? connectionPort(gateway, protocol) !== undefined : gateway.foreign || known.includes(port))
    return undefined;
  const found = port === undefined ? "missing" : `found ${port}`;
  const expected = known.length > 0 ? `expected one of: ${known.join(", ")}` : "none is left for connections";
  return `${found}; ${expected}; add others to extraPorts of gateway ${gateway.name}`;
}

/** A port of a gateway leads to one service, and a name at a port of it too. */
function onePerPort({ settings: { traffic }, names }: Model): Iterable<Problem> {
  const entries = checkEach(traffic.services, services, function* (service, path): Iterable<Entry> {
    for (const protocol of ["tcp", "tls"] as const) {
      for (const [{ match = [{}] }, at] of ruleEntries(service, protocol, path)) {
        for (const [index, one] of match.entries()) {
          for (const name of service.gateways) {
            const gateway = names.gateway(name);
            const port = one.port ?? connectionPort(gateway, protocol);
            const sniHosts: readonly string[] = protocol === "tcp" ? ["connections"] : (one.sniHosts ?? service.hosts);
            for (const sni of port === undefined ? [] : sniHosts) {
              yield { path: [...at, "match", index], key: `${sni} at port ${port} of gateway ${name}` };
            }
          }
        }
      }
    }
  });
  return duplicates(entries, "rule for");
}
