import { isIP } from "node:net";
import * as kubernetes from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import type { ProgramContext } from "../settings/context";
import { exposedHosts, gatewayNamespace } from "../model/gateways";
import { credentialName } from "../model/object-names";
import type { Settings } from "../settings/schema";
import type { GatewayTlsSettings } from "../settings/sections/gateways";
import { Layer, type LayerOptions } from "../shared/layer";
import { lifecycleCommand } from "../shared/lifecycle-command";
import { own } from "../shared/own";

export interface GatewayCertificatesArgs extends Pick<Settings, "gateways" | "traffic"> {
  readonly secrets: Readonly<Record<string, pulumi.Output<string>>>;
  readonly context: ProgramContext;
  readonly nodeAddress?: string;
}

/** Days. A self-signed certificate is renewed every year; clients accept at most 825 days. */
const selfSignedDays = 760;

/**
 * The certificates of the gateways: a Secret in each gateway's own namespace, where its proxy may read it. With `ca.crt` in
 * the Secret, the proxy also requires a certificate of the client (mode MUTUAL).
 *
 * https://istio.io/latest/docs/tasks/traffic-management/ingress/secure-ingress/
 */
export class GatewayCertificates extends Layer {
  constructor(name: string, args: GatewayCertificatesArgs, opts?: LayerOptions) {
    super("talos-mesh:mesh:GatewayCertificates", name, opts);
    for (const [gateway, settings] of Object.entries(args.gateways)) {
      const { tls } = settings;
      if (!tls || tls.mode === "PASSTHROUGH") continue;
      const given = (reference: GatewayTlsSettings["certificate"]) => reference && own(args.secrets, reference.secret);
      const { certificate, privateKey } = tls.selfSigned
        ? this.selfSigned(`${name}-${gateway}-self-signed`, subjectAltNames(gateway, args), args.context)
        : { certificate: given(tls.certificate) ?? "", privateKey: given(tls.privateKey) ?? "" };
      const ca = given(tls.caCertificate);
      new kubernetes.core.v1.Secret(
        `${name}-${gateway}`,
        {
          metadata: { name: credentialName(gateway), namespace: gatewayNamespace(gateway, settings) },
          type: "kubernetes.io/tls",
          stringData: { "tls.crt": certificate, "tls.key": privateKey, ...(ca && { "ca.crt": ca }) },
        },
        this.child,
      );
    }
    this.registerOutputs();
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

/** In openssl's format. `*` is no name, so it is replaced by the address of the nodes; this machine is always added. */
function subjectAltNames(gateway: string, { traffic, nodeAddress }: GatewayCertificatesArgs): string[] {
  const hosts = exposedHosts(traffic, gateway);
  const named = hosts.filter((host) => host !== "*").map((host) => `DNS:${host}`);
  const kind = isIP(nodeAddress ?? "") === 0 ? "DNS" : "IP";
  const anyHost = hosts.includes("*") && nodeAddress !== undefined ? [`${kind}:${nodeAddress}`] : [];
  return [...named, ...anyHost, "DNS:localhost", "IP:127.0.0.1"];
}

/** Undefined where no gateway has a certificate. */
export function gatewayCertificates(name: string, args: GatewayCertificatesArgs, opts?: LayerOptions) {
  const any = Object.values(args.gateways).some(({ tls }) => tls && tls.mode !== "PASSTHROUGH");
  return any ? new GatewayCertificates(name, args, opts) : undefined;
}
