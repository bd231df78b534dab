import { certificatesIn, isAsked, issuerKind } from "../model/certificates";
import { exposedHosts } from "../model/exposures";
import { hostsByServer, plainHttp } from "../model/gateways";
import { clusterIssuers, ownedLayers, stackReferenceOf } from "../model/layers";
import type { Model } from "../model/model";
import type { GatewayDeploymentSettings } from "../settings/sections/gateways";
import type { TlsServerSettings } from "../settings/sections/gateway-tls";
import { suggestion } from "../settings/wording";
import { milliseconds } from "../shared/duration";
import { own } from "../shared/own";
import { type Problem, problemsOf, type Refusal, type SettingPath } from "../shared/problem";
import { checkEach } from "../shared/unknown";
import { checkCertificate, unreadable } from "./certificates";
import { type Check, type CheckContext, refuse, rule } from "./check";

/** cert-manager, its issuers, and the certificates that gateways have from them. */
export const certManagerChecks: readonly Check[] = [
  refuse(
    "platform.certManager",
    (_, { cluster }) => cluster.simulatedNodes,
    "no cert-manager runs on simulated nodes; remove it, and set tls.selfSigned: true for gateways",
  ),
  rule("platform.certManager.issuers.*.acme", ({ http01 }, { settings }, at) => {
    const name = String(at[3]);
    if (!http01 || !ownedLayers(settings).has("mesh") || isAsked(settings, name)) return undefined;
    return {
      http01: `no gateway asks for a certificate (tls.certManager.clusterIssuer: ${name}); remove the issuer, or set dns01`,
    };
  }),
  rule("platform.certManager.issuers.*.acme.caBundle", (text) => certificatesIn(text).length === 0 && unreadable()),
  refuse(
    "platform.certManager.issuers.*.acme.dns01.rfc2136",
    ({ tsigKeyName, tsigSecret }) => (tsigKeyName === undefined) !== (tsigSecret === undefined),
    "expected tsigKeyName and tsigSecret together",
  ),
  refuse(
    "platform.certManager.issuers.*.acme.dns01.route53",
    ({ accessKeyID, secretAccessKey }) => (accessKeyID === undefined) !== (secretAccessKey === undefined),
    "expected accessKeyID and secretAccessKey together, or neither, with a role of the nodes",
  ),
  rule("platform.certManager.issuers.*.selfSignedCA", (_, { settings: { platform } }, at) => {
    const root = `${String(at[3])}-root`;
    const taken = own(platform.certManager?.issuers ?? {}, root) !== undefined;
    return taken && `needs an issuer ${root} of its own, and platform.certManager.issuers has one; rename one of them`;
  }),
  authorities,
  ({ settings }) =>
    checkEach(settings.gateways, ["gateways"], function* (gateway, at) {
      const { tls } = gateway;
      if (!tls) return;
      const name = String(at[1]);
      const hosts = exposedHosts(settings, name).map(({ host }) => host);
      for (const server of hostsByServer(name, tls, hosts)) {
        const refusal = certificateRefusal(server.settings, gateway, server.hosts, settings);
        yield* problemsOf(refusal, [...at, ...server.path]);
      }
    }),
];

/** Authorities of the user, whose values are known. */
function authorities({ settings: { platform } }: Model, { secretTexts }: CheckContext): Iterable<Problem> {
  return checkEach(platform.certManager?.issuers, ["platform", "certManager", "issuers"], ({ ca }, at) =>
    ca ? authorityProblems(ca, secretTexts, [...at, "ca"]) : [],
  );
}

/** What a reference to an issuer of `platform.certManager` names, of this stack or its cluster's, where that has none such. */
export function unknownIssuer(
  name: string,
  known: readonly string[],
  { platform, cluster }: Model["settings"],
): Refusal {
  const reference = platform.certManager ? undefined : stackReferenceOf(cluster);
  const section = `talos-mesh:platform.certManager.issuers${reference === undefined ? "" : ` of ${reference}`}`;
  const hint = known.length > 0 ? suggestion(name, known) : "there are none";
  return !known.includes(name) && `found ${name}; no such issuer in ${section}; ${hint}`;
}

