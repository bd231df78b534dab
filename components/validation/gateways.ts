import { gatewayFieldChecks } from "../mesh/values/gateway-fields";
import { controlPlaneOf } from "../model/control-planes";
import { exposedHosts, gatewayNamespace, gatewayPorts } from "../model/gateways";
import type { GatewayDeploymentSettings } from "../settings/sections/gateways";
import { compareMinor, istioSince } from "../settings/versions";
import { duplicates, type Entry, type Problem, type SettingPath } from "../shared/problem";
import { checkEach, runChecks } from "../shared/unknown";
import { type Check, refuse, rule, systemNamespaceRefusal, unique } from "./check";

/** How many listeners a Gateway has at most. Source: its CRD. */
const mostListeners = 64;

export const gatewayChecks: readonly Check[] = [
  ({ settings: { gateways } }) => checkEach(gateways, ["gateways"], uniquePorts, ...gatewayFieldChecks),
  rule("gateways.*", ({ namespace }, _, at) => {
    const refusal = systemNamespaceRefusal(gatewayNamespace(nameIn(at), { namespace }), true);
    return namespace === undefined ? refusal : { namespace: refusal };
  }),
  rule("gateways.*", (gateway, { settings: { applications = [] } }, at) => {
    const name = gatewayNamespace(nameIn(at), gateway);
    if (!applications.some(({ namespace }) => namespace === name)) return undefined;
    return {
      namespace: `found ${name}, a namespace of talos-mesh:applications, which is deployed elsewhere; expected one of your own`,
    };
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
  rule("gateways.*.serviceType", (type, { settings: { cluster }, cluster: { loadBalancers } }) =>
    type === "LoadBalancer" && !loadBalancers
      ? `found LoadBalancer; a cluster of kind ${cluster.kind} has no load balancer; expected one of: NodePort, ClusterIP`
      : undefined,
  ),
  ...(["certificate", "privateKey", "caCertificate", "selfSigned"] as const).map((field) =>
    refuse("gateways.*.tls", (tls) => tls.mode === "PASSTHROUGH" && Boolean(tls[field]), {
      [field]: "a gateway of mode PASSTHROUGH presents no certificate; remove it",
    }),
  ),
  refuse("gateways.*.tls", ({ mode, caCertificate }) => mode === "MUTUAL" && !caCertificate, {
    caCertificate:
      "missing; mode MUTUAL needs the CA that signs the clients' certificates: {secret: NAME}; or set mode: SIMPLE",
  }),
  refuse("gateways.*.tls", ({ mode, caCertificate }) => mode === "SIMPLE" && caCertificate !== undefined, {
    caCertificate: "found with mode SIMPLE; set mode: MUTUAL, or remove it",
  }),
  rule("gateways.*.tls", (tls) => {
    const given = (["selfSigned", "certificate", "privateKey"] as const).filter((field) => tls[field]).join(" and ");
    if (tls.mode === "PASSTHROUGH" || ["selfSigned", "certificate and privateKey"].includes(given)) return undefined;
    return `found ${given || "none of them"}; expected both certificate and privateKey, or selfSigned: true`;
  }),
  rule(
    "gateways.*.tls",
    ({ selfSigned, mode }, { settings: { environment } }) =>
      environment !== "dev" &&
      mode !== "PASSTHROUGH" &&
      selfSigned && { selfSigned: `found true; environment ${environment} expects a certificate of your own` },
  ),
  // Such a gateway would serve the plain port alone. An object of kind Gateway may configure it.
  refuse(
    "gateways.*.tls.mode",
    (mode, { settings: { traffic, objects = [] } }, at) => {
      if (
        mode !== "PASSTHROUGH" ||
        objects.some(({ apiVersion, kind }) => kind === "Gateway" && apiVersion.startsWith("networking.istio.io/"))
      )
        return false;
      const exposed = traffic.services.filter(({ gateways }) => gateways.includes(nameIn(at)));
      return exposed.length > 0 && !exposed.some(({ tls }) => tls);
    },
    "found PASSTHROUGH, and every service on this gateway has http, which such a gateway serves in plain text; " +
      "set tls in place of http in an entry of talos-mesh:traffic.services, or mode SIMPLE, or remove tls",
  ),
  rule("gateways.*", ({ kind, tls }, { settings: { traffic } }, at) => {
    if (kind !== "gateway-api") return undefined;
    const hosts = exposedHosts(traffic, nameIn(at)).length;
    const most = tls ? mostListeners / 2 : mostListeners;
    if (hosts <= most) return undefined;
    return `${hosts} hosts are exposed on it, and a Gateway${tls ? " with tls" : ""} has listeners for ${most}; use wildcards, or set kind: chart`;
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
    "are values of the gateway chart, and every gateway is of kind gateway-api; remove them",
  ),
  refuse(
    "gateways.egress.kind",
    (kind, { settings: { security } }) => kind === "gateway-api" && security.egress?.mode === "egressGateway",
    "found gateway-api; security.egress.mode: egressGateway needs a gateway of kind chart",
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
