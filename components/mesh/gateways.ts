import type { GatewayDeploymentSettings, GatewaysSettings } from "../settings/sections/gateways";
import { type ChartSource, helmRelease } from "../shared/helm-release";
import { Layer, type LayerOptions } from "../shared/layer";
import type { GatewayWorkload } from "../shared/workload";
import { gatewayServicePorts, gatewayValues } from "./values/gateway";
import type { MeshValuesInput } from "./values/input";

/** The gateways of the settings that are switched on, by the names rules use. */
export function gatewayDeployments(gateways: GatewaysSettings): [name: string, settings: GatewayDeploymentSettings][] {
  return Object.entries(gateways).filter(
    (entry): entry is [string, GatewayDeploymentSettings] => entry[1] !== undefined,
  );
}

/**
 * How policies name the gateways. The chart labels a release's pods `istio: <release without "istio-">`, and runs
 * them under a service account with the release's name.
 * Source: istio/istio, manifests/charts/gateway/templates/_helpers.tpl.
 */
export function gatewayWorkloads(gateways: GatewaysSettings): readonly GatewayWorkload[] {
  return gatewayDeployments(gateways).map(([name, settings]) => ({
    name,
    namespace: settings.namespace ?? releaseName(name),
    serviceAccount: releaseName(name),
    selector: { istio: name },
    ports: gatewayServicePorts(settings),
  }));
}

function releaseName(gateway: string): string {
  return `istio-${gateway}`;
}

export interface GatewaysArgs extends MeshValuesInput {
  readonly gateways: GatewaysSettings;
  readonly source: ChartSource;
}

/** The proxies at the mesh's edge: a release each, so that one can change without the others. */
export class Gateways extends Layer {
  constructor(name: string, args: GatewaysArgs, opts?: LayerOptions) {
    super("talos-mesh:mesh:Gateways", name, opts);
    for (const [gateway, settings] of gatewayDeployments(args.gateways)) {
      helmRelease(
        `${name}-${gateway}`,
        {
          chart: "gateway",
          release: releaseName(gateway),
          namespace: settings.namespace ?? releaseName(gateway),
          version: args.mesh.version,
          source: args.source,
          values: gatewayValues(settings, args),
        },
        this.child,
      );
    }
    this.registerOutputs();
  }
}
