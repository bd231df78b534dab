import { X509Certificate } from "node:crypto";
import type { Outcome } from "../probe";
import type { Observation } from "../result";

/** What is wrong with the certificate that a server showed, to follow `a request was`; undefined where nothing is. */
export function wrongCertificate(
  { host, secrets, known = [] }: NonNullable<Outcome["certificate"]>,
  { pem, at }: NonNullable<Observation["certificate"]>,
): string | undefined {
  const certificate = new X509Certificate(pem);
  const found = `answered with a certificate of ${nameIn(certificate.issuer)}`;
  if (Date.parse(certificate.validTo) / 1000 < at) return `${found} that expired on ${day(certificate.validTo)}`;
  if (Date.parse(certificate.validFrom) / 1000 > at)
    return `${found} that is not valid before ${certificate.validFrom}`;
  if (host !== undefined && certificate.checkHost(host) === undefined) {
    return `${found} that is for ${certificate.subjectAltName ?? nameIn(certificate.subject)}, and not for ${host}`;
  }
  const isKnown = known.some((one) => new X509Certificate(one).fingerprint256 === certificate.fingerprint256);
  return known.length === 0 || isKnown ? undefined : `${found} that is not the one in Secret ${secrets.join(" or ")}`;
}

/** Such as `a certificate of Example CA, which expires on 2027-01-31`. */
export function describeCertificate({ pem }: NonNullable<Observation["certificate"]>): string {
  const { issuer, validTo } = new X509Certificate(pem);
  return `a certificate of ${nameIn(issuer)}, which expires on ${day(validTo)}`;
}

function day(date: string): string {
  return new Date(date).toISOString().slice(0, 10);
}

/** The common name, or all of it. */
function nameIn(subject: string): string {
  return /^CN=(.*)$/m.exec(subject)?.[1] ?? (subject.replaceAll("\n", ", ") || "no name");
}
