import type { GatewayDeploymentSettings, GatewaysSettings, GatewayTlsSettings } from "../settings/sections/gateways";
import { type ChartSource, helmRelease } from "../shared/helm-release";
import { Layer, type LayerOptions } from "../shared/layer";
import type { GatewayTls, GatewayWorkload } from "../shared/workload";
import { gatewayServicePorts, gatewayValues } from "./values/gateway";
import type { MeshValuesInput } from "./values/input";

/**
 * How policies name the gateways. The chart labels a release's pods `istio: <release without "istio-">`, and runs
 * them under a service account with the release's name.
 * Source: istio/istio, manifests/charts/gateway/templates/_helpers.tpl.
 */
export function gatewayWorkloads(gateways: GatewaysSettings): readonly GatewayWorkload[] {
  return Object.entries(gateways).map(([name, settings]) => ({
    name,
    namespace: gatewayNamespace(name, settings),
    serviceAccount: releaseName(name),
    selector: selector(name),
    ports: gatewayServicePorts(settings),
    ...(settings.tls && { tls: gatewayTls(name, settings.tls) }),
  }));
}

function gatewayTls(name: string, { mode, httpsRedirect }: GatewayTlsSettings): GatewayTls {
  return { mode, httpsRedirect, credentialName: credentialName(name) };
}

/** The Secret with a gateway's certificate, in the gateway's namespace. */
export function credentialName(gateway: string): string {
  return `${releaseName(gateway)}-certificate`;
}

export function gatewayNamespace(gateway: string, { namespace }: Pick<GatewayDeploymentSettings, "namespace">): string {
  return namespace ?? releaseName(gateway);
}

function releaseName(gateway: string): string {
  return `istio-${gateway}`;
}

function selector(gateway: string): Readonly<Record<string, string>> {
  return { istio: gateway };
}

export interface GatewaysArgs extends MeshValuesInput {
  readonly gateways: GatewaysSettings;
  readonly source: ChartSource;
}

/** The proxies at the mesh's edge: a release each, so that one can change without the others. */
export class Gateways extends Layer {
  constructor(name: string, args: GatewaysArgs, opts?: LayerOptions) {
    super("talos-mesh:mesh:Gateways", name, opts);
    for (const [gateway, settings] of Object.entries(args.gateways)) {
      helmRelease(
        `${name}-${gateway}`,
        {
          chart: "gateway",
          release: releaseName(gateway),
          namespace: gatewayNamespace(gateway, settings),
          version: args.mesh.version,
          source: args.source,
          values: gatewayValues(settings, selector(gateway), args),
        },
        this.child,
      );
    }
    this.registerOutputs();
  }
}
