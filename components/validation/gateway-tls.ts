import {
  certificateSources,
  covers,
  gatewayNamespace,
  hostsByServer,
  plainHttp,
  tlsServerOf,
  tlsServers,
} from "../model/gateways";
import { type ExposedEntry, exposedEntries, exposedHosts } from "../model/exposures";
import { controlPlaneOf } from "../model/control-planes";
import type { Model } from "../model/model";
import { type GatewayTlsSettings, protocolFields, type TlsServerSettings } from "../settings/sections/gateway-tls";
import { compareMinor, istioSince } from "../settings/versions";
import { withoutListeners } from "./policies/connection-listeners";
import { type Problem, problemsOf, type Refusal, type SettingPath, shortPath } from "../shared/problem";
import { own } from "../shared/own";
import { checkEach, knownEntries } from "../shared/unknown";
import type { GatewayTls, TlsServer } from "../shared/workload";
import { type Check, rule, unique } from "./check";

type Server = TlsServerSettings & Partial<Pick<GatewayTlsSettings, "servers">> & { readonly hosts?: readonly string[] };

type ServerRule = (server: Server, model: Model, at: SettingPath) => Refusal;

const sourceNames = [
  "certificate and privateKey",
  "credentialName",
  "credentialNames",
  "certManager",
  "issuer",
  "selfSigned",
];

/** Of the fields that only modes with client certificates have. */
const ofClients = [
  "caCertificate",
  "caCrl",
  "subjectAltNames",
  "verifyCertificateSpki",
  "verifyCertificateHash",
] as const;

/** What is checked of `tls`, and of each entry of `tls.servers`. */
const serverRules: readonly ServerRule[] = [
  (server) => {
    if (server.mode !== "PASSTHROUGH") return undefined;
    const given = [...certificateSources, ...new Set([...ofClients, ...protocolFields])].filter(
      (field) => server[field],
    );
    return Object.fromEntries(
      given.map((field) => [field, "a gateway of mode PASSTHROUGH presents no certificate; remove it"]),
    );
  },
  (server) => {
    if (server.mode === "PASSTHROUGH") return undefined;
    const given = certificateSources.filter((field) => server[field]).join(" and ");
    if (sourceNames.includes(given) || (given === "" && (server.servers ?? []).length > 0)) return undefined;
    return `found ${given || "none of them"}; expected one of: ${sourceNames.join(", ")}`;
  },
  ({ mode, caCertificate, credentialName, credentialNames }) =>
    (mode === "MUTUAL" || mode === "OPTIONAL_MUTUAL") &&
    !caCertificate &&
    !credentialName &&
    !credentialNames && {
      caCertificate: `missing; mode ${mode} needs the CA that signs the clients' certificates: {secret: NAME}; or set mode: SIMPLE`,
    },
  (server) => {
    if (server.mode !== "SIMPLE") return undefined;
    const given = ofClients.filter((field) => server[field]);
    return Object.fromEntries(given.map((field) => [field, "found with mode SIMPLE; set mode: MUTUAL, or remove it"]));
  },
  ({ mode, caCrl, caCertificate }) =>
    mode !== "SIMPLE" && caCrl && !caCertificate && { caCrl: "is kept with the CA of the clients; add caCertificate" },
  protocolRefusal,
  ({ selfSigned, mode }, { settings: { environment } }) =>
    environment !== "dev" &&
    mode !== "PASSTHROUGH" &&
    selfSigned && { selfSigned: `found true; environment ${environment} expects a certificate of your own` },
  (server, { cluster }) => {
    const refusal = cluster.simulatedNodes && "no cert-manager runs on simulated nodes; set selfSigned: true";
    return { issuer: server.issuer && refusal, certManager: server.certManager && refusal };
  },
  ({ credentialNames }, model, at) => {
    const version = istioVersion(model, at);
    if (!credentialNames || compareMinor(version, istioSince.credentialNames) >= 0) return undefined;
    return { credentialNames: `needs Istio ${istioSince.credentialNames} or newer, and mesh.version is ${version}` };
  },
  gatewayApiRefusal,
];

export const gatewayTlsChecks: readonly Check[] = [
  ...serverRules.flatMap((check) => [rule("gateways.*.tls", check), rule("gateways.*.tls.servers.*", check)]),
  rule(
    "gateways.*.tls",
    (tls) =>
      tls.httpsRedirect &&
      (tls.plainHttp ?? "redirect") !== "redirect" && {
        httpsRedirect: `found true with plainHttp: ${tls.plainHttp}; remove one of the two`,
      },
  ),
  unique("gateways.*.tls.servers.*.hosts.*", "host", "gateways.*"),
  servedHosts,
  clientCertificates,
];

function protocolRefusal({ minProtocolVersion: min, maxProtocolVersion: max, cipherSuites }: Server): Refusal {
  const old = [min, max].find((version) => version === "TLSV1_0" || version === "TLSV1_1");
  return [
    min !== undefined &&
      max !== undefined &&
      min > max && { minProtocolVersion: `found ${min}; expected at most maxProtocolVersion, ${max}` },
    old !== undefined &&
      !cipherSuites && { cipherSuites: `missing; Envoy's own ciphers do not go with ${old}; list some that do` },
    cipherSuites &&
      min === "TLSV1_3" && {
        cipherSuites: "are those of TLS 1.2, and minProtocolVersion is TLSV1_3; remove one of the two",
      },
  ];
}

