import { X509Certificate } from "node:crypto";
import type { SharedCluster } from "../cluster/kinds/shared-cluster";
import type { Settings } from "../settings/schema";
import type { TlsServerSettings } from "../settings/sections/gateway-tls";
import { own } from "../shared/own";
import { knownEntries } from "../shared/unknown";
import { hostsByServer } from "./gateways";

/** The fields of cert-manager's Certificate that the settings of a server have; undefined where another issues it, or none. */
export function issuedCertificate({ issuer, certManager }: Pick<TlsServerSettings, "issuer" | "certManager">) {
  if (issuer) return { issuerRef: issuer };
  if (!certManager) return undefined;
  const { dnsNames, duration, renewBefore } = certManager;
  return {
    ...(dnsNames && { dnsNames }),
    ...(duration !== undefined && { duration }),
    ...(renewBefore !== undefined && { renewBefore }),
    issuerRef: issuerRef(certManager),
  };
}

type IssuedCertificate = NonNullable<TlsServerSettings["certManager"]>;

/** The issuer of cert-manager that settings name: one of the cluster, or one of a namespace. */
export function issuerRef({ clusterIssuer, issuer = "" }: Pick<IssuedCertificate, "clusterIssuer" | "issuer">) {
  const [kind, name] =
    clusterIssuer === undefined ? (["Issuer", issuer] as const) : (["ClusterIssuer", clusterIssuer] as const);
  return { name, kind, group: "cert-manager.io" };
}

/** The ClusterIssuers that are known (`clusterIssuers`). */
export interface KnownIssuers {
  readonly clusterIssuers: SharedCluster["issuers"];
}

/** Undefined where nothing is known of the issuer that a server asks. */
export function issuerKind({ clusterIssuers = {} }: KnownIssuers, server: TlsServerSettings) {
  if (server.certManager?.http01) return "http01";
  const { kind, name, group } = issuedCertificate(server)?.issuerRef ?? {};
  if (kind !== "ClusterIssuer" || group !== "cert-manager.io" || name === undefined) return undefined;
  return own(clusterIssuers, name);
}

/** Hosts of a gateway for which an authority asks on port 80, by HTTP-01. */
export function challengedHosts(
  known: KnownIssuers & Pick<Settings, "gateways">,
  gateway: string,
  hosts: readonly string[],
): ReadonlySet<string> {
  const tls = own(known.gateways, gateway)?.tls;
  const servers = tls ? hostsByServer(gateway, tls, hosts) : [];
  return new Set(servers.flatMap((one) => (issuerKind(known, one.settings) === "http01" ? one.hosts : [])));
}

/** Whether a gateway has a server that asks the issuer. */
export function isAsked({ gateways }: Pick<Settings, "gateways">, issuer: string): boolean {
  return knownEntries(gateways).some(([, { tls }]) =>
    (tls ? [tls, ...tls.servers] : []).some((server) => {
      const { kind, name } = issuedCertificate(server)?.issuerRef ?? {};
      return kind === "ClusterIssuer" && name === issuer;
    }),
  );
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
