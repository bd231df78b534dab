import type { Problem, SettingPath } from "../errors";
import type { GatewayTlsSettings } from "../sections/gateways";

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
