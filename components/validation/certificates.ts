import { createPrivateKey, X509Certificate } from "node:crypto";
import { exposedHosts } from "../model/gateways";
import type { Settings } from "../settings/schema";
import type { Problem } from "../shared/problem";
import { checkEach, ifKnown } from "../shared/unknown";
import type { Check } from "./check";

export const certificateChecks: readonly Check[] = [
  ({ settings }, { secretTexts }) => certificateProblems(settings, secretTexts, "error"),
];

/** Wrong certificates, or, as warnings, those that are still valid and expire soon. */
export function certificateProblems(
  { gateways, traffic }: Pick<Settings, "gateways" | "traffic">,
  secretTexts: ReadonlyMap<string, string>,
  severity: CertificateFinding["severity"],
): Iterable<Problem> {
  return checkEach(gateways, ["gateways"], ({ tls }, path) => {
    if (!tls) return [];
    const text = (field: CertificateFinding["field"]) => {
      const reference = tls[field];
      return reference && secretTexts.get(reference.secret);
    };
    const texts = {
      certificate: text("certificate"),
      privateKey: text("privateKey"),
      caCertificate: text("caCertificate"),
    };
    const hosts = ifKnown(() => exposedHosts(traffic, String(path[1])));
    return checkCertificate(texts, hosts ?? [], new Date())
      .filter((one) => one.severity === severity)
      .map(({ field, message }) => ({
        path: [...path, "tls", field],
        message: `secret ${tls[field]?.secret} ${message}`,
      }));
  });
}

/** What is wrong with a certificate, or will be soon; the message has no part of it. */
export interface CertificateFinding {
  /** Field of `gateways.<name>.tls`. */
  readonly field: "certificate" | "privateKey" | "caCertificate";
  readonly message: string;
  readonly severity: "error" | "warning";
}

/** Texts of the secrets; a missing one is not checked. */
export type CertificateTexts = { readonly [Field in CertificateFinding["field"]]?: string | undefined };

/** Days before it expires from which there is a warning: the time that renewing by hand may take. */
const warningDays = 30;

const dayMs = 24 * 60 * 60 * 1000;

/**
 * Checks a gateway's certificate: it can be read, key and certificate are a pair, it is valid now and for a while, and it
 * covers every host but `*`. A gateway with a wrong certificate refuses every client, and only its own log has the reason.
 */
export function checkCertificate(texts: CertificateTexts, hosts: readonly string[], now: Date): CertificateFinding[] {
  const found: CertificateFinding[] = [];
  const error = (field: CertificateFinding["field"], message: string) =>
    found.push({ field, message, severity: "error" });
  const read = <Parsed>(field: keyof CertificateTexts, label: string, parse: (text: string) => Parsed) => {
    const text = texts[field];
    try {
      return text === undefined ? undefined : parse(text);
    } catch {
      error(field, `cannot be read; expected PEM, which begins with -----BEGIN ${label}`);
      return undefined;
    }
  };
  const certificate = read("certificate", "CERTIFICATE-----", (text) => new X509Certificate(text));
  const key = read("privateKey", "PRIVATE KEY-----, without a passphrase", createPrivateKey);
  const ca = read("caCertificate", "CERTIFICATE-----", (text) => new X509Certificate(text));
  if (certificate && key && !certificate.checkPrivateKey(key)) {
    error("privateKey", "is not the key of this certificate; store the two as a pair");
  }
  for (const [field, one] of Object.entries({ certificate, caCertificate: ca })) {
    if (one) found.push(...validity(field as CertificateFinding["field"], one, now));
  }
  const missing = hosts.filter((host) => host !== "*" && certificate && !covers(certificate, host));
  if (missing.length > 0) {
    const names = certificate?.subjectAltName ?? "none";
    error("certificate", `does not cover ${missing.join(", ")} (its names: ${names}); clients would refuse it`);
  }
  if (ca && !ca.ca) {
    error(
      "caCertificate",
      "is not the certificate of an authority (CA:TRUE), so that it can sign no client certificate",
    );
  }
  return found;
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
  const message = `is valid until ${day(to)}, another ${days} ${days === 1 ? "day" : "days"}; renew it`;
  return [{ field, message, severity: "warning" }];
}

function day(date: Date): string {
  return date.toISOString().slice(0, 10);
}

/** `*.domain` is covered by the same name only; clients do not use the subject. */
function covers(certificate: X509Certificate, host: string): boolean {
  if (host.startsWith("*.")) {
    return (certificate.subjectAltName ?? "").split(", ").includes(`DNS:${host}`);
  }
  return certificate.checkHost(host, { subject: "never" }) !== undefined;
}
