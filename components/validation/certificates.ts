import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";

/** What is wrong with a certificate that a gateway is to show, or will be soon; never with a part of it in the text. */
export interface CertificateFinding {
  /** The field of `gateways.<name>.tls` it stands in. */
  readonly field: "certificate" | "privateKey" | "caCertificate";
  readonly message: string;
  /** Wrong now, or in need of attention. */
  readonly severity: "error" | "warning";
}

/** Texts of the secrets; a missing one is not judged. */
export interface CertificateTexts {
  readonly certificate?: string;
  readonly privateKey?: string;
  readonly caCertificate?: string;
}

/** Days before its end from which a certificate is warned of: the time that renewing one by hand may take. */
const warningDays = 30;

const dayMs = 24 * 60 * 60 * 1000;

/**
 * Judges what a gateway is to show: that it can be read, that key and certificate are a pair, that it is valid now and
 * for a while, and that it names every host. A gateway with a wrong certificate answers nobody, and says so only in
 * its own log.
 *
 * @param hosts names clients use, `*.domain` among them; `*` is not judged
 */
export function judgeCertificate(texts: CertificateTexts, hosts: readonly string[], now: Date): CertificateFinding[] {
  const certificate = read(texts.certificate, (text) => new X509Certificate(text));
  const privateKey = read(texts.privateKey, (text) => createPrivateKey(text));
  const ca = read(texts.caCertificate, (text) => new X509Certificate(text));
  const error = (field: CertificateFinding["field"], message: string): CertificateFinding => ({
    field,
    message,
    severity: "error",
  });
  return [
    ...(certificate === "unreadable" ? [error("certificate", expected("CERTIFICATE"))] : []),
    ...(privateKey === "unreadable" ? [error("privateKey", `${expected("PRIVATE KEY")}, without a passphrase`)] : []),
    ...(ca === "unreadable" ? [error("caCertificate", expected("CERTIFICATE"))] : []),
    ...(certificate instanceof X509Certificate
      ? [
          ...pairFindings(certificate, privateKey),
          ...validity("certificate", certificate, now),
          ...cover(certificate, hosts),
        ]
      : []),
    ...(ca instanceof X509Certificate ? validity("caCertificate", ca, now) : []),
    ...(ca instanceof X509Certificate && !ca.ca
      ? [error("caCertificate", "is not the certificate of an authority (CA:TRUE), so that it can vouch for no client")]
      : []),
  ];
}

function expected(label: string): string {
  return `cannot be read; expected PEM: a text that begins with -----BEGIN ${label}-----`;
}

function read<Parsed>(text: string | undefined, parse: (text: string) => Parsed): Parsed | "unreadable" | undefined {
  if (text === undefined) return undefined;
  try {
    return parse(text);
  } catch {
    return "unreadable";
  }
}

function pairFindings(certificate: X509Certificate, key: KeyObject | "unreadable" | undefined): CertificateFinding[] {
  if (key === undefined || key === "unreadable" || certificate.checkPrivateKey(key)) return [];
  return [
    { field: "privateKey", message: "is not the key of this certificate; store the two as a pair", severity: "error" },
  ];
}

function validity(
  field: CertificateFinding["field"],
  { validFrom, validTo }: X509Certificate,
  now: Date,
): CertificateFinding[] {
  const [from, to] = [new Date(validFrom), new Date(validTo)];
  if (now < from) return [{ field, message: `is not valid before ${day(from)}`, severity: "error" }];
  if (now >= to) return [{ field, message: `was valid until ${day(to)}; store a renewed one`, severity: "error" }];
  const days = Math.floor((to.getTime() - now.getTime()) / dayMs);
  if (days >= warningDays) return [];
  return [
    {
      field,
      message: `is valid until ${day(to)}, another ${days} ${days === 1 ? "day" : "days"}; renew it`,
      severity: "warning",
    },
  ];
}

function day(date: Date): string {
  return date.toISOString().slice(0, 10);
}

function cover(certificate: X509Certificate, hosts: readonly string[]): CertificateFinding[] {
  const missing = hosts.filter((host) => host !== "*" && !covers(certificate, host));
  if (missing.length === 0) return [];
  const names = certificate.subjectAltName ?? "none";
  return [
    {
      field: "certificate",
      message: `does not cover ${missing.join(", ")} (its names: ${names}); clients would refuse it`,
      severity: "error",
    },
  ];
}

/** `*.domain` is covered by the same name only; clients no longer look at the subject. */
function covers(certificate: X509Certificate, host: string): boolean {
  if (host.startsWith("*.")) {
    return (certificate.subjectAltName ?? "").split(", ").includes(`DNS:${host}`);
  }
  return certificate.checkHost(host, { subject: "never" }) !== undefined;
}
