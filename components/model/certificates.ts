import { X509Certificate } from "node:crypto";
import type { Settings } from "../settings/schema";
import type { ClusterIssuerSettings } from "../settings/sections/cert-manager";
import type { TlsServerSettings } from "../settings/sections/gateway-tls";
import { own } from "../shared/own";
import { knownEntries } from "../shared/unknown";
import { hostsByServer } from "./gateways";

/** The fields of cert-manager's Certificate that the settings of a server have; undefined where another issues it, or none. */
export function issuedCertificate({ issuer, certManager }: Pick<TlsServerSettings, "issuer" | "certManager">) {
  if (issuer) return { issuerRef: issuer };
  if (!certManager) return undefined;
  const { clusterIssuer, issuer: ofNamespace = "", ...certificate } = certManager;
  const [kind, name] =
    clusterIssuer === undefined ? (["Issuer", ofNamespace] as const) : (["ClusterIssuer", clusterIssuer] as const);
  return { ...certificate, issuerRef: { name, kind, group: "cert-manager.io" } };
}

type Slice = Pick<Settings, "platform">;

/** The issuer of `platform.certManager` that a server asks. */
export function configuredIssuer({ platform }: Slice, server: TlsServerSettings): ClusterIssuerSettings | undefined {
  const { kind, name, group } = issuedCertificate(server)?.issuerRef ?? {};
  if (kind !== "ClusterIssuer" || group !== "cert-manager.io" || name === undefined) return undefined;
  return own(platform.certManager?.issuers ?? {}, name);
}

/** Hosts of a gateway for which an authority asks on port 80, by HTTP-01. */
export function challengedHosts(
  settings: Slice & Pick<Settings, "gateways">,
  gateway: string,
  hosts: readonly string[],
): ReadonlySet<string> {
  const tls = own(settings.gateways, gateway)?.tls;
  const servers = tls ? hostsByServer(gateway, tls, hosts) : [];
  return new Set(servers.flatMap((one) => (configuredIssuer(settings, one.settings)?.acme?.http01 ? one.hosts : [])));
}

/** The gateways with a server that asks an issuer of `platform.certManager`. */
export function gatewaysOfIssuer({ gateways }: Pick<Settings, "gateways">, name: string): string[] {
  return knownEntries(gateways).flatMap(([gateway, { tls }]) => {
    const servers = tls ? [tls, ...tls.servers] : [];
    const asks = servers.some((server) => {
      const { kind, name: asked } = issuedCertificate(server)?.issuerRef ?? {};
      return kind === "ClusterIssuer" && asked === name;
    });
    return asks ? [String(gateway)] : [];
  });
}

/** The certificates of a PEM text; none where one cannot be read. */
export function certificatesIn(text: string): X509Certificate[] {
  try {
    return (text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? []).map(
      (pem) => new X509Certificate(pem),
    );
  } catch {
    return [];
  }
}
