import { gatewayFieldChecks } from "../mesh/values/gateway-fields";
import { controlPlaneOf } from "../model/control-planes";
import { exposedHosts, gatewayNamespace, gatewayPorts } from "../model/gateways";
import type { Model } from "../model/model";
import type { GatewayDeploymentSettings } from "../settings/sections/gateways";
import { compareMinor, istioSince, minorOf } from "../settings/versions";
import { duplicates, type Entry, type Problem, type SettingPath } from "../shared/problem";
import { checkEach } from "../shared/unknown";
import { type Check, systemNamespace } from "./check";

/** Checks of `talos-mesh:gateways`. */
export const gatewayChecks: readonly Check[] = [
  ({ settings: { gateways } }) => checkEach(gateways, ["gateways"], ...everyGateway),
  uniqueNodePorts,
  applicationNamespaces,
  metricsForAutoscale,
  loadBalancers,
  tlsFields,
  selfSigned,
  idlePassthrough,
  listeners,
  gatewayApiRelease,
  chartValues,
  egressGateway,
];

type GatewayCheck = (gateway: GatewayDeploymentSettings, path: SettingPath) => Iterable<Problem>;

const everyGateway: readonly GatewayCheck[] = [namespace, uniquePorts, ...gatewayFieldChecks];

/** The name of the gateway at a path, or around it. */
function nameIn(path: SettingPath): string {
  return String(path[1]);
}

function* namespace({ namespace: given }: GatewayDeploymentSettings, path: SettingPath): Iterable<Problem> {
  const at = given === undefined ? path : [...path, "namespace"];
  yield* systemNamespace(at, gatewayNamespace(nameIn(path), { namespace: given }), true);
}

function* uniquePorts({ ports, extraPorts }: GatewayDeploymentSettings, path: SettingPath): Iterable<Problem> {
  const own = gatewayPorts.map(({ key, port }) => ({ key, port: () => ports[key]?.port ?? port }));
  const entries = function* (): Iterable<Entry> {
    yield* checkEach(own, path, ({ key, port }) => [{ path: [...path, "ports", key, "port"], key: port() }]);
    yield* checkEach(extraPorts, [...path, "extraPorts"], ({ port }, at) => [{ path: [...at, "port"], key: port }]);
  };
  yield* duplicates(entries(), "port");
}

/** The ports that nodes open for a gateway. */
function* nodePorts({ ports, extraPorts }: GatewayDeploymentSettings, path: SettingPath): Iterable<Entry> {
  for (const [field, given] of Object.entries({ ports, extraPorts })) {
    yield* checkEach<{ readonly nodePort?: number | undefined } | undefined, Entry>(
      given,
      [...path, field],
      (port, at) => (port?.nodePort === undefined ? [] : [{ path: [...at, "nodePort"], key: port.nodePort }]),
    );
  }
}

function* uniqueNodePorts({ settings: { gateways } }: Model): Iterable<Problem> {
  yield* duplicates(checkEach(gateways, ["gateways"], nodePorts), "nodePort");
}

function applicationNamespaces({ settings: { gateways, applications = [] } }: Model): Iterable<Problem> {
  return checkEach(gateways, ["gateways"], (gateway, path) => {
    const name = gatewayNamespace(nameIn(path), gateway);
    if (!applications.some((application) => application.namespace === name)) return [];
    return [
      {
        path: [...path, "namespace"],
        message: `found ${name}, a namespace of talos-mesh:applications, which is deployed elsewhere; expected one of your own`,
      },
    ];
  });
}

/** Nothing is known of what an existing cluster has, and simulated nodes carry no load. */
function metricsForAutoscale({ settings: { gateways, platform }, cluster }: Model): Iterable<Problem> {
  if (!cluster.created || cluster.simulatedNodes || platform.metricsServer === true) return [];
  return checkEach(gateways, ["gateways"], ({ autoscale }, path) =>
    autoscale
      ? [
          {
            path: [...path, "autoscale"],
            message: "scales by what metrics-server measures; set talos-mesh:platform.metricsServer: true",
          },
        ]
      : [],
  );
}

function loadBalancers({ settings: { cluster, gateways }, cluster: traits }: Model): Iterable<Problem> {
  if (traits.loadBalancers) return [];
  const message = `found LoadBalancer; a cluster of kind ${cluster.kind} has no load balancer; expected one of: NodePort, ClusterIP`;
  return checkEach(gateways, ["gateways"], ({ serviceType }, path) =>
    serviceType === "LoadBalancer" ? [{ path: [...path, "serviceType"], message }] : [],
  );
}

