import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import path from "node:path";
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import type { ProgramContext } from "../settings/context";
import { issuedCertificate, issuerKind, type KnownIssuers } from "../model/certificates";
import { exposedHosts, type ExposingSections } from "../model/exposures";
import { gatewayNamespace, hostsByServer, tlsServers } from "../model/gateways";
import { clientAuthorityName } from "../model/object-names";
import type { Settings } from "../settings/schema";
import type { PemSettings, TlsServerSettings } from "../settings/sections/gateway-tls";
import { Layer, type LayerOptions } from "../shared/layer";
import { lifecycleCommand } from "../shared/lifecycle-command";
import { own } from "../shared/own";
import type { TlsServer } from "../shared/workload";

export interface GatewayCertificatesArgs extends ExposingSections, KnownIssuers, Pick<Settings, "gateways"> {
  readonly secrets: Readonly<Record<string, pulumi.Output<string>>>;
  readonly context: ProgramContext;
  readonly nodeAddress?: string;
}

interface Certificate {
  readonly gateway: string;
  readonly server: TlsServerSettings;
  readonly model: TlsServer;
  /** Those that clients name for it. */
  readonly hosts: readonly string[];
  readonly namespace: string;
  readonly resource: string;
}

/** Days. A self-signed certificate is renewed every year; clients accept at most 825 days. */
const selfSignedDays = 760;

/**
 * The certificates of the gateways: Secrets in each gateway's own namespace, where its proxy may read them. With `ca.crt` in
 * the Secret, the proxy also requires a certificate of the client (mode MUTUAL).
 *
 * https://istio.io/latest/docs/tasks/traffic-management/ingress/secure-ingress/
 */
export class GatewayCertificates extends Layer {
  constructor(
    name: string,
    private readonly args: GatewayCertificatesArgs,
    opts?: LayerOptions,
  ) {
    super("talos-mesh:mesh:GatewayCertificates", name, opts);
    for (const [gateway, settings] of Object.entries(args.gateways)) {
      const { tls } = settings;
      if (!tls) continue;
      const namespace = gatewayNamespace(gateway, settings);
      const servers = hostsByServer(
        gateway,
        tls,
        exposedHosts(args, gateway).map(({ host }) => host),
      );
      for (const { settings: server, server: model, hosts } of servers) {
        this.certificate({ gateway, server, model, hosts, namespace, resource: resourceName(name, gateway, model) });
      }
    }
    this.registerOutputs();
  }

  private certificate({ gateway, server, model, hosts, namespace, resource }: Certificate): void {
    const [name] = model.credentialNames;
    if (name === undefined) return;
    const clients = this.clientAuthority(server);
    const own = this.ownCertificate(server, hosts, resource);
    if (own) return this.secret(resource, { name, namespace }, "kubernetes.io/tls", { ...own, ...clients });
    const issued = issuedCertificate(server);
    if (issued) {
      new kubernetes.apiextensions.CustomResource(
        `${resource}-issued`,
        {
          apiVersion: "cert-manager.io/v1",
          kind: "Certificate",
          metadata: {
            name,
            namespace,
            ...(issuerKind(this.args, server) === "http01" && { annotations: challengeRoute(gateway, namespace) }),
          },
          spec: { secretName: name, dnsNames: [...hosts], ...issued },
        },
        this.child,
      );
    }
    // The Secret belongs to cert-manager, or to its owner.
    if (clients) this.secret(`${resource}-clients`, { name: clientAuthorityName(name), namespace }, "Opaque", clients);
  }

  private secret(
    resource: string,
    metadata: { readonly name: string; readonly namespace: string },
    type: string,
    stringData: Readonly<Record<string, pulumi.Input<string>>>,
  ): void {
    new kubernetes.core.v1.Secret(resource, { metadata, type, stringData }, this.child);
  }

  private ownCertificate(server: TlsServerSettings, hosts: readonly string[], resource: string) {
    const { certificate, privateKey } = server.selfSigned
      ? this.selfSigned(`${resource}-self-signed`, subjectAltNames(hosts, this.args), this.args.context)
      : { certificate: this.pem(server.certificate), privateKey: this.pem(server.privateKey) };
    return certificate && privateKey && { "tls.crt": certificate, "tls.key": privateKey };
  }

  private clientAuthority({ caCertificate, caCrl }: TlsServerSettings) {
    const [authority, revoked] = [this.pem(caCertificate), this.pem(caCrl)];
    return authority && { "ca.crt": authority, ...(revoked && { "ca.crl": revoked }) };
  }

  private pem(reference: PemSettings | undefined): pulumi.Output<string> | undefined {
    if (reference?.secret !== undefined) return own(this.args.secrets, reference.secret);
    return reference?.file === undefined ? undefined : pulumi.secret(this.fileText(reference.file));
  }

  private fileText(file: string): string {
    return readFileSync(path.resolve(this.args.context.projectRoot, file), "utf8");
  }

  /**
   * Created once and kept in the stack's state, encrypted. Created again when the hosts change, and by the first `up` of a
   * calendar year, long before it expires: a program cannot read the expiry date of its own resource.
   */
  private selfSigned(name: string, hosts: readonly string[], context: ProgramContext) {
    const environment = {
      SUBJECT_ALT_NAMES: hosts.join(","),
      DAYS: String(selfSignedDays),
      ...(!context.render && { YEAR: String(new Date().getUTCFullYear()) }),
    };
    const apply = "exec bash components/mesh/scripts/self-signed.sh";
    const keyAndCertificate = lifecycleCommand(name, { apply, environment, secretOutput: true }, this.child);
    const part = (index: 0 | 1) =>
      keyAndCertificate.stdout.apply((text) => text.split(/(?=-----BEGIN CERTIFICATE-----)/)[index] ?? "");
    return { privateKey: part(0), certificate: part(1) };
  }
}

/** By which cert-manager answers challenges through a Gateway, whose name need not be in the issuer. */
function challengeRoute(name: string, namespace: string) {
  const annotation = "acme.cert-manager.io/http01-parentref";
  return { [`${annotation}kind`]: "Gateway", [`${annotation}name`]: name, [`${annotation}namespace`]: namespace };
}

/** In openssl's format. `*` is no name, so it is replaced by the address of the nodes; this machine is always added. */
function subjectAltNames(hosts: readonly string[], { nodeAddress }: GatewayCertificatesArgs): string[] {
  const named = hosts.filter((host) => host !== "*").map((host) => `DNS:${host}`);
  const kind = isIP(nodeAddress ?? "") === 0 ? "DNS" : "IP";
  const anyHost = hosts.includes("*") && nodeAddress !== undefined ? [`${kind}:${nodeAddress}`] : [];
  return [...named, ...anyHost, "DNS:localhost", "IP:127.0.0.1"];
}

/** Those of hosts with a server of their own contain a slash, which no name of a gateway has. */
function resourceName(name: string, gateway: string, { hosts }: TlsServer): string {
  return hosts === undefined ? `${name}-${gateway}` : `${name}-${gateway}/${hosts[0]}`;
}

/** Undefined where no gateway has a certificate. */
export function gatewayCertificates(name: string, args: GatewayCertificatesArgs, opts?: LayerOptions) {
  const all = Object.entries(args.gateways).flatMap(([gateway, { tls }]) => (tls ? tlsServers(gateway, tls) : []));
  return all.some(({ server }) => server.credentialNames.length > 0)
    ? new GatewayCertificates(name, args, opts)
    : undefined;
}
