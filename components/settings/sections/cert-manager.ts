import { z } from "zod";
import { dnsSubdomain, exactlyOneOf, hostAndPort, hostPattern, httpUrl, secretRef, some } from "../fields";
import { seconds } from "../quantities";

/** `talos-mesh:platform.certManager`, and the certificates of gateways that it issues, in the words of its API. */

const word = z.string().min(1).max(253);

/** Providers of DNS, each with one secret: that of the account that may write the records. */
const dns01 = exactlyOneOf({
  cloudflare: z.strictObject({ apiToken: secretRef }).optional(),
  route53: z
    .strictObject({
      region: word.optional(),
      hostedZoneID: word.optional(),
      accessKeyID: word.optional(),
      secretAccessKey: secretRef.optional(),
      role: word.optional(),
    })
    .optional(),
  cloudDNS: z.strictObject({ project: word, serviceAccount: secretRef.optional() }).optional(),
  digitalocean: z.strictObject({ token: secretRef }).optional(),
  rfc2136: z
    .strictObject({
      nameserver: hostAndPort,
      tsigKeyName: word.optional(),
      tsigAlgorithm: z.enum(["HMACSHA1", "HMACSHA256", "HMACSHA512"]).optional(),
      tsigSecret: secretRef.optional(),
    })
    .optional(),
});

const acme = exactlyOneOf(
  {
    server: httpUrl.default("https://acme-v02.api.letsencrypt.org/directory").describe("Default: Let's Encrypt."),
    email: z.email().optional(),
    caBundle: z
      .string()
      .min(1)
      .optional()
      .describe("PEM: the authority that signed the server's own certificate, where it is a private one."),
    http01: z
      .strictObject({})
      .optional()
      .describe("Requests on port 80, through the gateways that ask this issuer (kind gateway-api)."),
    dns01: dns01.optional().describe("Records of the domain; also for wildcards."),
  },
  ["http01", "dns01"],
);

const caDuration = "87600h";

const clusterIssuer = exactlyOneOf({
  acme: acme.optional(),
  ca: z
    .strictObject({ certificate: secretRef, privateKey: secretRef })
    .optional()
    .describe("A certificate authority of your own, PEM."),
  selfSignedCA: z
    .strictObject({
      commonName: z.string().min(1).max(64),
      duration: seconds.default(caDuration).describe(`Default: ${caDuration}.`),
    })
    .optional()
    .describe("A certificate authority whose key cert-manager creates and keeps in the cluster."),
});

export const certManager = z
  .strictObject({
    issuers: z.record(dnsSubdomain, clusterIssuer).default({}).describe("ClusterIssuers by name."),
  })
  .describe("cert-manager, from its chart.");

export const issuedCertificate = exactlyOneOf(
  {
    clusterIssuer: dnsSubdomain.optional().describe("One of platform.certManager.issuers, where that is set."),
    issuer: dnsSubdomain.optional().describe("An Issuer that exists in the gateway's namespace."),
    http01: z
      .literal(true)
      .optional()
      .describe(
        "The issuer asks on port 80, through the gateway (kind gateway-api). Of platform.certManager this is known.",
      ),
    dnsNames: some(hostPattern).describe("Default: the hosts that are exposed."),
    duration: seconds.optional().describe("Default: 90 days; at least 1h."),
    renewBefore: seconds.optional().describe("Default: a third of the duration."),
  },
  ["clusterIssuer", "issuer"],
).describe("cert-manager issues the certificate and renews it.");

export type CertManagerSettings = z.output<typeof certManager>;
export type ClusterIssuerSettings = z.output<typeof clusterIssuer>;
