import { isIP } from "node:net";
import * as kubernetes from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import type { ProgramContext } from "../settings/context";
import { offeredHosts } from "../model/exposed-hosts";
import type { GatewaysSettings, GatewayTlsSettings } from "../settings/sections/gateways";
import type { TrafficSettings } from "../settings/sections/traffic";
import { Layer, type LayerOptions } from "../shared/layer";
import { lifecycleCommand } from "../shared/lifecycle-command";
import { credentialName, gatewayNamespace } from "../model/gateways";

export interface GatewayCertificatesArgs {
  readonly gateways: GatewaysSettings;
  /** Says under which hosts each gateway answers. */
  readonly traffic: TrafficSettings;
  /** Values of `talos-mesh:secrets`. */
  readonly secrets: Readonly<Record<string, pulumi.Output<string>>>;
  readonly context: ProgramContext;
  /** Address under which nodes answer, where it is known. */
  readonly nodeAddress?: string;
}

interface KeyPair {
  readonly certificate: pulumi.Input<string>;
  readonly privateKey: pulumi.Input<string>;
}

/** Days; a self-signed certificate is renewed every year, and 825 is what clients accept at most. */
const selfSignedDays = 760;

/**
 * What gateways show their clients: a Secret in each gateway's own namespace, where its proxy may read it. With
 * `ca.crt` beside the pair, the proxy asks for a client's certificate as well (mode MUTUAL).
 *
 * https://istio.io/latest/docs/tasks/traffic-management/ingress/secure-ingress/
 */
export class GatewayCertificates extends Layer {
  constructor(name: string, args: GatewayCertificatesArgs, opts?: LayerOptions) {
    super("talos-mesh:mesh:GatewayCertificates", name, opts);
    for (const [gateway, settings] of Object.entries(args.gateways)) {
      const { tls } = settings;
      if (!tls || tls.mode === "PASSTHROUGH") continue;
      const { certificate, privateKey } = tls.selfSigned
        ? this.selfSigned(`${name}-${gateway}-self-signed`, subjectAltNames(gateway, args), args.context)
        : given(tls, args.secrets);
      const ca = tls.caCertificate && args.secrets[tls.caCertificate.secret];
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
   * Made once and kept in the stack's state, encrypted; made anew for other hosts, and by the first `up` of a year,
   * long before its end: what a program computes cannot depend on what it has made, so the calendar says when.
   */
  private selfSigned(name: string, hosts: readonly string[], context: ProgramContext): KeyPair {
    const made = lifecycleCommand(
      name,
      {
        apply: "exec bash components/mesh/scripts/self-signed.sh",
        environment: {
          SUBJECT_ALT_NAMES: hosts.join(","),
          DAYS: String(selfSignedDays),
          ...(!context.render && { YEAR: String(new Date().getUTCFullYear()) }),
        },
        secretOutput: true,
      },
      this.child,
    );
    const part = (index: 0 | 1) =>
      made.stdout.apply((text) => text.split(/(?=-----BEGIN CERTIFICATE-----)/)[index] ?? "");
    return { privateKey: part(0), certificate: part(1) };
  }
}

function given(tls: GatewayTlsSettings, secrets: GatewayCertificatesArgs["secrets"]): KeyPair {
  const text = (reference: GatewayTlsSettings["certificate"]) => (reference && secrets[reference.secret]) ?? "";
  return { certificate: text(tls.certificate), privateKey: text(tls.privateKey) };
}

/** In openssl's form. `*` says nothing, so that this machine and the nodes are named with it. */
function subjectAltNames(gateway: string, { traffic, nodeAddress }: GatewayCertificatesArgs): string[] {
  const hosts = offeredHosts(traffic, gateway);
  const named = hosts.filter((host) => host !== "*").map((host) => `DNS:${host}`);
  const kind = isIP(nodeAddress ?? "") === 0 ? "DNS" : "IP";
  const anyHost = hosts.includes("*") && nodeAddress !== undefined ? [`${kind}:${nodeAddress}`] : [];
  return [...named, ...anyHost, "DNS:localhost", "IP:127.0.0.1"];
}

/** The certificates of the gateways that show one; nothing where none does. */
export function gatewayCertificates(
  name: string,
  args: GatewayCertificatesArgs,
  opts?: LayerOptions,
): GatewayCertificates | undefined {
  const shown = Object.values(args.gateways).some(({ tls }) => tls && tls.mode !== "PASSTHROUGH");
  return shown ? new GatewayCertificates(name, args, opts) : undefined;
}
