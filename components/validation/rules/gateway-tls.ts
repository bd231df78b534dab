import type { Problem, SettingPath } from "../../shared/problem";
import type { Settings } from "../../settings/schema";
import type { GatewayTlsSettings } from "../../settings/sections/gateways";

/** Which fields go with which mode, and where a self-signed certificate may be. */
export function* gatewayTlsProblems(
  path: SettingPath,
  tls: GatewayTlsSettings,
  environment: string,
): Iterable<Problem> {
  if (tls.mode === "PASSTHROUGH") {
    yield* passthroughProblems(path, tls);
    return;
  }
  const given = [tls.certificate, tls.privateKey].filter((value) => value !== undefined).length;
  if (tls.selfSigned ? given > 0 : given < 2) {
    yield { path, message: "expected both certificate and privateKey, or selfSigned: true" };
  }
  if (tls.selfSigned && environment !== "dev") {
    yield {
      path: [...path, "selfSigned"],
      message: `found true; environment ${environment} expected a certificate of your own`,
    };
  }
  if (tls.mode === "MUTUAL" && !tls.caCertificate) {
    yield {
      path: [...path, "caCertificate"],
      message: "missing; mode MUTUAL asks clients for a certificate, and this signs them",
    };
  }
  if (tls.mode === "SIMPLE" && tls.caCertificate) {
    yield { path: [...path, "caCertificate"], message: "goes with mode MUTUAL only; found SIMPLE" };
  }
}

function* passthroughProblems(path: SettingPath, tls: GatewayTlsSettings): Iterable<Problem> {
  for (const field of ["certificate", "privateKey", "caCertificate"] as const) {
    if (tls[field]) {
      yield { path: [...path, field], message: "a gateway of mode PASSTHROUGH shows no certificate; remove it" };
    }
  }
  if (tls.selfSigned) {
    yield { path: [...path, "selfSigned"], message: "a gateway of mode PASSTHROUGH shows no certificate; remove it" };
  }
}

/** Gateways that should pass TLS on and are asked for nothing of it: they would answer on the plain port alone. */
export function* idlePassthrough({
  gateways,
  traffic,
  objects = [],
}: Pick<Settings, "gateways" | "traffic" | "objects">): Iterable<Problem> {
  // An object of the user's own may say what the gateway passes on.
  if (objects.some(({ kind }) => kind === "Gateway")) return;
  for (const [name, { tls }] of Object.entries(gateways)) {
    const offers = traffic.services.filter((service) => service.gateways.includes(name));
    if (tls?.mode !== "PASSTHROUGH" || offers.length === 0 || offers.some((service) => service.tls)) continue;
    yield {
      path: ["gateways", name, "tls", "mode"],
      message:
        "found PASSTHROUGH, and everything offered here has http, which such a gateway serves in plain text; " +
        "expected tls in place of http in an offer of talos-mesh:traffic, mode SIMPLE, or no tls",
    };
  }
}
