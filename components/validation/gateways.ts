import { gatewayFieldChecks } from "../mesh/values/gateway-effects";
import { controlPlaneOf } from "../model/control-planes";
import { exposedHosts } from "../model/exposures";
import { connectionEntrances } from "../model/policies/connection-entrances";
import { egressEntrances } from "../model/policies/egress-entrances";
import { gatewayNamespace, gatewayPorts, httpPorts } from "../model/gateways";
import type { GatewayDeploymentSettings } from "../settings/sections/gateways";
import { listOf } from "../settings/wording";
import { compareMinor, istioSince } from "../settings/versions";
import { duplicates, type Entry, type Problem, type SettingPath } from "../shared/problem";
import { own } from "../shared/own";
import { checkEach, runChecks } from "../shared/unknown";
import { type Check, refuse, rule, systemNamespaceRefusal, unique } from "./check";
import { gatewayTlsChecks } from "./gateway-tls";
import { withoutListeners } from "./policies/connection-listeners";

/** How many listeners a Gateway has at most. Source: its CRD. */
const mostListeners = 64;

export const gatewayChecks: readonly Check[] = [
  ({ settings: { gateways } }) => checkEach(gateways, ["gateways"], uniquePorts, ...gatewayFieldChecks),
  rule("gateways.*", ({ kind, namespace, selector, gatewayApi, serviceAccount }) => {
    if (kind !== "existing") return undefined;
    return [
      namespace === undefined && { namespace: "missing; expected the namespace of the existing gateway" },
      (selector ?? gatewayApi) === undefined &&
        "expected selector, the labels of its pods, or gatewayApi, its Gateway of the Gateway API",
      selector &&
        serviceAccount === undefined && {
          serviceAccount: "missing; expected that of its pods, their identity in rules",
        },
    ];
  }),
  rule("gateways.*", ({ kind, namespace }, _, at) => {
    if (kind === "existing") return undefined;
    const refusal = systemNamespaceRefusal(gatewayNamespace(nameIn(at), { namespace }), true);
    return namespace === undefined ? refusal : { namespace: refusal };
  }),
  rule("gateways.*", (gateway, { settings: { applications = [] } }, at) => {
    const name = gatewayNamespace(nameIn(at), gateway);
    if (gateway.kind === "existing" || !applications.some(({ namespace }) => namespace === name)) return undefined;
    return {
      namespace: `found ${name}, a namespace of talos-mesh:applications, which is deployed elsewhere; expected one of your own`,
    };
  }),
  // Nothing else makes listeners of its Gateway.
  rule("gateways.*.extraPorts.*", ({ port, protocol }, { settings: { gateways }, policies }, at) => {
    const name = nameIn(at);
    if (protocol !== undefined || own(gateways, name)?.kind !== "gateway-api") return undefined;
    const connections = connectionEntrances(policies.services);
    if (connections.some(({ gateway, number }) => gateway.name === name && number === port)) return undefined;
    return (
      withoutListeners("tcp", policies, `found port ${port} without protocol`) ??
      `found port ${port}, where nothing listens; set protocol: HTTP or HTTPS, add rules of talos-mesh:traffic.services with gateways: [${name}] and tcp, or set kind: chart`
    );
  }),
  // Of ports and extraPorts.
  unique("gateways.*.*.*.nodePort", "nodePort"),
  // Nothing is known of what an existing cluster has, and simulated nodes carry no load.
  refuse(
    "gateways.*.autoscale",
    (_, { settings: { platform }, cluster }) =>
      cluster.created && !cluster.simulatedNodes && platform.metricsServer !== true,
    "scales by what metrics-server measures; set talos-mesh:platform.metricsServer: true",
  ),
  ...gatewayTlsChecks,
  rule("gateways.*", ({ kind }, { settings, names, policies }, at) => {
    if (kind !== "gateway-api") return undefined;
    const hosts = exposedHosts(settings, nameIn(at)).length;
    const ports = httpPorts(names.gateway(nameIn(at)));
    const egress = egressEntrances(policies).filter(({ service }) => service.gateway.name === nameIn(at)).length;
    const tcp = connectionEntrances(policies.services).filter(
      ({ gateway, protocol }) => gateway.name === nameIn(at) && protocol === "tcp",
    ).length;
    if (egress + tcp > 0 && egress + tcp + hosts * ports.length > mostListeners) {
      const served = [
        ...(egress > 0 ? [`${egress} ports of external hosts`] : []),
        ...(tcp > 0 ? [`${tcp} ports for TCP`] : []),
      ];
      return `${listOf(served)} are reached through it, and a Gateway has ${mostListeners} listeners; use several gateways, or set kind: chart`;
    }
    const most = Math.floor(mostListeners / ports.length);
    if (hosts <= most) return undefined;
    const served = ports.map(({ name }) => name).join(" and ");
    return `${hosts} hosts are exposed on it, and a Gateway with ${served} has listeners for ${most}; use wildcards, or set kind: chart`;
  }),
  rule("gateways.*", (gateway, { settings: { mesh } }, at) => {
    if (gateway.kind !== "gateway-api") return undefined;
    const since = istioSince.gatewayParameters;
    const { version } = controlPlaneOf(mesh, gatewayNamespace(nameIn(at), gateway));
    if (compareMinor(version, since) >= 0) return undefined;
    return {
      kind: `found gateway-api, which needs Istio ${since} or newer; mesh.version is ${version}; upgrade, or set kind: chart`,
    };
  }),
  refuse(
    "mesh.values.gateway",
    (values, { settings: { gateways } }) => {
      const kinds = Object.values(gateways).map(({ kind }) => kind);
      return kinds.length > 0 && !kinds.includes("chart") && Object.keys(values).length > 0;
    },
    "are values of the gateway chart, and no gateway is of kind chart; remove them",
  ),
  rule(
    "gateways.egress.kind",
    (kind, { settings: { security } }) =>
      kind === "existing" &&
      security.egress?.mode === "egressGateway" &&
      `found ${kind}; security.egress.mode: egressGateway needs a gateway of kind chart or gateway-api`,
  ),
];

function nameIn(path: SettingPath): string {
  return String(path[1]);
}

function uniquePorts({ ports, extraPorts }: GatewayDeploymentSettings, path: SettingPath): Iterable<Problem> {
  const entries = runChecks<Entry>(
    () =>
      checkEach(gatewayPorts, [], ({ key, port }) => [
        { path: [...path, "ports", key, "port"], key: ports[key]?.port ?? port },
      ]),
    () => checkEach(extraPorts, [...path, "extraPorts"], ({ port }, at) => [{ path: [...at, "port"], key: port }]),
  );
  return duplicates(entries, "port");
}
