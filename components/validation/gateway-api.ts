import { controlPlaneOf } from "../model/control-planes";
import { exposedHosts, gatewayNamespace } from "../model/gateways";
import type { Model } from "../model/model";
import { compareMinor, istioSince, minorOf } from "../settings/versions";
import type { Problem } from "../shared/problem";
import { checkEach, runChecks } from "../shared/unknown";
import type { Check } from "./check";
import { type GatewayCheck, nameIn } from "./gateways";

/** Checks of gateways of kind `gateway-api`, which istiod deploys from a Gateway of the Gateway API. */
export const gatewayApiChecks: readonly Check[] = [
  ({ settings: { gateways } }) =>
    checkEach(gateways, ["gateways"], (gateway, path) =>
      gateway.kind === "gateway-api" ? runChecks(...limits.map((check) => () => check(gateway, path))) : [],
    ),
  listeners,
  gatewayApiRelease,
  chartValues,
  egressGateway,
];

/** The port on which gateways of istiod report their status. */
const statusPort = 15021;

const byChart = "set kind: chart";

/** What such a gateway does not have. */
const limits: readonly GatewayCheck[] = [
  function* ({ extraPorts }, path) {
    if (Object.keys(extraPorts).length === 0) return;
    yield {
      path: [...path, "extraPorts"],
      message: `a gateway of kind gateway-api opens ports for HTTP and HTTPS only, as routes for others are in Gateway API's experimental channel; remove it, or ${byChart}`,
    };
  },
  function* ({ ports: { status } }, path) {
    if (!status || status.port === statusPort) return;
    yield {
      path: [...path, "ports", "status", "port"],
      message: `found ${status.port}; a gateway of kind gateway-api has ${statusPort}; or ${byChart}`,
    };
  },
  function* ({ ports, tls }, path) {
    if (!ports.https || tls) return;
    yield {
      path: [...path, "ports", "https"],
      message: "a gateway of kind gateway-api opens it for tls only; set tls, or remove it",
    };
  },
  function* ({ tls }, path) {
    if (tls?.mode !== "PASSTHROUGH") return;
    yield {
      path: [...path, "tls", "mode"],
      message: `found PASSTHROUGH; a gateway of kind gateway-api expects one of: SIMPLE, MUTUAL, as TLSRoute is in Gateway API's experimental channel; or ${byChart}`,
    };
  },
];

/** How many listeners a Gateway has at most. Source: its CRD. */
const mostListeners = 64;

function listeners({ settings: { gateways, traffic } }: Model): Iterable<Problem> {
  return checkEach(gateways, ["gateways"], ({ kind, tls }, path) => {
    if (kind !== "gateway-api") return [];
    const hosts = exposedHosts(traffic, nameIn(path)).length;
    const most = tls ? mostListeners / 2 : mostListeners;
    if (hosts <= most) return [];
    const message = `${hosts} hosts are exposed on it, and a Gateway${tls ? " with tls" : ""} has listeners for ${most}; use wildcards, or ${byChart}`;
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
        message: `found gateway-api, which needs Istio ${istioSince.gatewayParameters} or newer; mesh.version is ${version}; upgrade, or ${byChart}`,
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