/** What istiod does not read from a listener. Source: istio/istio, pilot/pkg/config/kube/gateway/conversion.go, buildTLS. */
function gatewayApiRefusal(server: Server, model: Model, at: SettingPath): Refusal {
  const kind = gatewayAt(model, at)?.kind;
  if (kind !== "gateway-api") return undefined;
  const instead = "or set kind: chart";
  const refusal = `a listener of a Gateway (Gateway API) does not have it; remove it, ${instead}`;
  const meshWide = `a listener of a Gateway (Gateway API) does not have it; set it for the mesh in mesh.values.istiod.meshConfig.tlsDefaults, ${instead}`;
  const version = istioVersion(model, at);
  const { mode, minProtocolVersion, maxProtocolVersion, cipherSuites } = server;
  const ofCertificates = ["subjectAltNames", "verifyCertificateSpki", "verifyCertificateHash"] as const;
  return {
    mode:
      mode === "PASSTHROUGH"
        ? withoutListeners("tls", model.policies, "found PASSTHROUGH")
        : mode === "OPTIONAL_MUTUAL" &&
          `found OPTIONAL_MUTUAL; istiod gives a Gateway of the Gateway API no CA for it; set mode: MUTUAL, ${instead}`,
    minProtocolVersion: minProtocolVersion && meshWide,
    maxProtocolVersion: maxProtocolVersion && refusal,
    cipherSuites:
      cipherSuites &&
      compareMinor(version, istioSince.listenerCiphers) < 0 &&
      `at a gateway of kind gateway-api they need Istio ${istioSince.listenerCiphers} or newer, and mesh.version is ${version}; ${instead}`,
    ...Object.fromEntries(ofCertificates.map((field) => [field, server[field] && refusal])),
  };
}

function gatewayAt({ settings: { gateways } }: Model, at: SettingPath) {
  return own(gateways, String(at[1]));
}

function istioVersion(model: Model, at: SettingPath): string {
  const gateway = gatewayAt(model, at) ?? {};
  return controlPlaneOf(model.settings.mesh, gatewayNamespace(String(at[1]), gateway)).mesh.version;
}

/** Hosts without a server, and servers without hosts. */
function servedHosts({ settings }: Model): Iterable<Problem> {
  return checkEach(settings.gateways, ["gateways"], function* ({ tls }, at) {
    if (!tls) return;
    const gateway = String(at[1]);
    const entries = exposedEntries(settings).filter(({ gateways }) => gateways.includes(gateway));
    const servers = tlsServers(gateway, tls).map(({ server }) => server);
    for (const entry of entries) {
      for (const [position, host] of knownEntries(entry.hosts)) {
        const reason = unserved(entry, tlsServerOf({ servers }, host), plainHttp(tls), shortPath([...at, "tls"]));
        yield* problemsOf(reason && `found ${host}${reason}`, [...entry.path, "hosts", position]);
      }
    }
    const hosts = entries.flatMap((entry) => entry.hosts);
    for (const { path, settings: server, hosts: served } of hostsByServer(gateway, tls, hosts)) {
      if (served.includes("*")) {
        const any = 'issues no certificate for "*"; name the hosts';
        const { issuer, certManager } = server;
        const refusal = { issuer: issuer && any, certManager: certManager && !certManager.dnsNames && any };
        yield* problemsOf(refusal, [...at, ...path]);
      }
      if (path.length === 1 || served.length > 0) continue;
      yield* problemsOf(
        `no entry of talos-mesh:traffic.services exposes such a host on ${gateway}; remove it, or expose one`,
        [...at, ...path, "hosts"],
      );
    }
  });
}

function unserved(
  { tls: passthrough }: ExposedEntry,
  server: TlsServer | undefined,
  plain: GatewayTls["plainHttp"],
  ofGateway: string,
): string | undefined {
  if (!server) return `, for which ${ofGateway} has no certificate; add one, or an entry of its servers`;
  if (passthrough) {
    if (server.mode === "PASSTHROUGH") return undefined;
    return (
      ` with tls, and ${ofGateway} decrypts it (mode ${server.mode}); add it to its servers with mode: PASSTHROUGH, ` +
      "or set http"
    );
  }
  if (server.mode !== "PASSTHROUGH" || plain === "served") return undefined;
  return (
    ` with http, and ${ofGateway} passes TLS through, which it does not decrypt; set tls in place of http, ` +
    "or another mode, or plainHttp: served"
  );
}

/** Other ways to a host of mode MUTUAL than the server that requires a client certificate. */
function clientCertificates({ settings }: Model): Iterable<Problem> {
  return checkEach(settings.gateways, ["gateways"], function* ({ tls }, at) {
    if (!tls) return;
    const gateway = String(at[1]);
    const owners = exposedHosts(settings, gateway);
    const servers = hostsByServer(
      gateway,
      tls,
      owners.map(({ host }) => host),
    );
    const requiring = servers.filter(({ server }) => server.mode === "MUTUAL");
    if (plainHttp(tls) === "served" && requiring.length > 0) {
      const refusal =
        "found served, and mode MUTUAL requires a client certificate; set redirect, or mode OPTIONAL_MUTUAL";
      yield* problemsOf({ plainHttp: refusal }, [...at, "tls"]);
    }
    // Routes go by the header Host, which may name another host than the TLS handshake.
    for (const one of requiring) {
      const others = servers.filter(({ server }) => server !== one.server && server.mode !== "PASSTHROUGH");
      for (const { host, namespace } of owners.filter((owner) => one.hosts.includes(owner.host))) {
        const wildcard = owners.find(
          (owner) =>
            owner.namespace === namespace &&
            covers(owner.host, host) &&
            others.some(({ hosts }) => hosts.includes(owner.host)),
        );
        if (!wildcard) continue;
        yield* problemsOf(
          `requires a client certificate for ${host}, and clients reach it without one by a handshake for another name of ` +
            `${wildcard.host}; name that host here too, or expose the two on different gateways`,
          [...at, ...one.path],
        );
      }
    }
  });
}
