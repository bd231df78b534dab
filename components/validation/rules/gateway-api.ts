import { controlPlaneOf } from "../../model/control-planes";
import type { Problem } from "../../shared/problem";
import { offeredHosts } from "../../model/exposed-hosts";
import type { Settings } from "../../settings/schema";
import type { GatewayDeploymentSettings } from "../../settings/sections/gateways";
import { compareMinor, istioSince, minorOf } from "../../settings/versions";
import { rule } from "./rule";

/** How many listeners a Gateway has at most. Source: its CRD. */
const mostListeners = 64;

/** The port on which istiod's gateways say how they are. */
const statusPort = 15021;

const byChart = "set kind: chart";

/** What a gateway that istiod deploys cannot be told. */
function* ofItself(name: string, gateway: GatewayDeploymentSettings): Iterable<Problem> {
  const path = ["gateways", name];
  const { extraPorts, ports, tls } = gateway;
  if (Object.keys(extraPorts).length > 0) {
    yield {
      path: [...path, "extraPorts"],
      message: `a gateway of kind gateway-api opens ports for HTTP and HTTPS only, as routes for others are in Gateway API's experimental channel; remove it, or ${byChart}`,
    };
  }
  if (ports.status && ports.status.port !== statusPort) {
    yield {
      path: [...path, "ports", "status", "port"],
      message: `found ${ports.status.port}; a gateway of kind gateway-api has ${statusPort}; or ${byChart}`,
    };
  }
  if (ports.https && !tls) {
    yield {
      path: [...path, "ports", "https"],
      message: `a gateway of kind gateway-api opens it for tls only; set tls, or remove it`,
    };
  }
  if (tls?.mode === "PASSTHROUGH") {
    yield {
      path: [...path, "tls", "mode"],
      message: `found PASSTHROUGH; a gateway of kind gateway-api expected one of: SIMPLE, MUTUAL, as TLSRoute is in Gateway API's experimental channel; or ${byChart}`,
    };
  }
}

/** The gateways of the kind, by name. */
function ofKind({ gateways }: Pick<Settings, "gateways">): [string, GatewayDeploymentSettings][] {
  return Object.entries(gateways).filter(([, { kind }]) => kind === "gateway-api");
}

export const gatewayApiRules = [
  rule(["gateways"], function* (settings) {
    for (const [name, gateway] of ofKind(settings)) yield* ofItself(name, gateway);
  }),
  rule(["gateways", "traffic"], function* ({ traffic, ...settings }) {
    for (const [name, { tls }] of ofKind(settings)) {
      const hosts = offeredHosts(traffic, name).length;
      const most = tls ? mostListeners / 2 : mostListeners;
      if (hosts <= most) continue;
      yield {
        path: ["gateways", name],
        message: `${hosts} hosts are offered on it, and a Gateway${tls ? " with tls" : ""} has listeners for ${most}; offer wildcards, or ${byChart}`,
      };
    }
  }),
  rule(["gateways", "mesh"], function* ({ mesh, ...settings }) {
    const made = ofKind(settings);
    for (const [name, { namespace = `istio-${name}` }] of made) {
      const { version } = controlPlaneOf(mesh, namespace);
      if (compareMinor(minorOf(version), istioSince.gatewayParameters) >= 0) continue;
      yield {
        path: ["gateways", name, "kind"],
        message: `found gateway-api, which needs Istio ${istioSince.gatewayParameters} or newer; mesh.version is ${version}; upgrade, or ${byChart}`,
      };
    }
    const values = mesh.values.gateway ?? {};
    if (made.length > 0 && made.length === Object.keys(settings.gateways).length && Object.keys(values).length > 0) {
      yield {
        path: ["mesh", "values", "gateway"],
        message: "are values of the gateway chart, and every gateway is of kind gateway-api; remove them",
      };
    }
  }),
  rule(["gateways", "security"], function* ({ gateways, security }) {
    if (security.egress?.mode !== "egressGateway" || gateways.egress?.kind !== "gateway-api") return;
    yield {
      path: ["gateways", "egress", "kind"],
      message:
        "found gateway-api; ways out of the mesh (security.egress.mode: egressGateway) go through a gateway of kind chart",
    };
  }),
];