/** Which fields go with which TLS mode. */
function tlsFields({ settings: { gateways } }: Model): Iterable<Problem> {
  const fields = ["certificate", "privateKey", "caCertificate", "selfSigned"] as const;
  return checkEach(gateways, ["gateways"], function* ({ tls }, gateway) {
    if (!tls) return;
    const path = [...gateway, "tls"];
    if (tls.mode === "PASSTHROUGH") {
      for (const field of fields.filter((one) => tls[one])) {
        yield { path: [...path, field], message: "a gateway of mode PASSTHROUGH presents no certificate; remove it" };
      }
      return;
    }
    if (tls.mode === "MUTUAL" && !tls.caCertificate) {
      yield {
        path: [...path, "caCertificate"],
        message: "missing; mode MUTUAL requires certificates of clients, and this one signs them",
      };
    }
    if (tls.mode === "SIMPLE" && tls.caCertificate) {
      yield { path: [...path, "caCertificate"], message: "goes with mode MUTUAL only; found SIMPLE" };
    }
    const given = [tls.certificate, tls.privateKey].filter((value) => value !== undefined).length;
    if (tls.selfSigned ? given > 0 : given < 2) {
      yield { path, message: "expected both certificate and privateKey, or selfSigned: true" };
    }
  });
}

function selfSigned({ settings: { environment, gateways } }: Model): Iterable<Problem> {
  if (environment === "dev") return [];
  return checkEach(gateways, ["gateways"], ({ tls }, path) =>
    tls?.selfSigned && tls.mode !== "PASSTHROUGH"
      ? [
          {
            path: [...path, "tls", "selfSigned"],
            message: `found true; environment ${environment} expects a certificate of your own`,
          },
        ]
      : [],
  );
}

/** Gateways that pass TLS on, and no service uses it: they would serve the plain port alone. */
function idlePassthrough({ settings: { gateways, traffic, objects = [] } }: Model): Iterable<Problem> {
  // A raw Gateway may configure it.
  if (objects.some(({ kind }) => kind === "Gateway")) return [];
  return checkEach(gateways, ["gateways"], ({ tls }, path) => {
    if (tls?.mode !== "PASSTHROUGH") return [];
    const exposed = traffic.services.filter((service) => service.gateways.includes(nameIn(path)));
    if (exposed.length === 0 || exposed.some((service) => service.tls)) return [];
    return [
      {
        path: [...path, "tls", "mode"],
        message:
          "found PASSTHROUGH, and every service on this gateway has http, which such a gateway serves in plain text; " +
          "set tls in place of http in an entry of talos-mesh:traffic.services, or mode SIMPLE, or remove tls",
      },
    ];
  });
}

/** How many listeners a Gateway has at most. Source: its CRD. */
const mostListeners = 64;

function listeners({ settings: { gateways, traffic } }: Model): Iterable<Problem> {
  return checkEach(gateways, ["gateways"], ({ kind, tls }, path) => {
    if (kind !== "gateway-api") return [];
    const hosts = exposedHosts(traffic, nameIn(path)).length;
    const most = tls ? mostListeners / 2 : mostListeners;
    if (hosts <= most) return [];
    const message = `${hosts} hosts are exposed on it, and a Gateway${tls ? " with tls" : ""} has listeners for ${most}; use wildcards, or set kind: chart`;
    return [{ path, message }];
  });
}

function gatewayApiRelease({ settings: { gateways, mesh } }: Model): Iterable<Problem> {
  return checkEach(gateways, ["gateways"], (gateway, path) => {
    if (gateway.kind !== "gateway-api") return [];
    const { version } = controlPlaneOf(mesh, gatewayNamespace(nameIn(path), gateway));
    if (compareMinor(minorOf(version), istioSince.gatewayParameters) >= 0) return [];
    return [
      {
        path: [...path, "kind"],
        message: `found gateway-api, which needs Istio ${istioSince.gatewayParameters} or newer; mesh.version is ${version}; upgrade, or set kind: chart`,
      },
    ];
  });
}

function* chartValues({ settings: { gateways, mesh } }: Model): Iterable<Problem> {
  const kinds = Object.values(gateways).map(({ kind }) => kind);
  if (kinds.length === 0 || kinds.includes("chart") || Object.keys(mesh.values.gateway ?? {}).length === 0) return;
  yield {
    path: ["mesh", "values", "gateway"],
    message: "are values of the gateway chart, and every gateway is of kind gateway-api; remove them",
  };
}

function* egressGateway({ settings: { gateways, security } }: Model): Iterable<Problem> {
  if (security.egress?.mode !== "egressGateway" || gateways["egress"]?.kind !== "gateway-api") return;
  yield {
    path: ["gateways", "egress", "kind"],
    message: "found gateway-api; security.egress.mode: egressGateway needs a gateway of kind chart",
  };
}
