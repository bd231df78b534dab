import { z } from "zod";
import { dnsSubdomain, exactlyOneOf, hostPattern, off, some } from "../fields";
import { issuedCertificate } from "./cert-manager";

/** `talos-mesh:gateways.<name>.tls`, in the words of Istio's Gateway. */

/** PEM: an entry of `talos-mesh:secrets`, or a file. */
const pem = exactlyOneOf({
  secret: z.string().min(1).describe("Name of an entry of talos-mesh:secrets.").optional(),
  file: z.string().min(1).describe("Path, from the folder of Pulumi.yaml.").optional(),
});

const protocolVersion = z.enum(["TLSV1_0", "TLSV1_1", "TLSV1_2", "TLSV1_3"]);

/** Source: istio/istio, pkg/config/security, ValidCipherSuites; without 3DES, and those that only TLS 1.3 has. */
const cipherSuite = z.enum([
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-CHACHA20-POLY1305",
  "ECDHE-ECDSA-AES128-SHA",
  "ECDHE-RSA-AES128-SHA",
  "ECDHE-ECDSA-AES256-SHA",
  "ECDHE-RSA-AES256-SHA",
  "AES128-GCM-SHA256",
  "AES256-GCM-SHA384",
  "AES128-SHA",
  "AES256-SHA",
]);

const issuer = z
  .strictObject({
    name: dnsSubdomain,
    kind: z.enum(["ClusterIssuer", "Issuer"]).default("ClusterIssuer"),
    group: dnsSubdomain.default("cert-manager.io"),
  })
  .describe("As certManager, with the kind and the group of the issuer.");

/** Fields of Istio's `servers[].tls` that are written to it as they are. */
const protocol = {
  minProtocolVersion: protocolVersion.optional().describe("Default: that of the mesh, TLS 1.2."),
  maxProtocolVersion: protocolVersion.optional(),
  cipherSuites: some(cipherSuite).describe("Of TLS 1.2; those of TLS 1.3 cannot be chosen."),
  subjectAltNames: some(z.string().min(1)).describe("Names of which a client's certificate must have one."),
  verifyCertificateSpki: some(
    z.string().regex(/^[A-Za-z0-9+/]{43}=$/, "expected a SHA-256 hash in base64, 44 characters"),
  ).describe("Public keys of which a client's certificate must have one: SHA-256 in base64."),
  verifyCertificateHash: some(
    z
      .string()
      .regex(
        /^([0-9a-fA-F]{64}|[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){31})$/,
        "expected a SHA-256 hash of 64 hexadecimal digits",
      ),
  ).describe("Certificates of clients: SHA-256 in hexadecimal digits."),
};

export const protocolFields = Object.keys(protocol) as readonly (keyof typeof protocol)[];

const server = {
  mode: z
    .enum(["SIMPLE", "MUTUAL", "OPTIONAL_MUTUAL", "PASSTHROUGH"])
    .default("SIMPLE")
    .describe(
      "MUTUAL: clients need a certificate. OPTIONAL_MUTUAL: they may have one. PASSTHROUGH: TLS ends at the workload.",
    ),
  certificate: pem.optional().describe("PEM: the gateway's certificate, then those between it and its root."),
  privateKey: pem.optional().describe("PEM, without a passphrase."),
  credentialName: dnsSubdomain
    .optional()
    .describe("A Secret that exists in the gateway's namespace, with tls.crt and tls.key."),
  credentialNames: z
    .array(dnsSubdomain)
    .length(2)
    .optional()
    .describe("Two such Secrets, for example with an RSA and an ECDSA key."),
  certManager: issuedCertificate.optional(),
  issuer: issuer.optional(),
  selfSigned: off("A certificate from this program, for dev; renewed every year."),
  caCertificate: pem.optional().describe("Mode MUTUAL: the authority of the clients' certificates, PEM."),
  caCrl: pem.optional().describe("Client certificates that the authority has revoked, PEM."),
  ...protocol,
};

export const tls = z
  .strictObject({
    ...server,
    plainHttp: z
      .enum(["closed", "redirect", "served"])
      .optional()
      .describe("The port for plain HTTP. Default: closed. redirect: to HTTPS."),
    httpsRedirect: off("The same as plainHttp: redirect."),
    servers: z
      .array(z.strictObject({ hosts: z.array(hostPattern).min(1), ...server }))
      .default([])
      .describe("Hosts with another certificate or another mode; the fields next to it are for all other hosts."),
  })
  .describe("TLS for the hosts of exposed services.");

export type GatewayTlsSettings = z.output<typeof tls>;
export type TlsServerSettings = Omit<GatewayTlsSettings, "plainHttp" | "httpsRedirect" | "servers">;
export type PemSettings = z.output<typeof pem>;