interface Authority {
  readonly certificate: { readonly secret: string };
  readonly privateKey: { readonly secret: string };
}

/** What is wrong with the certificate and the key of an authority. */
export function authorityProblems(
  { certificate, privateKey }: Authority,
  secretTexts: ReadonlyMap<string, string>,
  at: SettingPath,
): Problem[] {
  const text = secretTexts.get(certificate.secret);
  const pair = { certificate: text, privateKey: secretTexts.get(privateKey.secret) };
  const found = [
    ...checkCertificate(pair, [], new Date()),
    ...checkCertificate({ caCertificate: text }, [], new Date()),
  ];
  const messages = found
    .filter(({ severity }) => severity === "error")
    .map(({ field, message }) => {
      const key = field === "privateKey" ? field : "certificate";
      return {
        path: [...at, key],
        message: `secret ${key === "privateKey" ? privateKey.secret : certificate.secret} ${message}`,
      };
    });
  return [...new Map(messages.map((one) => [`${one.path.join(".")} ${one.message}`, one])).values()];
}

function certificateRefusal(
  server: TlsServerSettings,
  gateway: GatewayDeploymentSettings,
  hosts: readonly string[],
  settings: Model["settings"],
): Refusal {
  const { certManager } = server;
  const issuers = clusterIssuers(settings);
  const kind = issuerKind({ clusterIssuers: issuers }, server);
  return [
    kind === "http01" && {
      [server.issuer ? "issuer" : "certManager"]: challengeRefusal(gateway, certManager?.dnsNames ?? hosts),
    },
    certManager && {
      certManager: {
        http01:
          certManager.http01 &&
          own(issuers ?? {}, certManager.clusterIssuer ?? "") !== undefined &&
          "found true, which is for issuers of others; platform.certManager says what this one does; remove it",
        clusterIssuer:
          certManager.clusterIssuer !== undefined &&
          issuers &&
          unknownIssuer(certManager.clusterIssuer, Object.keys(issuers), settings),
        dnsNames: hosts
          .filter((host) => host !== "*" && certManager.dnsNames?.every((name) => !covers(name, host)))
          .map((host) => `does not cover ${host}, which is exposed; add it`),
        ...durationRefusals(certManager, kind === "http01" || kind === "dns01"),
      },
    },
  ];
}

/** A wildcard of a certificate is for one label. */
function covers(name: string, host: string): boolean {
  return name === host || (name.startsWith("*.") && name.slice(1) === host.replace(/^[^.]*/, ""));
}

function challengeRefusal({ kind, tls }: GatewayDeploymentSettings, names: readonly string[]): Refusal {
  const instead = "or use an issuer with dns01";
  if (kind !== "gateway-api") {
    return `asks an issuer with http01, whose challenges are HTTPRoutes, which a gateway of kind ${kind} does not read; set kind: gateway-api, ${instead}`;
  }
  if (tls && plainHttp(tls) === "closed") {
    return `asks an issuer with http01, which needs port 80; set plainHttp: redirect, ${instead}`;
  }
  const wildcard = names.find((name) => name.startsWith("*."));
  return (
    wildcard !== undefined &&
    `asks an issuer with http01, which issues no certificate for ${wildcard}; name the hosts, ${instead}`
  );
}

/** What is wrong with the duration of a certificate that cert-manager issues. */
export function tooShort(duration: string): Refusal {
  return milliseconds(duration) < 3_600_000 && `found ${duration}; cert-manager issues for at least 1h`;
}

function durationRefusals({ duration, renewBefore }: NonNullable<TlsServerSettings["certManager"]>, isAcme: boolean) {
  const acme = "the authority of an ACME issuer decides it; remove it";
  const [lasts, before] = [duration, renewBefore].map((each) => (each === undefined ? undefined : milliseconds(each)));
  return {
    duration: duration !== undefined && (isAcme ? acme : tooShort(duration)),
    renewBefore:
      lasts !== undefined &&
      before !== undefined &&
      before >= lasts &&
      `found ${renewBefore}; expected less than duration, ${duration}`,
  };
}
