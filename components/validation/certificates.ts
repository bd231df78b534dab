import { createPrivateKey, X509Certificate } from "node:crypto";
import path from "node:path";
import { exposedHosts, type ExposingSections } from "../model/exposures";
import { hostsByServer } from "../model/gateways";
import type { PemSettings } from "../settings/sections/gateway-tls";
import type { Settings } from "../settings/schema";
import { readIfExists } from "../shared/files";
import type { Problem } from "../shared/problem";
import { checkEach, ifKnown } from "../shared/unknown";
import type { Check, CheckContext } from "./check";

export const certificateChecks: readonly Check[] = [
  ({ settings }, context) => certificateProblems(settings, context, "error"),
  ({ policies: { externalServices } }, { secretTexts }) =>
    checkEach(externalServices, [], ({ credentials = [] }) =>
      credentials.flatMap(({ path: at, secrets }) => {
        const named = new Map(Object.entries(secrets).map(([field, name]) => [ofGateway(field), { field, name }]));
        const texts = Object.fromEntries([...named].map(([field, { name }]) => [field, secretTexts.get(name)]));
        return checkCertificate(texts, [], new Date()).flatMap(({ field: found, message, severity }) => {
          const { field = found, name = "" } = named.get(found) ?? {};
          return severity === "error" ? [{ path: [...at, field], message: `secret ${name} ${message}` }] : [];
        });
      }),
    ),
];

/** The field of a gateway's `tls` with the same meaning. */
function ofGateway(field: string): string {
  return field === "clientCertificate" ? "certificate" : field === "caCertificates" ? "caCertificate" : field;
}

const fields = ["certificate", "privateKey", "caCertificate", "caCrl"] as const;

/** Wrong certificates, or, as warnings, those that are still valid and expire soon. */
export function certificateProblems(
  settings: ExposingSections & Pick<Settings, "gateways">,
  context: Pick<CheckContext, "secretTexts" | "projectRoot">,
  severity: CertificateFinding["severity"],
): Iterable<Problem> {
  return checkEach(settings.gateways, ["gateways"], ({ tls }, at) => {
    if (!tls) return [];
    const gateway = String(at[1]);
    const exposed = ifKnown(() => exposedHosts(settings, gateway)) ?? [];
    const servers = hostsByServer(
      gateway,
      tls,
      exposed.map(({ host }) => host),
    );
    return servers.flatMap(({ settings: server, path: within, hosts }) => {
      const read = fields.map((field) => [field, readPem(server[field], context)] as const);
      const missing = read.flatMap(([field, text]) => {
        if (text !== null) return [];
        const message = `found ${server[field]?.file}, which does not exist; relative paths start from the folder of Pulumi.yaml`;
        return severity === "error" ? [{ path: [...at, ...within, field, "file"], message }] : [];
      });
      const texts = Object.fromEntries(read.map(([field, text]) => [field, text ?? undefined]));
      const findings = checkCertificate(texts, hosts, new Date()).filter((one) => one.severity === severity);
      return [
        ...missing,
        ...findings.map(({ field, message }) => {
          const { secret, file } = server[field] ?? {};
          return { path: [...at, ...within, field], message: `${secret ? `secret ${secret}` : file} ${message}` };
        }),
      ];
    });
  });
}

/** Undefined where it is not known; null where there is no such file. */
function readPem(
  reference: PemSettings | undefined,
  { secretTexts, projectRoot }: Pick<CheckContext, "secretTexts" | "projectRoot">,
): string | undefined | null {
  if (reference?.file !== undefined) return readIfExists(path.resolve(projectRoot, reference.file)) ?? null;
  return reference?.secret === undefined ? undefined : secretTexts.get(reference.secret);
}

/** What is wrong with a certificate, or will be soon; the message has no part of it. */
export interface CertificateFinding {
  /** Field of `gateways.<name>.tls`. */
  readonly field: (typeof fields)[number];
  readonly message: string;
  readonly severity: "error" | "warning";
}

/** Says that a string is not in PEM; a certificate by default. */
export function unreadable(label = "CERTIFICATE-----"): string {
  return `cannot be read; expected PEM, which begins with -----BEGIN ${label}`;
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
      error(field, unreadable(label));
      return undefined;
    }
  };
  const certificate = read("certificate", "CERTIFICATE-----", (text) => new X509Certificate(text));
  const key = read("privateKey", "PRIVATE KEY-----, without a passphrase", createPrivateKey);
  const ca = read("caCertificate", "CERTIFICATE-----", (text) => new X509Certificate(text));
  read("caCrl", "X509 CRL-----", (text) => {
    if (!text.includes("-----BEGIN X509 CRL-----")) throw new RangeError("not PEM");
  });
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
